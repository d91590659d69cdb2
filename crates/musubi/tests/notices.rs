//! One infected camera from its report to verified silence; the same across a border; and two hundred kills on the way to the mail server.

mod story;

#[path = "story/sink.rs"]
mod sink;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sink::{Sink, put};
use story::Home;

const CAMERA: &str = "192.0.2.10";
const NEIGHBOUR: &str = "192.0.2.77";
const HEADER: &str = "\"timestamp\",\"protocol\",\"src_ip\",\"src_port\",\"src_asn\",\"src_geo\",\"src_hostname\",\"dst_ip\",\"dst_port\",\"infection\",\"family\",\"device_vendor\",\"device_model\"\n";

/// Noon, UTC, of the day that is so many days after today.
fn noon(day: i64) -> Timestamp {
    let today = Timestamp::now().as_second().div_euclid(86_400);
    Timestamp::from_second((today + day) * 86_400 + 43_200).unwrap()
}

fn at(day: i64) -> String {
    noon(day).to_string()
}

/// The sinkhole's report of one day, received the next morning.
fn deliver(home: &Home, day: i64, seen: &[&str], more: &[&str]) {
    let seen_at = noon(day).checked_sub(SignedDuration::from_hours(2)).unwrap();
    let rows: String = seen
        .iter()
        .enumerate()
        .map(|(n, ip)| {
            let time = seen_at.strftime("%Y-%m-%d %H").to_string();
            format!("\"{time}:{n:02}:00\",\"tcp\",\"{ip}\",4000{n},64496,\"JP\",\"host-{n}.isp.example\",\"198.51.100.1\",80,\"mirai\",\"mirai\",\"Acme\",\"IPC-7\"\n")
        })
        .collect();
    let name = format!("{}-event4_sinkhole-jp.csv", noon(day).strftime("%Y-%m-%d"));
    let path = home.write(&name, format!("{HEADER}{rows}"));
    let received = noon(day + 1).checked_sub(SignedDuration::from_hours(6)).unwrap().to_string();
    home.json(&[&["ingest", "--received", &received], more, &[path.to_str().unwrap()]].concat());
}

const PARTIES: &str = r#"
[[party]]
id = "us"
name = "Example CSIRT"
kind = "national-csirt"
nation = "JP"
own = true
communities = ["nca"]
contacts = ["csirt ja info@csirt.example"]

[[party]]
id = "isp-jp"
name = "Example ISP"
name_ja = "例示プロバイダ"
kind = "provider"
nation = "JP"
clients_of = ["us"]
networks = ["192.0.2.0/24"]

[[party]]
id = "acme"
name = "Acme Cameras"
kind = "maker"
nation = "JP"
clients_of = ["us"]
products = ["Acme"]
contacts = ["product-security en psirt@acme.example"]

[[agreement]]
id = "watch"
name = "National watch"
kind = "public-private"
parties = ["us", "isp-jp", "acme"]
max_tlp = "AMBER"
purposes = ["notify", "respond"]
reference = "Contract 17"
"#;

/// GnuPG in a folder of its own; `None`, with the reason printed, when it is not installed.
struct Gpg(tempfile::TempDir);

impl Gpg {
    fn new() -> Option<Self> {
        if Command::new("gpg").arg("--version").output().is_err() {
            eprintln!("skipped: gpg is not installed, so nobody decrypts the mail");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let gpg = Self(folder);
        gpg.run(&["--quick-gen-key", "Abuse desk <abuse@isp.example>", "default", "default", "never"], &[]);
        Some(gpg)
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> (String, String) {
        let mut child = Command::new("gpg")
            .env("GNUPGHOME", self.0.path())
            .args(["--batch", "--yes", "--passphrase", "", "--pinentry-mode", "loopback", "--trust-model", "always", "--status-fd", "2"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input).unwrap();
        let done = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        assert!(done.status.success(), "gpg {arguments:?}: {}", text(done.stderr));
        (text(done.stdout), text(done.stderr))
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").env("GNUPGHOME", self.0.path()).args(["--kill", "all"]).output();
    }
}

/// Everything a mail says, with the encodings of its parts taken off.
fn plain(mail: &str) -> String {
    let mut all = mail.to_owned();
    let mut block = String::new();
    for line in mail.lines().chain([""]) {
        let is_base64 = line.len() > 3 && line.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
        if is_base64 {
            block.push_str(line);
        } else if !block.is_empty() {
            if let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(&block) {
                if let Ok(mut archive) = zip::ZipArchive::new(std::io::Cursor::new(&bytes)) {
                    for n in 0..archive.len() {
                        std::io::Read::read_to_string(&mut archive.by_index(n).unwrap(), &mut all).unwrap();
                    }
                }
                all.push_str(&String::from_utf8_lossy(&bytes));
            }
            block.clear();
        }
    }
    all
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn one_camera_from_report_to_verified_silence() {
    let home = Home::new();
    let maildir = home.beside("answers");
    let sink = Sink::open(&maildir);
    let gpg = Gpg::new();
    home.write("home/config.toml", sink.config(&maildir));
    home.write("home/quiet-periods.toml", "infected-system = 3\n");
    let key = gpg.as_ref().map(|gpg| gpg.run(&["--armor", "--export", "abuse@isp.example"], &[]).0);
    let contact = match &key {
        Some(key) => format!(
            "\n[[party.contact]]\nrole = \"abuse\"\nlanguage = \"ja\"\naddress = \"abuse@isp.example\"\nopenpgp_key = \"\"\"\n{key}\"\"\"\n"
        ),
        None => "\n[[party.contact]]\nrole = \"abuse\"\nlanguage = \"ja\"\naddress = \"abuse@isp.example\"\n".to_owned(),
    };
    let parties = PARTIES.replace("networks = [\"192.0.2.0/24\"]\n", &format!("networks = [\"192.0.2.0/24\"]\n{contact}"));
    home.ok(&["party", "import", home.write("parties.toml", parties).to_str().unwrap()]);

    // The report comes in, and is found to be about one camera at one provider, made by one maker.
    for day in -3..=-1 {
        deliver(&home, day, &[CAMERA, NEIGHBOUR], &["--tlp", "amber"]);
    }
    home.json(&["case", "group", "--since", &at(-9), "--at", &at(0), "--by", "job"]);
    let found = home.ok(&["--json", "party", "find", CAMERA]).out;
    assert!(found.contains("isp-jp"), "{found}");
    let event = home.rows(&format!("SELECT id FROM events WHERE source_ip = '{CAMERA}' LIMIT 1"))[0]["id"].as_str().unwrap().to_owned();
    let explained = home.json(&["explain", "--event", &event, "--to", "isp-jp", "--purpose", "notify", "--channel", "mail"]);
    assert!(explained["decision"].as_str().unwrap().starts_with("allow"), "{explained}");
    assert!(explained.to_string().contains("watch"), "the agreement is cited: {explained}");

    // A burst waits; then each is told once, as what they are.
    let waiting = home.json(&["notice", "prepare"]);
    assert_eq!((waiting["waiting"].as_i64(), waiting["ready"].as_array().map(Vec::len)), (Some(2), Some(0)), "{waiting}");
    let ready = home.json(&["notice", "prepare", "--at-once"]);
    assert_eq!(ready["ready"].as_array().map(Vec::len), Some(2), "{ready}");
    let list = home.json(&["notice", "list", "--state", "ready"]);
    let of = |party: &str| list.as_array().unwrap().iter().find(|n| n["party"] == party).unwrap().clone();
    assert_eq!((of("isp-jp")["role"].as_str(), of("isp-jp")["findings"].as_i64()), (Some("operator"), Some(2)));
    assert_eq!((of("acme")["role"].as_str(), of("acme")["problem"].as_str()), (Some("maker"), Some("compromised")));
    assert!(home.json(&["notice", "send", "--dry-run"])["dry_run"].as_bool().unwrap() && sink.mails().is_empty());

    let sent = home.json(&["notice", "send"]);
    assert_eq!((sent["sent"].as_i64(), sent["failed"].as_i64()), (Some(2), Some(0)), "{sent}");
    let mails = sink.mails();
    let to_isp = mails.iter().find(|mail| mail.to == "abuse@isp.example").unwrap();
    let letter = match &gpg {
        Some(gpg) => {
            let on_the_way = plain(&to_isp.mail);
            for words in [CAMERA, "感染", "TLP:AMBER"] {
                assert!(
                    !on_the_way.contains(words) && !to_isp.field("Subject").contains("?"),
                    "{words} can be read on the way: {on_the_way}"
                );
            }
            gpg.run(&["--import"], home.ok(&["key", "show"]).out.as_bytes());
            let armour = &to_isp.mail[to_isp.mail.find("-----BEGIN PGP MESSAGE-----").unwrap()..];
            let (text, status) = gpg.run(&["--decrypt"], armour.as_bytes());
            for word in ["GOODSIG", "DECRYPTION_OKAY", "GOODMDC"] {
                assert!(status.contains(word), "{word}: {status}");
            }
            plain(&text)
        }
        None => plain(&to_isp.mail),
    };
    for words in [CAMERA, NEIGHBOUR, "例示プロバイダ", "対応済", "TLP:AMBER", "\"type\":\"botnet\"", "acme"] {
        assert!(letter.contains(words), "{words} in {letter}");
    }
    assert_eq!(home.json(&["notice", "prepare", "--at-once"])["ready"].as_array().map(Vec::len), Some(0), "nobody is told twice");

    // Its receipt holds in another process, on no home.
    let notice = of("isp-jp")["id"].as_str().unwrap().to_owned();
    let receipt = home.write("receipt", home.ok(&["receipt", "make", &notice]).out);
    let policy = home.write("policy", home.ok(&["log", "policy"]).out);
    let content = home.write("content.eml", home.ok(&["notice", "show", "--mail", &notice]).bytes);
    let paths = [&receipt, &policy, &content].map(|path| path.to_str().unwrap().to_owned());
    let elsewhere = home.beside("nowhere");
    let check = |content: &str| {
        let arguments = ["receipt", "verify", &paths[0], "--policy", &paths[1], "--content", content];
        home.command_at(&elsewhere, &arguments).output().unwrap().status.code()
    };
    assert_eq!(check(&paths[2]), Some(0));
    assert_eq!(check(&paths[1]), Some(1), "another content is not what was given");
    home.ok(&["log", "verify"]);

    // The relay reports delivery; the provider answers.
    let reply = format!(
        "From: Abuse desk <abuse@isp.example>\r\nTo: {}\r\nSubject: Re: {}\r\nMessage-ID: <a1@isp.example>\r\n\r\n対応済\r\n再起動しました。\r\n> 元の文\r\n",
        to_isp.field("Reply-To"),
        to_isp.field("Subject")
    );
    put(&maildir, reply.as_bytes());
    let back = home.json(&["notice", "answers"]);
    assert_eq!(
        (back["delivered"].as_i64(), back["answered"].as_i64(), back["for_a_person"].as_i64()),
        (Some(2), Some(1), Some(0)),
        "{back}"
    );
    let shown = home.json(&["notice", "show", &notice]);
    assert_eq!((shown["state"].as_str(), shown["answer"].as_str()), (Some("delivered"), Some("fixed")), "{shown}");
    assert_eq!(home.json(&["notice", "answers"])["new"], 0, "nothing is read twice");
    let quality = home.json(&["notice", "contacts"]);
    let isp = quality.as_array().unwrap().iter().find(|c| c["id"] == "abuse@isp.example").unwrap();
    assert_eq!((isp["sent"].as_i64(), isp["delivered"].as_i64(), isp["fixed"].as_i64()), (Some(1), Some(1), Some(1)), "{isp}");

    // The answer is an answer to the takedown that the notice asked for; but the network decides.
    let state = |what: &str| {
        let list = home.json(&["takedown", "list", "--all"]);
        let row = list.as_array().unwrap().iter().find(|row| row["target"].as_str().unwrap().contains(CAMERA)).unwrap().clone();
        assert_eq!(row["state"].as_str(), Some(what), "{row}");
    };
    state("fixed");
    let verify = |day: i64| home.json(&["takedown", "verify", "--by", "job", "--at", &at(day)]);
    deliver(&home, 1, &[CAMERA, NEIGHBOUR], &["--tlp", "amber"]);
    verify(2);
    state("reopened");
    for day in 2..=4 {
        deliver(&home, day, &[NEIGHBOUR], &["--tlp", "amber"]);
        verify(day + 1);
    }
    state("verified");
    home.must_be_well();
}

/// Words that stand in evidence marked AMBER+STRICT and in nothing else.
const MARKERS: [&str; 4] = ["203.0.113.66", "planted-host.marker.example", "planted-malware", "planted-feed"];

#[test]
fn what_must_stay_inside_appears_in_nothing_that_a_foreign_party_gets() {
    let home = Home::new();
    let maildir = home.beside("answers");
    let sink = Sink::open(&maildir);
    home.write("home/config.toml", sink.config(&maildir));
    let parties = r#"
[[party]]
id = "us"
name = "Example CSIRT"
kind = "national-csirt"
nation = "JP"
own = true
communities = ["apcert"]

[[party]]
id = "kr-cert"
name = "KR CERT"
kind = "national-csirt"
nation = "KR"
communities = ["apcert"]
networks = ["203.0.113.0/24"]
countries = ["KR"]
contacts = ["csirt en team@kr-cert.example"]

[[agreement]]
id = "apcert"
name = "Regional"
kind = "regional"
communities = ["apcert"]
max_tlp = "RED"
purposes = ["notify", "defend", "respond", "investigate", "research"]
reference = "Framework"
"#;
    home.ok(&["party", "import", home.write("parties.toml", parties).to_str().unwrap()]);
    let row = |ip: &str, host: &str, malware: &str| {
        format!(
            "{HEADER}\"{} 01:02:03\",\"tcp\",\"{ip}\",40000,64499,\"KR\",\"{host}\",\"198.51.100.1\",80,\"{malware}\",\"{malware}\",\"\",\"\"\n",
            noon(-1).strftime("%Y-%m-%d")
        )
    };
    let strict = home.write("strict.csv", row("203.0.113.66", "planted-host.marker.example", "planted-malware"));
    let open = home.write("open.csv", row("203.0.113.7", "open.example", "mirai"));
    home.json(&["ingest", "--format", "shadowserver", "--feed", "planted-feed", "--tlp", "amber+strict", strict.to_str().unwrap()]);
    home.json(&["ingest", "--format", "shadowserver", "--feed", "open-feed", "--tlp", "green", open.to_str().unwrap()]);
    assert_eq!(home.events(), 2);

    let prepared = home.json(&["notice", "prepare", "--at-once"]);
    assert_eq!((prepared["ready"].as_array().map(Vec::len), prepared["denied"].as_i64()), (Some(1), Some(1)), "{prepared}");
    let denied = home.json(&["notice", "denials"]);
    assert_eq!((denied[0]["party"].as_str(), denied[0]["rule"].as_str()), (Some("kr-cert"), Some("tlp-amber-strict")), "{denied}");
    home.json(&["notice", "send"]);

    // All that the party gets, and all that it could ask for.
    let mut given: Vec<(String, String)> = sink.mails().iter().map(|mail| (format!("mail to {}", mail.to), plain(&mail.mail))).collect();
    assert!(given.len() == 1 && given[0].1.contains("203.0.113.7"), "the other event is told: {given:?}");
    let notices = home.json(&["notice", "list", "--party", "kr-cert"]);
    given.push(("list".into(), notices.to_string()));
    for id in ids(&notices) {
        for arguments in [&["notice", "show"][..], &["notice", "show", "--csv"], &["notice", "show", "--mail"], &["receipt", "make"]] {
            given.push((format!("{arguments:?}"), plain(&home.ok(&[arguments, &[&id]].concat()).out)));
        }
    }
    for format in ["json", "csv", "table"] {
        given.push((format.into(), home.ok(&["query", "--to", "kr-cert", "--format", format, "SELECT * FROM events"]).out));
    }
    given.push((
        "count".into(),
        home.ok(&["query", "--to", "kr-cert", "SELECT count(*), max(source_ip), min(malware), max(feed) FROM events"]).out,
    ));
    given.push(("events".into(), home.ok(&["--json", "events", "--to", "kr-cert"]).out));
    for marker in ["203.0.113.7", "203.0.113.0/24", "marker.example"] {
        let mut said = home.ok(&["--json", "lookup", "--to", "kr-cert", marker]).out;
        // What was asked is said back.
        said = said.replace(marker, "");
        given.push((format!("lookup {marker}"), said));
    }
    let exported = home.beside("exported");
    home.ok(&["log", "export", exported.to_str().unwrap()]);
    every_file(&exported, &mut |path, bytes| given.push((path.display().to_string(), String::from_utf8_lossy(bytes).into_owned())));
    given.push(("log".into(), home.ok(&["--json", "log", "list", "--to", "kr-cert"]).out));
    for (where_, text) in &given {
        for marker in MARKERS {
            assert!(!text.contains(marker), "{marker} in {where_}: {text}");
        }
    }
    assert_eq!(home.json(&["query", "--to", "kr-cert", "SELECT count(*) AS n FROM events"])["n"], 1);
    // The markers are there, for ourselves.
    assert!(home.ok(&["query", "SELECT * FROM events", "--format", "json"]).out.contains(MARKERS[0]));

    // Without the agreement nothing above CLEAR goes out any more, at once.
    home.ok(&["agreement", "revoke", "apcert"]);
    assert_eq!(home.json(&["query", "--to", "kr-cert", "SELECT count(*) AS n FROM events"])["n"], 0);
}

fn every_file(folder: &Path, each: &mut dyn FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            every_file(&path, each);
        } else {
            each(&path, &fs::read(&path).unwrap());
        }
    }
}

#[test]
fn a_draft_is_decided_once_more_when_it_goes_out() {
    let home = Home::new();
    let maildir = home.beside("answers");
    let sink = Sink::open(&maildir);
    home.write("home/config.toml", sink.config(&maildir));
    let parties =
        PARTIES.replace("networks = [\"192.0.2.0/24\"]\n", "networks = [\"192.0.2.0/24\"]\ncontacts = [\"abuse en abuse@isp.example\"]\n");
    home.ok(&["party", "import", home.write("parties.toml", parties).to_str().unwrap()]);
    deliver(&home, -1, &[CAMERA], &["--tlp", "amber"]);
    assert_eq!(home.json(&["notice", "prepare", "--at-once"])["ready"].as_array().map(Vec::len), Some(2));
    home.ok(&["agreement", "revoke", "watch"]);
    let sent = home.json(&["notice", "send"]);
    assert_eq!((sent["sent"].as_i64(), sent["denied"].as_array().map(Vec::len)), (Some(0), Some(2)), "{sent}");
    assert!(sink.mails().is_empty());
    let list = home.json(&["notice", "list"]);
    assert!(
        list.as_array().unwrap().iter().all(|n| n["state"] == "denied" && n["reason"].as_str().unwrap().contains("agreement")),
        "{list}"
    );
}

#[test]
fn what_a_notice_had_to_leave_out_does_not_count_as_told() {
    let home = Home::new();
    let maildir = home.beside("answers");
    let sink = Sink::open(&maildir);
    home.write("home/config.toml", sink.config(&maildir));
    let wider = "[[agreement]]\nid = \"wide\"\nname = \"Everybody\"\nkind = \"public-private\"\nparties = [\"us\", \"isp-jp\"]\n\
                 max_tlp = \"GREEN\"\npurposes = [\"notify\", \"respond\"]\nreference = \"Contract 18\"\n";
    let parties =
        PARTIES.replace("networks = [\"192.0.2.0/24\"]\n", "networks = [\"192.0.2.0/24\"]\ncontacts = [\"abuse en abuse@isp.example\"]\n");
    home.ok(&["party", "import", home.write("parties.toml", parties + wider).to_str().unwrap()]);
    let (open, strict, both) = ("192.0.2.71", "192.0.2.72", "192.0.2.73");
    deliver(&home, -2, &[open, both], &["--tlp", "green"]);
    deliver(&home, -1, &[strict, both], &["--tlp", "amber"]);
    home.json(&["notice", "prepare", "--at-once"]);
    home.ok(&["agreement", "revoke", "watch"]);
    let sent = home.json(&["notice", "send"]);
    assert_eq!(sent["sent"].as_i64(), Some(1), "{sent}");
    let mails = sink.mails();
    let mail = plain(&mails[0].mail);
    assert!(mail.contains(open) && mail.contains(both) && !mail.contains(strict), "{mail}");

    // Seen again today and free to be told now: the one that was kept back is news, the others were told.
    deliver(&home, 0, &[open, strict, both], &["--tlp", "green"]);
    let again = home.json(&["notice", "prepare", "--at-once"]);
    assert_eq!((again["new"].as_i64(), again["known"].as_i64()), (Some(1), Some(2)), "{again}");
    home.json(&["notice", "send"]);
    let mails = sink.mails();
    assert_eq!(mails.len(), 2);
    let mail = plain(&mails[1].mail);
    assert!(mail.contains(strict) && !mail.contains(open) && !mail.contains(both), "{mail}");
}

#[test]
fn a_notice_that_is_taken_back_was_never_told() {
    let home = Home::new();
    let parties =
        PARTIES.replace("networks = [\"192.0.2.0/24\"]\n", "networks = [\"192.0.2.0/24\"]\ncontacts = [\"abuse en abuse@isp.example\"]\n");
    home.ok(&["party", "import", home.write("parties.toml", parties).to_str().unwrap()]);
    deliver(&home, -1, &[CAMERA], &["--tlp", "amber"]);
    home.json(&["notice", "prepare", "--at-once"]);
    for id in ids(&home.json(&["notice", "list"])) {
        home.json(&["notice", "cancel", &id, "--reason", "the sensor was wrong"]);
        assert_eq!(home.run(&["notice", "cancel", &id, "--reason", "again"]).code, Some(1));
    }
    assert_eq!(home.json(&["notice", "prepare", "--at-once"])["ready"].as_array().map(Vec::len), Some(0));
    let again = home.json(&["notice", "prepare", "--at-once", "--since", &at(-9)]);
    assert_eq!((again["new"].as_i64(), again["ready"].as_array().map(Vec::len)), (Some(2), Some(2)), "{again}");
    let told = home.run(&["notice", "send"]);
    assert!(told.code == Some(1) && told.err.contains("[mail]"), "{}", told.err);
    home.write("home/config.toml", Sink::open(&home.beside("answers")).config(&home.beside("answers")));
    // One who is gone does not hold up the others.
    home.ok(&["party", "end", "isp-jp"]);
    let told = home.json(&["notice", "send"]);
    assert_eq!((told["sent"].as_i64(), told["unreachable"].as_array().map(Vec::len)), (Some(1), Some(1)), "{told}");
    let told = home.run(&["notice", "show", "N-NOTHING0"]);
    assert!(told.code == Some(1) && told.err.contains("N-NOTHING0"), "{}", told.err);
}

#[test]
fn whoever_does_nothing_is_passed_over_to_the_next_in_line() {
    let home = Home::new();
    let parties = PARTIES
        .replace("networks = [\"192.0.2.0/24\"]\n", "networks = [\"192.0.2.0/24\"]\ncontacts = [\"abuse en abuse@isp.example\"]\n")
        + "\n[[party]]\nid = \"jp-cert\"\nname = \"JP CERT\"\nkind = \"national-csirt\"\nnation = \"JP\"\nclients_of = [\"us\"]\ncountries = [\"JP\"]\ncontacts = [\"csirt ja info@jp-cert.example\"]\n\n\
           [[agreement]]\nid = \"with-jp-cert\"\nname = \"x\"\nkind = \"bilateral\"\nparties = [\"us\", \"jp-cert\"]\nmax_tlp = \"AMBER\"\npurposes = [\"notify\"]\nreference = \"x\"\n";
    home.ok(&["party", "import", home.write("parties.toml", parties).to_str().unwrap()]);
    home.write("home/notices.toml", "[compromised]\nrepeat = \"30d\"\nescalate = \"5d\"\n");
    // Parties are known from the moment they were entered: never before now.
    let moment = |day: i64| noon(day).max(Timestamp::now()).to_string();
    let prepare = |day: i64| home.json(&["notice", "prepare", "--at-once", "--at", &moment(day)]);
    deliver(&home, -1, &[CAMERA], &["--tlp", "amber"]);
    assert_eq!(prepare(0)["new"], 2);
    for day in 1..=4 {
        deliver(&home, day, &[CAMERA], &["--tlp", "amber"]);
        let done = prepare(day + 1);
        assert_eq!((done["known"].as_i64(), done["escalated"].as_i64()), (Some(2), Some(0)), "day {day}: {done}");
    }
    deliver(&home, 6, &[CAMERA], &["--tlp", "amber"]);
    let done = prepare(7);
    assert!(done["escalated"].as_i64() >= Some(1), "{done}");
    let list = home.json(&["notice", "list", "--party", "jp-cert"]);
    assert_eq!((list[0]["role"].as_str(), list[0]["findings"].as_i64()), (Some("next-in-line"), Some(1)), "{list}");
    home.write(
        "home/config.toml",
        "[mail]\nfrom = \"csirt@csirt.example\"\norganisation = \"Example CSIRT\"\nreply_to = \"notice@csirt.example\"\n",
    );
    let letter = home.ok(&["notice", "preview", &ids(&list)[0], "--at", &at(7)]).out;
    assert!(letter.contains("観測が続いて"), "{letter}");
}

/// Deliveries and kills; `MUSUBI_KILLS` sets how many kills.
#[test]
fn a_kill_on_the_way_to_the_mail_server_neither_loses_nor_doubles_a_notice() {
    let kills: u32 = std::env::var("MUSUBI_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let home = Home::new();
    let maildir = home.beside("answers");
    let sink = Sink::open(&maildir);
    home.write("home/config.toml", sink.config(&maildir));
    // Eight providers of one /27 each.
    let mut parties = String::from("[[party]]\nid = \"us\"\nname = \"Us\"\nkind = \"national-csirt\"\nown = true\nnation = \"JP\"\n");
    for n in 0..8 {
        parties.push_str(&format!(
            "[[party]]\nid = \"isp-{n}\"\nname = \"ISP {n}\"\nkind = \"provider\"\nnation = \"JP\"\nnetworks = [\"192.0.2.{}/27\"]\ncontacts = [\"abuse en abuse@isp-{n}.example\"]\n",
            32 * n
        ));
    }
    home.ok(&["party", "import", home.write("parties.toml", parties).to_str().unwrap()]);
    // A subject is an address and a malware, so every delivery brings new ones.
    let mut expected: BTreeSet<(String, String)> = BTreeSet::new();
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u64| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        chance % below
    };
    let mut killed = 0;
    let mut round = 0;
    while killed < kills {
        let malware = format!("malware{round}");
        let day = noon(-1).strftime("%Y-%m-%d").to_string();
        let rows: String = (0..16)
            .map(|n| {
                let ip = format!("192.0.2.{}", n * 16 + 1);
                expected.insert((ip.clone(), malware.clone()));
                format!("\"{day} 01:02:{n:02}\",\"tcp\",\"{ip}\",40000,64499,\"JP\",\"\",\"198.51.100.1\",80,\"{malware}\",\"{malware}\",\"\",\"\"\n")
            })
            .collect();
        let path = home.write("report.csv", format!("{HEADER}{rows}"));
        home.json(&["ingest", "--format", "shadowserver", "--tlp", "clear", path.to_str().unwrap()]);
        for command in [&["notice", "prepare", "--at-once"][..], &["notice", "send"], &["notice", "send"]] {
            if killed >= kills {
                break;
            }
            let mut child = home.command(command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_micros(random(120_000)));
            killed += u32::from(child.try_wait().unwrap().is_none());
            let _ = child.kill();
            child.wait().unwrap();
        }
        round += 1;
    }
    // What was left half-way is finished: what reports show to be delivered is not sent again; what nobody took is.
    home.ok(&["notice", "prepare", "--at-once"]);
    home.ok(&["notice", "answers"]);
    let later = Timestamp::now().checked_add(SignedDuration::from_hours(2)).unwrap().to_string();
    home.ok(&["notice", "send", "--at", &later]);
    home.ok(&["notice", "answers"]);
    let notices = home.json(&["notice", "list", "--limit", "100000"]);
    let open: Vec<&Value> = notices.as_array().unwrap().iter().filter(|n| n["state"] != "delivered").collect();
    assert!(open.is_empty(), "{} notices are left: {open:?}", open.len());
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    let mut told: BTreeSet<(String, String)> = BTreeSet::new();
    for mail in sink.mails() {
        *times.entry(mail.field("Message-ID")).or_default() += 1;
        for line in plain(&mail.mail).lines().filter(|line| line.contains(",infected-system,")) {
            let cells: Vec<&str> = line.split(',').collect();
            assert!(told.insert((cells[3].to_owned(), cells[15].to_owned())), "told twice: {line}");
        }
    }
    let doubled: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(doubled.is_empty(), "doubled: {doubled:?}");
    assert_eq!(times.len(), notices.as_array().unwrap().len(), "as many mails as notices");
    assert_eq!(told, expected, "what was told is what was seen");
    home.ok(&["log", "verify"]);
    home.must_be_well();
    eprintln!("{killed} kills, {} notices, {} subjects, nothing lost or doubled", notices.as_array().unwrap().len(), told.len());
}
