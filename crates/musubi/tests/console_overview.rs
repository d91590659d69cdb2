//! Overview, events, look-up, evidence: every number is the number of its rows, a page walks through all of them once, a file holds
//! exactly the filter, and what strangers wrote acts nowhere.

mod story;

use std::collections::BTreeSet;

use base64::Engine as _;
use story::Home;
use story::server::{Answer, Server, Token};

/// A server on a home, and one of ours and one of another party who ask it.
struct Console {
    home: Home,
    server: Server,
    ours: Token,
    theirs: Token,
}

impl Console {
    fn new(home: Home) -> Self {
        home.write("more.toml", "[[party]]\nid = \"stranger\"\nname = \"Stranger\"\nkind = \"company\"\n");
        home.ok(&["party", "import", "more.toml"]);
        let parties = home.json(&["party", "list"]);
        let own = parties.as_array().unwrap().iter().find(|party| party["own"] == true).unwrap()["id"].as_str().unwrap().to_owned();
        let (ours, theirs) = (Token::create(&home, &own, "manager"), Token::create(&home, "stranger", "manager"));
        let server = Server::start(&home);
        Self { home, server, ours, theirs }
    }

    /// A home of our own making: so many events of the days before this one.
    fn with(rows: u64) -> Self {
        let home = Home::new();
        home.write("us.toml", "[[party]]\nid = \"us\"\nname = \"Example CSIRT\"\nkind = \"national-csirt\"\n");
        home.ok(&["party", "import", "us.toml"]);
        home.ok(&["party", "own", "us"]);
        home.write("2026-03-24-scan_ssh-test.csv", story::ssh(0..rows));
        home.ok(&["ingest", "2026-03-24-scan_ssh-test.csv"]);
        Self::new(home)
    }

    fn by(&self, token: &Token, path: &str) -> Answer {
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", token.id, token.token));
        self.server.request("GET", path, &[("Authorization", &format!("Basic {basic}"))], b"")
    }

    fn get(&self, path: &str) -> String {
        let answer = self.by(&self.ours, path);
        assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
        String::from_utf8(answer.body).unwrap()
    }
}

impl Console {
    /// How many there are behind a door: as its page says, and where it says nothing, row by row and page by page.
    fn behind(&self, to: &str) -> u64 {
        let (mut counted, mut said, mut at) = (0, None, Some(to.to_owned()));
        while let Some(path) = at {
            let page = self.get(&path);
            let is_first = counted == 0;
            counted += rows(&page);
            said = said.or(total(&page));
            // Pages of events are many, and say how many; their rows are counted elsewhere.
            if is_first && to.starts_with("/events") {
                return said.unwrap_or_else(|| panic!("{to} says no number"));
            }
            at = ids(&page).1;
        }
        assert!(said.is_none_or(|said| said == counted), "{to} says {said:?} and has {counted}");
        counted
    }
}

/// Links that say how many rows they lead to.
fn doors(page: &str) -> BTreeSet<(String, u64)> {
    let tags = page.split("<a ").skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag);
    let attribute = |tag: &str, name: &str| {
        tag.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split_once('"')).map(|(value, _)| value.replace("&amp;", "&"))
    };
    tags.filter_map(|tag| Some((attribute(tag, "href")?, attribute(tag, "data-count")?.parse().ok()?))).collect()
}

/// Rows of the first table of a page.
fn rows(page: &str) -> u64 {
    let body = page.split_once("<tbody>").map_or("", |(_, rest)| rest.split("</tbody>").next().unwrap());
    body.matches("<tr>").count() as u64
}

fn total(page: &str) -> Option<u64> {
    page.split_once("data-total=\"")?.1.split_once('"')?.0.parse().ok()
}

/// Identities of the events on a page, and the way to the next.
fn ids(page: &str) -> (Vec<String>, Option<String>) {
    let ids = page
        .split("href=\"/events/")
        .skip(1)
        .filter_map(|rest| rest.get(..32))
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let next = page.split_once("rel=\"next\" href=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(to, _)| to.replace("&amp;", "&"));
    (ids.map(str::to_owned).collect(), next)
}

/// Where a page leads that has not looked through all.
fn further(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("class=\"glance\"")?.1.split_once("class=\"button\"")?;
    let (_, rest) = rest.split_once("href=\"")?;
    Some(rest.split_once('"')?.0.replace("&amp;", "&"))
}

#[test]
fn every_number_of_the_overview_is_the_number_of_its_rows() {
    let home = Home::new();
    home.json(&["demo", "--no-serve"]);
    let console = Console::new(home);
    let all = u64::try_from(console.home.events()).unwrap();
    let mut followed = 0;
    for path in ["/", "/?map=victims", "/?lang=ja"] {
        let page = console.get(path);
        let doors = doors(&page);
        assert!(doors.len() > 20, "{path}: {} links", doors.len());
        assert!(doors.contains(&(String::from("/events"), all)), "{path}: all {all} events");
        // Work that waits has its doors as events have.
        for to in ["/cases", "/cases?state=overdue", "/cases/tasks?state=overdue", "/takedowns?state=overdue", "/notices?pending=1"] {
            assert!(doors.iter().any(|(door, _)| door == to), "{path} has no {to}");
        }
        for (to, count) in doors {
            assert_eq!(console.behind(&to), count, "{path} → {to}");
            followed += 1;
        }
    }
    assert!(followed > 100, "{followed}");
    // The same evidence again, and fewer files: no number changes.
    let before = doors(&console.get("/"));
    console.home.ok(&["compact"]);
    assert_eq!(doors(&console.get("/")), before);
}

/// A page that would look through too much says how far it came; whoever goes on page by page, or asks for all, misses nothing.
#[test]
fn a_search_that_no_filter_knows_ends_early_says_so_and_goes_on() {
    let home = Home::new();
    home.write("us.toml", "[[party]]\nid = \"us\"\nname = \"Example CSIRT\"\nkind = \"national-csirt\"\n");
    home.ok(&["party", "import", "us.toml"]);
    home.ok(&["party", "own", "us"]);
    let mut all = String::new();
    for n in 0..60 {
        // Ten days of six events, at midnight and later; the needle is in one of the oldest day, one of the fourth, one of the newest.
        let needle = if [0, 20, 59].contains(&n) { "host.needle.example" } else { "host.hay.example" };
        let row = serde_json::json!({"time.source": format!("2026-03-{:02}T{:02}:00:00+00:00", 10 + n / 6, n % 6), "source.ip": format!("192.0.2.{n}"),
            "source.reverse_dns": needle, "classification.type": "infected-system", "malware.name": "mirai", "feed.name": "sensor"});
        all = all + &row.to_string() + "\n";
    }
    home.write("rows.jsonl", all);
    home.ok(&["ingest", "--format", "intelmq", "rows.jsonl"]);
    let mut console = Console::new(home);
    console.server = Server::start_glancing(&console.home, 6);
    let (mut at, mut found, mut pages, mut glances) = (Some("/events?q=needle.example".to_owned()), Vec::new(), 0, 0);
    while let Some(path) = at {
        let page = console.get(&path);
        let (more, next) = ids(&page);
        glances += page.matches("class=\"glance\"").count();
        found.extend(more);
        at = next;
        pages += 1;
        assert!(pages <= 10, "each page goes back by a day at least");
    }
    assert_eq!(found.len(), 3);
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), 3, "each event stands on one page");
    assert!(glances > 1 && pages > 2, "{glances} glances on {pages} pages");
    // What the sums know fills a page, and nobody is asked anything.
    assert!(!console.get("/events?malware=mirai").contains("class=\"glance\""));
    let near = console.get("/lookup?value=needle.example");
    assert_eq!((ids(&near).0.len(), near.contains("class=\"glance\"")), (1, true), "only the newest is near");
    // Further back: each step is larger, shows its own events only, and goes on by itself where it found nothing.
    for start in ["/lookup?value=needle.example", "/events?q=needle.example"] {
        let (mut page, mut steps, mut found, mut on) = (console.get(start), 0, Vec::new(), 0);
        loop {
            let here = ids(&page).0;
            let by_itself = page.contains("data-further");
            if start.starts_with("/lookup") {
                let counted: Vec<_> = doors(&page).into_iter().filter(|(to, _)| to.contains("from=")).collect();
                assert!(!counted.is_empty());
                for (to, count) in counted {
                    let (mut at, mut rows) = (Some(to.clone()), 0);
                    while let Some(path) = at {
                        let (more, next) = ids(&console.get(&path));
                        (at, rows) = (next, rows + more.len() as u64);
                    }
                    assert_eq!(rows, count, "{to}");
                }
            }
            assert!(!by_itself || here.is_empty(), "{page}");
            on += usize::from(by_itself);
            found.extend(here);
            let Some(link) = further(&page) else { break };
            page = console.get(&link);
            steps += 1;
            assert!(steps <= 5, "each step goes on by two days at least");
        }
        assert_eq!((found.len(), found.iter().collect::<BTreeSet<_>>().len()), (3, 3), "{start}");
        assert!(steps >= 3 && on >= 1, "{start}: {steps} steps, {on} by themselves");
    }
}

/// A task is late for as long as it waits, in a case that is open: then it is on the overview, and behind its number.
#[test]
fn a_task_is_overdue_until_it_is_done_or_its_case_is_over() {
    let console = Console::with(20);
    let late = || {
        let doors = doors(&console.get("/"));
        let door = doors.into_iter().find(|(to, _)| to == "/cases/tasks?state=overdue").expect("a door to late tasks");
        assert_eq!(console.behind(&door.0), door.1);
        door.1
    };
    let home = &console.home;
    assert_eq!(late(), 0);
    assert!(console.get("/cases/tasks").contains("Nothing is to be done"));
    let case = |title: &str| home.json(&["case", "open", title])["id"].as_str().unwrap().to_owned();
    let (one, two) = (case("a camera"), case("a router"));
    let task = |case: &str, more: &[&str]| home.ok(&[&["case", "task", case], more].concat());
    task(&one, &["ask the owner", "--due", "2026-01-05"]);
    task(&one, &["<b>write</b> it down", "--due", "2026-01-04"]);
    task(&two, &["some day"]);
    task(&two, &["far ahead", "--due", "2099-01-01"]);
    assert_eq!(late(), 2);
    let page = console.get("/cases/tasks?state=overdue");
    assert!(page.find("&lt;b&gt;write").unwrap() < page.find("ask the owner").unwrap() && !page.contains("<b>write"), "{page}");
    assert_eq!(total(&console.get("/cases/tasks")), Some(4));
    assert!(console.get("/").contains("ask the owner"), "on the overview itself");
    // More than a page holds: each once.
    for n in 0..50 {
        task(&two, &[&format!("step {n}"), "--due", "2026-01-06"]);
    }
    assert_eq!(late(), 52);
    home.ok(&["case", "close", &two, "--as", "given-up"]);
    assert_eq!(late(), 2);
    task(&one, &["--done", "1"]);
    assert_eq!(late(), 1);
    home.ok(&["case", "close", &two, "--reopen"]);
    task(&one, &["--undone", "1"]);
    assert_eq!(late(), 52);
    home.ok(&["case", "verify-history"]);
}

#[test]
fn sums_filters_pages_and_files_hold_the_same_rows() {
    let console = Console::with(1234);
    let page = console.get("/events");
    assert_eq!(total(&page), Some(1234));
    // Facets count what their own filter finds, in every order of narrowing.
    let mut followed = 0;
    for (to, count) in doors(&page) {
        let narrowed = console.get(&to);
        assert_eq!(total(&narrowed), Some(count), "{to}");
        for (further, count) in doors(&narrowed).into_iter().take(4) {
            assert_eq!(total(&console.get(&further)), Some(count), "{further}");
            followed += 1;
        }
    }
    assert!(followed > 20);
    // What is typed.
    let address = &console.home.rows("SELECT source_ip FROM events ORDER BY id LIMIT 1")[0]["source_ip"].as_str().unwrap().to_owned();
    for (q, condition) in [
        (address.as_str(), format!("source_ip = '{address}'")),
        ("198.18.1.0/24", String::from("in_network(source_ip, '198.18.1.0/24')")),
        ("AS64501", String::from("source_asn = 64501")),
        ("host-7.isp.example", String::from("source_reverse_dns = 'host-7.isp.example' OR source_fqdn = 'host-7.isp.example'")),
        ("host-77", String::from("source_reverse_dns LIKE '%host-77%' OR source_fqdn LIKE '%host-77%'")),
    ] {
        let want = console.home.number(&format!("SELECT count(*) AS n FROM events WHERE {condition}"));
        let page = console.get(&format!("/events?q={}", q.replace('/', "%2F")));
        assert_eq!(total(&page), Some(want.unsigned_abs()), "{q}");
        assert!(want > 0, "{q}");
    }
    // By pages: every row once, newest first.
    for filter in ["/events?country=JP", "/events?q=AS64501", "/events?from=2026-03-21&to=2026-03-22"] {
        let (mut seen, mut at) = (Vec::new(), Some(filter.to_owned()));
        let first = console.get(filter);
        while let Some(path) = at {
            let (ids, next) = ids(&console.get(&path));
            assert!(!ids.is_empty() && ids.len() <= 50, "{path}");
            seen.extend(ids);
            at = next;
        }
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!((seen.len() as u64, distinct.len()), (total(&first).unwrap(), seen.len()), "{filter}");
        // And as a file.
        let path = filter.replace("/events?", "/events/export/events.csv?");
        let file = console.by(&console.ours, &path);
        assert_eq!(file.status, 200);
        assert!(file.header("content-disposition").unwrap().starts_with("attachment; filename=\"events-"), "{:?}", file.headers);
        let text = String::from_utf8(file.body).unwrap();
        assert_eq!(text.lines().count() - 1, seen.len(), "{path}");
        assert!(
            text.lines()
                .zip(std::iter::once("id".to_owned()).chain(seen.iter().cloned()))
                .all(|(line, id)| line.trim_start_matches('\u{feff}').starts_with(&id)),
            "{path}"
        );
        let lines = console.by(&console.ours, &path.replace(".csv", ".jsonl")).body;
        assert_eq!(lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count(), seen.len());
        let parquet = console.by(&console.ours, &path.replace(".csv", ".parquet")).body;
        assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"), "{path}");
    }
    // One event: by its link, and by its identity alone.
    let (shown, _) = ids(&page);
    for path in [
        format!("/events/{}", shown[0]),
        console
            .get("/events")
            .split("href=\"/events/")
            .find_map(|rest| rest.split_once('"').filter(|(to, _)| to.contains("?at=")).map(|(to, _)| format!("/events/{to}")))
            .unwrap(),
    ] {
        let one = console.get(&path);
        assert!(one.contains("scan_ssh") && one.contains("isp.example"), "{path}: {one}");
    }
    assert_eq!(console.by(&console.ours, "/events/00000000000000000000000000000000").status, 404);
    // New evidence is on the page at once, known evidence changes nothing.
    console.home.write("2026-03-25-scan_ssh-test.csv", story::ssh(1200..1300));
    console.home.ok(&["ingest", "2026-03-25-scan_ssh-test.csv"]);
    let all = console.home.events().unsigned_abs();
    assert!(all > 1234);
    assert_eq!(total(&console.get("/events")), Some(all));
    // An export is written down.
    assert!(console.home.rows("SELECT 1 AS n FROM evidence").len() >= 2);
}

#[test]
fn others_find_no_door_and_nobody_is_sent_to_sign_in() {
    let console = Console::with(20);
    let evidence = console.home.rows("SELECT id FROM evidence")[0]["id"].as_str().unwrap().to_owned();
    let event = console.home.rows("SELECT id FROM events LIMIT 1")[0]["id"].as_str().unwrap().to_owned();
    let paths = [
        String::from("/"),
        String::from("/events"),
        format!("/events/{event}"),
        String::from("/events/sql?sql=SELECT+1"),
        String::from("/events/export/events.csv"),
        String::from("/lookup?value=198.18.0.1"),
        String::from("/search?q=198.18.0.1"),
        String::from("/evidence"),
        format!("/evidence/{evidence}"),
        format!("/evidence/{evidence}/original"),
    ];
    for path in &paths {
        let answer = console.by(&console.theirs, path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("isp.example"), "{path}");
        assert_eq!(console.server.request("GET", path, &[], b"").status, 303, "{path}");
    }
}

#[test]
fn sql_reads_and_nothing_else() {
    let console = Console::with(20);
    let ask = |sql: &str| {
        let query: String = form_urlencoded::byte_serialize(sql.as_bytes()).collect();
        console.get(&format!("/events/sql?sql={query}"))
    };
    assert!(ask("SELECT count(*) AS n FROM events").contains(">20<"));
    for sql in [
        "DROP TABLE events",
        "INSERT INTO events SELECT * FROM events",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "SET datafusion.execution.batch_size = 1",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM evidence",
        "EXPLAIN SELECT * FROM events",
    ] {
        let page = ask(sql);
        assert!(page.contains("class=\"wrong\""), "{sql}: {page}");
        assert!(!page.contains("root:"), "{sql}");
    }
    // Of many rows only some are shown; what would go on for ever ends.
    assert!(ask("SELECT a.id FROM events a, events b, events c").contains("500"));
    assert_eq!(console.get("/events").matches("nonsense").count(), 0);
}

#[test]
fn what_strangers_wrote_acts_nowhere() {
    let home = Home::new();
    home.write("us.toml", "[[party]]\nid = \"us\"\nname = \"Example CSIRT\"\nkind = \"national-csirt\"\n");
    home.ok(&["party", "import", "us.toml"]);
    home.ok(&["party", "own", "us"]);
    // A row whose name is a formula, and one with script in it.
    let rows =
        story::ssh(0..3).replace("host-1.isp.example", "=cmd|' /C calc'!A0").replace("host-2.isp.example", "<script>alert(1)</script>");
    home.write("2026-03-24-scan_ssh-test.csv", rows);
    home.ok(&["ingest", "2026-03-24-scan_ssh-test.csv"]);
    let mail = "Received: from a.example\r\nFrom: x@a.example\r\nSubject: <img src=http://track.example/p.gif>\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nsee http://evil.example/x\r\n--b\r\n\
        Content-Type: text/html\r\n\r\n<img src=\"http://track.example/pixel.gif\"><script>steal()</script>\r\n--b\r\n\
        Content-Type: image/svg+xml; name=a.svg\r\n\r\n<svg onload=\"steal()\"/>\r\n--b--\r\n";
    home.write("mail.eml", mail);
    let _ = home.run(&["ingest", "mail.eml"]);
    let console = Console::new(home);
    let csv = String::from_utf8(
        console.by(&console.ours, "/events/export/events.csv?column=source_reverse_dns&column=source_fqdn&column=extra").body,
    )
    .unwrap();
    assert!(!csv.contains(",=cmd") && !csv.contains("\n=cmd"), "{csv}");
    for evidence in console.home.rows("SELECT id, name FROM evidence") {
        let id = evidence["id"].as_str().unwrap();
        let page = console.get(&format!("/evidence/{id}"));
        assert!(
            !page.contains("<script>alert")
                && !page.contains("<img")
                && !page.contains("<svg onload")
                && !page.contains("<script>steal")
                && !page.contains("href=\"http"),
            "{page}"
        );
        assert!(!page.contains("http://evil.example") && !page.contains("http://track.example"), "{page}");
        let original = console.by(&console.ours, &format!("/evidence/{id}/original"));
        assert_eq!(original.header("content-type"), Some("application/octet-stream"));
        assert!(original.header("content-disposition").unwrap().starts_with("attachment;"));
        assert!(!original.body.is_empty());
    }
    for path in [
        "/events?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/lookup?value=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/events?feed=%22%3E%3Cscript%3Ealert(1)",
        "/events",
    ] {
        let page = console.get(path);
        assert!(!page.contains("<script>alert"), "{path}");
    }
    // A text leads to a page of ours and to no other.
    for (q, to) in [
        ("%2F%2Fevil.example", "/events?q="),
        ("http%3A%2F%2Fevil.example%2F", "/lookup?value="),
        ("198.18.0.1", "/lookup?value=198.18.0.1"),
    ] {
        let answer = console.by(&console.ours, &format!("/search?q={q}"));
        assert_eq!(answer.status, 302);
        assert!(answer.header("location").unwrap().starts_with(to), "{q}: {:?}", answer.header("location"));
    }
}

#[test]
fn a_value_is_told_with_all_that_is_known() {
    let console = Console::with(500);
    let page = console.get("/lookup?value=198.18[.]0.7");
    let want = console.home.number("SELECT count(*) AS n FROM events WHERE source_ip = '198.18.0.7'");
    let doors = doors(&page);
    assert!(doors.contains(&(String::from("/events?q=198.18.0.7"), want.unsigned_abs())), "{doors:?}");
    for (to, count) in doors {
        assert_eq!(total(&console.get(&to)), Some(count), "{to}");
    }
    assert!(console.get("/lookup?value=nothing+here").contains("/events?q=nothing+here"));
    assert!(console.get("/lookup?value=host-7.isp.example").contains("isp.example"));
    assert!(console.get("/lookup").contains("name=\"value\""));
}
