//! The analyst works cases, takedowns and indicators in a browser: what is done there is one history with what the command line does,
//! nothing foreign comes alive on a page, and lists stay pages however long they are.

mod story;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use serde_json::Value;
use story::Home;
use story::server::{Answer, request};

/// A server that ends with its test, and what it said when it began.
struct Server {
    child: Child,
    address: SocketAddr,
    told: Value,
}

impl Server {
    fn start(home: &Home) -> Self {
        let mut child = home.command(&["--json", "serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { child, address: told["address"].as_str().unwrap().parse().unwrap(), told }
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        request(self.address, method, path, headers, body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody with a browser.
struct Browser<'s> {
    server: &'s Server,
    cookie: String,
}

impl<'s> Browser<'s> {
    /// The first administrator, by the link that `serve` prints.
    fn first(server: &'s Server) -> Self {
        let key = server.told["welcome"].as_str().unwrap().split("key=").nth(1).unwrap();
        let body = form(&[("key", key), ("name", "hana"), ("shown", "佐藤 花"), ("password", "correct horse battery staple 9")]);
        let answer = server.request("POST", "/welcome", &[("Content-Type", FORM)], body.as_bytes());
        assert_eq!(answer.status, 303, "{}", text(&answer));
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self { server, cookie }
    }

    fn get(&self, path: &str) -> (u16, String) {
        let answer = self.server.request("GET", path, &[("Cookie", &self.cookie), ("Accept-Language", "en")], b"");
        (answer.status, text(&answer))
    }

    /// A page that is there.
    fn page(&self, path: &str) -> String {
        let (status, text) = self.get(path);
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let headers =
            [("Cookie", self.cookie.as_str()), ("Content-Type", FORM), ("Sec-Fetch-Site", "same-origin"), ("Accept-Language", "en")];
        self.server.request("POST", path, &headers, form(pairs).as_bytes())
    }

    /// A change that is done, and where it led.
    fn done(&self, path: &str, pairs: &[(&str, &str)]) -> String {
        let answer = self.post(path, pairs);
        assert_eq!(answer.status, 303, "{path}: {}", text(&answer));
        answer.header("location").unwrap().to_owned()
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// A camera seen day after day, and a server at another address that serves it.
fn filled() -> Home {
    let home = Home::new();
    let mut rows = String::from("time.source,source.ip,source.port,classification.type,malware.name,destination.ip,destination.fqdn\n");
    for day in 20..27 {
        for hour in [3, 9] {
            rows.push_str(&format!(
                "2026-03-{day}T{hour:02}:00:00+00:00,192.0.2.7,4{hour:03},infected-system,mirai,198.51.100.9,c2.evil.example\n"
            ));
        }
    }
    rows.push_str("2026-03-25T01:00:00+00:00,192.0.2.8,4000,infected-system,mirai,198.51.100.9,c2.evil.example\n");
    let path = home.write("events.csv", rows);
    let told = home.ingest(&["--feed", "sinkhole", "--tlp", "green", path.to_str().unwrap()]);
    assert_eq!(told["stored"], 15, "{told}");
    home
}

#[test]
fn a_case_is_worked_to_its_end_and_every_step_can_be_undone() {
    let home = filled();
    home.ok(&["case", "group", "--since", "2026-03-01", "--by", "ken"]);
    let server = Server::start(&home);
    let hana = Browser::first(&server);

    let list = hana.page("/cases");
    assert!(list.contains("infected-system (mirai) at 192.0.2.7") && list.contains("192.0.2.8"), "{list}");
    let id = |ip: &str| {
        let all = home.json(&["case", "list"]);
        let found = all.as_array().unwrap().iter().find(|case| case["title"].as_str().unwrap().ends_with(ip)).unwrap().clone();
        found["id"].as_str().unwrap().to_owned()
    };
    let (one, two) = (id("192.0.2.7"), id("192.0.2.8"));
    let at = |rest: &str| format!("/cases/{one}{rest}");

    // Everything that is done is one entry under the name of whoever did it.
    let hostile = "**bold** <script>alert(1)</script> <img src=x onerror=alert(2)> [x](javascript:alert(3)) [y](https://evil.example/z) <svg onload=alert(4)>";
    hana.done(&at("/note"), &[("text", hostile)]);
    hana.done(&at("/assign"), &[("assignee", "hana")]);
    hana.done(&at("/due"), &[("due", "2026-04-01")]);
    hana.done(&at("/task"), &[("title", "Ask the maker"), ("assignee", "hana"), ("due", "2026-04-02")]);
    hana.done(&at("/task/done"), &[("number", "1")]);
    hana.done(&at("/task/again"), &[("number", "1")]);
    hana.done(&at("/task/done"), &[("number", "1")]);
    let page = hana.page(&at(""));
    assert!(page.contains("<strong>bold</strong>") && page.contains("hxxps://evil[.]example/z"), "{page}");
    for never in ["<script>alert", "onerror=", "javascript:", "<svg onload", "href=\"https://evil"] {
        assert!(!page.contains(never), "{never}");
    }
    assert!(page.contains("History verified") && page.contains("佐藤 花"), "{page}");
    assert!(page.contains("14 events"), "its events are counted: {page}");
    let told = home.json(&["case", "show", &one]);
    assert_eq!((told["assignee"].as_str(), told["tasks"][0]["done_at"].is_null()), (Some("hana"), false));
    let by: Vec<&str> = told["history"].as_array().unwrap().iter().map(|entry| entry["by"].as_str().unwrap()).collect();
    assert_eq!(by.iter().filter(|by| **by == "hana").count(), 7, "{by:?}");

    // Nobody is given work who has no account; what is not there is not found.
    assert_eq!(hana.post(&at("/assign"), &[("assignee", "nobody-here")]).status, 400);
    assert_eq!(hana.post(&at("/join"), &[("party", "nobody.example")]).status, 400);
    assert_eq!(hana.post(&at("/task/done"), &[("number", "9")]).status, 409);
    assert_eq!(hana.post("/cases/c999/note", &[("text", "x")]).status, 404);
    assert_eq!(hana.get("/cases/c999").0, 404);
    assert_eq!(hana.get("/cases/1%20OR%201=1").0, 404);
    let outside = [("Cookie", hana.cookie.as_str()), ("Content-Type", FORM), ("Sec-Fetch-Site", "cross-site")];
    assert_eq!(server.request("POST", &at("/note"), &outside, b"text=x").status, 400, "not from another site");

    // Merged, not in a circle, parted again; grouping again makes no third case of it.
    assert_eq!(hana.done(&format!("/cases/{two}/merge"), &[("into", &one), ("why", "the same operator")]), at(""));
    assert_eq!(hana.post(&at("/merge"), &[("into", &two)]).status, 409);
    assert_eq!(hana.post(&at("/merge"), &[("into", &one)]).status, 409);
    assert!(hana.page(&at("")).contains("15</a>"), "events of both are shown");
    let grouped = home.json(&["case", "group", "--since", "2026-03-01"]);
    assert_eq!((grouped["opened"].as_u64(), grouped["merged"].as_u64()), (Some(0), Some(0)), "{grouped}");
    hana.done(&format!("/cases/{two}/part"), &[("into", &one)]);
    assert_eq!(home.json(&["case", "show", &two])["state"], "open");
    home.ok(&["case", "merge", &two, "--into", &one]);
    home.ok(&["case", "merge", &two, "--into", &one, "--undo"]);

    // Handed over, closed, opened again.
    hana.done(&at("/hand-over"), &[("assignee", "hana"), ("text", "the maker was asked")]);
    hana.done(&at("/close"), &[("how", "given-up"), ("why", "out of reach")]);
    assert_eq!(hana.post(&at("/close"), &[("how", "resolved")]).status, 409);
    assert!(hana.page("/cases?state=closed").contains(&format!("/cases/{one}\"")));
    assert!(!hana.page("/cases").contains("192.0.2.7"));
    hana.done(&at("/reopen"), &[("why", "seen again")]);

    // On paper: its terms stand on it.
    let report = hana.page(&at("/report"));
    assert!(report.contains("TLP:GREEN") && report.contains("192[.]0[.]2[.]7"), "{report}");
    assert!(home.run(&["case", "verify-history"]).code == Some(0));
    let cookie = hana.cookie.clone();
    drop(server);

    // A history that somebody changed behind its back says so.
    home.ok(&["case", "list"]);
    let path = home.root().join("register.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let at_byte = bytes.windows(12).position(|part| part == b"out of reach").expect("the entry is in the register");
    bytes[at_byte..at_byte + 12].copy_from_slice(b"all is well ");
    std::fs::write(&path, bytes).unwrap();
    let server = Server::start(&home);
    let hana = Browser { server: &server, cookie };
    let page = hana.page(&at(""));
    assert!(page.contains("not what was written") && !page.contains("History verified"), "{page}");
}

#[test]
fn a_takedown_is_asked_answered_and_followed_on_its_page() {
    let home = filled();
    home.write("parties.toml", "[[party]]\nid = \"isp.example\"\nname = \"ISP\"\nkind = \"provider\"\n");
    home.ok(&["party", "import", "parties.toml"]);
    home.ok(&["case", "group", "--since", "2026-03-01"]);
    let server = Server::start(&home);
    let hana = Browser::first(&server);
    let cases = home.json(&["case", "list"]);
    let case = cases.as_array().unwrap().iter().find(|case| case["title"].as_str().unwrap().ends_with("192.0.2.7")).unwrap();
    let case = case["id"].as_str().unwrap();

    assert!(hana.page("/takedowns").contains("Nobody was asked to end anything yet"));
    let asked = [("case", case), ("party", "isp.example"), ("channel", "mail"), ("due", "2026-03-30"), ("days", "5")];
    assert_eq!(hana.post("/takedowns/new", &[("case", case), ("party", "nobody.example")]).status, 400);
    let place = hana.done("/takedowns/new", &asked);
    assert_eq!(hana.post("/takedowns/new", &asked).status, 409, "it runs already");
    let page = hana.page(&place);
    assert!(page.contains("isp.example") && page.contains("Seen (7)"), "seven days are drawn: {page}");
    assert_eq!(page.matches("<rect").count(), 7 * 2 + 1, "for a desk, for a telephone, and the legend");
    assert!(hana.page("/cases?state=waiting").contains(&format!("/cases/{case}\"")), "the case waits for others");
    assert!(hana.page("/takedowns?state=overdue").contains(&place), "March is over");

    hana.done(&format!("{place}/answer"), &[("answer", "fixed"), ("detail", "see http://evil.example/")]);
    let page = hana.page(&place);
    assert!(page.contains("said to be fixed") && page.contains("hxxp://evil[.]example/"), "{page}");
    assert_eq!(hana.post(&format!("/cases/{case}/close"), &[("how", "resolved")]).status, 409, "not shown by the network");
    hana.done(&format!("{place}/escalate"), &[("party", "isp.example"), ("channel", "phone")]);
    hana.done(&format!("{place}/assess"), &[]);
    hana.done(&format!("{place}/withdraw"), &[("why", "a scanner of ours")]);
    assert_eq!(hana.post(&format!("{place}/ask"), &[("party", "isp.example")]).status, 409);
    assert!(hana.page("/takedowns?state=withdrawn").contains(&place));
    hana.done(&format!("/cases/{case}/close"), &[("how", "resolved"), ("why", "done")]);
}

#[test]
fn an_indicator_is_saved_once_its_warnings_were_seen_and_stands_in_the_graph() {
    let home = filled();
    home.ok(&["case", "group", "--since", "2026-03-01"]);
    let server = Server::start(&home);
    let hana = Browser::first(&server);

    // Nothing is saved before its warnings were seen.
    let wish = [("value", "10.1.2.3"), ("class", "c2-server"), ("tlp", "GREEN")];
    let page = text(&hana.post("/indicators/new", &wish));
    assert!(page.contains("never to be blocked") && page.contains("reserved address block"), "{page}");
    assert_eq!(home.json(&["indicator", "list"]), serde_json::json!([]));
    let wish =
        [("value", "hxxp://c2[.]evil[.]example/a"), ("malware", "Mirai"), ("tlp", "GREEN"), ("sure", "yes"), ("because", "a sandbox")];
    let place = hana.done("/indicators/new", &wish);
    let page = hana.page(&place);
    assert!(page.contains("hxxp://c2[.]evil[.]example/a") && page.contains("70</b>") && page.contains("tlp:green"), "{page}");

    hana.done(&format!("{place}/sight"), &[("times", "3")]);
    hana.done(&format!("{place}/false-positive"), &[("trust", "100"), ("because", "<b>ours</b>")]);
    let page = hana.page(&place);
    assert!(page.contains("disputed") && page.contains("&lt;b&gt;ours") && !page.contains("<b>ours"), "{page}");
    assert!(hana.page("/indicators?state=doubted").contains(&place));
    hana.done(&format!("{place}/revoke"), &[]);
    assert!(hana.page("/indicators?state=revoked").contains(&place));
    assert_eq!(hana.post(&format!("{place}/end"), &[("until", "2030-01-01")]).status, 409);
    hana.done(&format!("{place}/restore"), &[]);
    hana.done(&format!("{place}/end"), &[("until", "2020-01-01")]);
    assert!(hana.page("/indicators?state=past").contains(&place));
    assert!(hana.page("/indicators?q=http://c2[.]evil").contains(&place), "defanged or not");
    assert_eq!(hana.get("/indicators/00000000000000000000000000000000").0, 404);

    // What belongs together, each edge with its reason.
    let cases = home.json(&["case", "list"]);
    let case = cases[0]["id"].as_str().unwrap();
    let graph = hana.page(&format!("/graph?case={case}"));
    assert!(
        graph.contains("role=\"group\"")
            && graph.contains("has this malware (infected-system)")
            && graph.contains("reaches (infected-system)"),
        "{graph}"
    );
    assert!(graph.contains("/lookup?value=198.51.100.9") && graph.contains("is about it"), "{graph}");
    assert!(!graph.contains("style=") && !graph.contains("http://c2."), "strict, and nothing to click on");
    assert!(hana.page("/graph?value=198.51.100.9").contains("Nothing is known"), "March is longer ago than ninety days");
    assert!(hana.page("/graph?value=nothing-like-it").contains("Nothing is known"));
    assert_eq!(hana.get("/graph?case=c999").0, 404);
}

#[test]
fn lists_are_pages_and_lose_nobody() {
    let home = Home::new();
    let mut rows = String::from("time.source,source.ip,classification.type,malware.name\n");
    for n in 0..120 {
        rows.push_str(&format!("2026-03-25T01:00:00+00:00,198.51.100.{n},infected-system,mirai\n"));
    }
    let path = home.write("many.csv", rows);
    home.ingest(&["--feed", "sinkhole", path.to_str().unwrap()]);
    home.ok(&["case", "group", "--since", "2026-03-01"]);
    let server = Server::start(&home);
    let hana = Browser::first(&server);
    for first in ["/cases", "/cases?state=new", "/cases?state=all&q=198.51.100"] {
        let mut next = Some(first.to_owned());
        let mut seen = std::collections::BTreeSet::new();
        let mut pages = 0;
        while let Some(path) = next {
            let page = hana.page(&path);
            let ids: Vec<&str> = page.split("class=\"id\" href=\"/cases/").skip(1).filter_map(|part| part.split('"').next()).collect();
            assert!(ids.len() <= 50);
            ids.iter().for_each(|id| assert!(seen.insert((*id).to_owned()), "{id} twice"));
            next = page.split("rel=\"next\" href=\"").nth(1).and_then(|part| part.split('"').next()).map(|link| link.replace("&amp;", "&"));
            pages += 1;
        }
        assert_eq!((pages, seen.len()), (3, 120), "{first}");
    }
    assert!(hana.page("/cases").contains("<b>120</b>"), "the figure is the number of its rows");
    assert_eq!(hana.get("/cases?q=c7").0, 303, "a number leads to its case");
    assert!(hana.page("/cases?q=%25").contains("No case is like this"), "a percent sign is a percent sign");
}
