//! The recipes of docs/api.md for those who come from IntelMQ and n6, done with the clients that they use: IntelMQ's own bots, `requests` as
//! users of n6 write it, and tuspy. Skipped, with the reason, where they cannot be installed.

mod story;

use std::process::Command;

use serde_json::{Value, json};
use story::server::{Server, Token};
use story::{circle, python};

/// Takes the recipes out of the document, changes the address and the token in them, and nothing else.
const SCRIPT: &str = r#"
import datetime, json, os, sys
server, token, document, folder = sys.argv[1:]
# IntelMQ looks for its files below a folder; ours says nothing but that there are no bots beside those of the recipes.
os.environ["INTELMQ_ROOT_DIR"] = folder
os.makedirs(os.path.join(folder, "etc"), exist_ok=True)
with open(os.path.join(folder, "etc", "runtime.yaml"), "w") as runtime:
    runtime.write("global: {}\n")
from ruamel.yaml import YAML
from intelmq.lib.bot import BotLibSettings
from intelmq.bots.collectors.http.collector_http import HTTPCollectorBot
from intelmq.bots.parsers.generic.parser_csv import GenericCsvParserBot
from intelmq.bots.outputs.restapi.output import RestAPIOutputBot
import requests

recipes, lines, inside = {}, [], False
for line in open(document, encoding="utf-8"):
    if line.startswith("```"):
        if inside:
            recipes.update(YAML(typ="safe").load("".join(lines)))
        inside, lines = line.startswith("```yaml"), []
    elif inside:
        lines.append(line)

def parameters(name):
    text = json.dumps(recipes[name]["parameters"]).replace("https://musubi.example", server).replace("TOKEN", token)
    return json.loads(text)

def run(kind, name, *messages):
    recipe = recipes[name]
    assert recipe["module"] == kind.__module__, recipe["module"]
    bot = kind(name, settings=BotLibSettings | parameters(name))
    # Used as a library, a collector does nothing by process_message (IntelMQ 3.5.0): its step is made here, and what it sends is caught.
    if not messages:
        sent = []
        bot.send_message = lambda *reports, **_: sent.extend(reports)
        bot.process()
        return sent
    return bot.process_message(*messages).get("output", [])

told = {}
reports = run(HTTPCollectorBot, "musubi-collector")
events = [event for report in reports for event in run(GenericCsvParserBot, "musubi-parser", report)]
told["intelmq"] = [event.to_dict(hierarchical=False) for event in events]

back = {"time.source": "2026-03-25T04:05:06+00:00", "source.ip": "203.0.113.77", "classification.type": "scanner", "feed.name": "Darknet",
        "__type": "Event"}
run(RestAPIOutputBot, "musubi-output", back)

# As a user of n6 asks: the address is another, all else is the same.
since = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
n6 = requests.Session()
n6.headers["Authorization"] = "Bearer " + token
def inside_of(ending, **more):
    answer = n6.get(f"{server}/report/inside.{ending}", params={"time.min": since, **more})
    answer.raise_for_status()
    return answer
told["json"] = inside_of("json").json()
told["lines"] = [json.loads(line) for line in inside_of("sjson").iter_lines()]
told["bots"] = inside_of("json", category="bots").json()
told["wrong"] = n6.get(f"{server}/report/inside.json", params={"time.min": since, "category": "nothing"}).status_code
told["nobody"] = requests.get(f"{server}/report/inside.json").status_code

from tusclient.client import TusClient
path = os.path.join(folder, "tus.jsonl")
with open(path, "w") as out:
    for n in range(500):
        out.write(json.dumps({"time.source": "2026-03-25T04:05:06+00:00", "source.ip": "203.0.113.9", "source.port": n + 1,
            "classification.type": "scanner"}) + "\n")
client = TusClient(f"{server}/api/v1/uploads", headers={"Authorization": "Bearer " + token})
uploader = client.uploader(path, chunk_size=10000, metadata={"filename": "tus.jsonl", "tlp": "green", "format": "intelmq"})
uploader.upload()
told["tus"] = uploader.url
print(json.dumps(told, default=str))
"#;

#[test]
fn the_recipes_for_users_of_intelmq_and_n6_work_with_their_own_clients() {
    let packages = ["intelmq==3.5.0", "requests", "tuspy==1.1.0"];
    let python = match python::with("clients", &packages, "import intelmq.lib.bot, requests, tusclient, ruamel.yaml") {
        Ok(python) => python,
        Err(reason) => {
            eprintln!("skipped: the clients cannot be installed: {reason}");
            return;
        }
    };
    let home = circle::served();
    let yesterday = jiff::Timestamp::now().checked_sub(jiff::SignedDuration::from_hours(20)).unwrap();
    let row = |ip: &str, class: &str, more: Value| {
        let mut row = json!({"time.source": yesterday.to_string(), "source.ip": ip, "source.port": 4444, "source.asn": 64496,
            "source.geolocation.cc": "JP", "protocol.transport": "tcp", "destination.ip": "203.0.113.1", "destination.port": 80,
            "classification.type": class});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row.to_string() + "\n"
    };
    let rows = row("192.0.2.10", "infected-system", json!({"malware.name": "mirai"}))
        + &row("192.0.2.11", "c2-server", json!({"source.fqdn": "c2.isp.example"}))
        + &row("192.0.2.12", "phishing", json!({"source.url": "http://www.isp.example/login"}))
        + &row("192.0.2.13", "vulnerable-system", json!({}))
        + &row("192.0.2.14", "scanner", json!({}))
        + &row("192.0.2.15", "malware-distribution", json!({"source.url": "http://www.isp.example/x.exe"}))
        + &row("198.51.100.1", "scanner", json!({"extra.mark": "of-another"}));
    home.write("rows.jsonl", rows);
    home.ingest(&["--feed", "sensor", "--format", "intelmq", "--tlp", "amber", "rows.jsonl"]);
    let (isp, us) = (Token::create(&home, "isp", "member"), Token::create(&home, "us", "member"));
    let server = Server::start(&home);
    let script = home.write("clients.py", SCRIPT);
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");
    let output = Command::new(&python)
        .arg(&script)
        .args([&format!("http://{}", server.address), &isp.token, document, script.parent().unwrap().to_str().unwrap()])
        .env("HOME", script.parent().unwrap())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let told: Value = serde_json::from_str(stdout.lines().rfind(|line| line.starts_with('{')).unwrap_or_default())
        .unwrap_or_else(|error| panic!("{error}: {stdout} {errors}"));

    // All that is inside, and nothing that is another's.
    for from in ["intelmq", "json", "lines"] {
        assert_eq!(told[from].as_array().unwrap().len(), 6, "{from}: {}", told[from]);
        assert!(!told[from].to_string().contains("198.51.100.1\""), "{from}");
    }
    let of = |ip: &str| {
        let found = told["intelmq"].as_array().unwrap().iter().find(|event| event["source.ip"] == ip);
        found.unwrap_or_else(|| panic!("{ip}: {}", told["intelmq"])).clone()
    };
    for (ip, class) in [
        ("192.0.2.10", "infected-system"),
        ("192.0.2.11", "c2-server"),
        ("192.0.2.12", "phishing"),
        ("192.0.2.13", "vulnerable-system"),
        ("192.0.2.14", "scanner"),
        ("192.0.2.15", "malware-distribution"),
    ] {
        assert_eq!(of(ip)["classification.type"], class, "{}", of(ip));
    }
    let bot = of("192.0.2.10");
    assert_eq!(
        (&bot["source.port"], &bot["source.asn"], &bot["protocol.transport"]),
        (&json!(4444), &json!(64496), &json!("tcp")),
        "{bot}"
    );
    assert_eq!((&bot["destination.ip"], &bot["source.geolocation.cc"]), (&json!("203.0.113.1"), &json!("JP")), "{bot}");
    assert_eq!(of("192.0.2.11")["source.fqdn"], "c2.isp.example");
    assert_eq!(of("192.0.2.12")["source.url"], "http://www.isp.example/login");
    assert_eq!((told["bots"].as_array().unwrap().len(), &told["bots"][0]["name"]), (1, &json!("mirai")));
    assert_eq!((&told["wrong"], &told["nobody"]), (&json!(400), &json!(401)));

    // What was sent is here, in the name of who sent it.
    let place = told["tus"].as_str().unwrap();
    let place = &place[place.find("/api/").unwrap()..];
    let bearer = [("Authorization", format!("Bearer {}", isp.token))];
    let bearer: Vec<(&str, &str)> = bearer.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let read = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let all = server.request("GET", "/api/v1/uploads", &bearer, b"").json();
        all["data"].as_array().unwrap().iter().all(|upload| upload["ended_at"].is_string())
    });
    assert!(read);
    let tus = server.request("GET", place, &bearer, b"").json();
    assert_eq!(
        (&tus["name"], &tus["outcome"]["stored"], &tus["outcome"]["rejected"]),
        (&json!("tus.jsonl"), &json!(500), &json!(0)),
        "{tus}"
    );
    let bearer = format!("Bearer {}", us.token);
    let sent = server.request("GET", "/api/v1/events?value=203.0.113.77", &[("Authorization", &bearer)], b"").json();
    assert_eq!((&sent["data"][0]["type"], &sent["data"][0]["feed"]), (&json!("scanner"), &json!("given by isp")), "{sent}");
}
