//! Three days at work, followed in a real browser from the first page to the last: an analyst with a report (in Japanese), a provider with
//! a telephone, and an auditor with nothing but a keyboard.

#[path = "story/browser.rs"]
#[allow(dead_code, reason = "each story uses what it needs")]
mod browser;
#[path = "story/person.rs"]
mod person;
mod story;

use std::path::PathBuf;

use browser::{Browser, LOOKS};
use jiff::{SignedDuration, Timestamp};
use person::Person;
use serde_json::Value;
use story::Home;
use story::dns::{Named, program};
use story::server::{Server, Token};

const CAMERA: &str = "192.0.2.10";
const NEIGHBOUR: &str = "192.0.2.77";
const PARTIES: &str = r#"
[[party]]
id = "us"
name = "Example CSIRT"
kind = "national-csirt"
nation = "JP"
own = true
communities = ["nca"]
[[party]]
id = "isp-a"
name = "Aoba Net"
kind = "provider"
nation = "JP"
communities = ["nca"]
networks = ["192.0.2.0/24"]
contacts = ["abuse en abuse@a.example"]
[[party]]
id = "isp-b"
name = "Budou Cable"
kind = "provider"
nation = "JP"
communities = ["nca"]
networks = ["203.0.113.0/24"]
contacts = ["abuse en abuse@b.example"]
[[agreement]]
id = "us-isp-a"
kind = "bilateral"
parties = ["us", "isp-a"]
max_tlp = "GREEN"
purposes = ["notify"]
[[agreement]]
id = "us-isp-b"
kind = "bilateral"
parties = ["us", "isp-b"]
max_tlp = "GREEN"
purposes = ["notify"]
"#;

/// A home that knows us and two providers.
fn known() -> Home {
    let home = Home::new();
    home.write("parties.toml", PARTIES);
    home.ok(&["party", "import", "parties.toml"]);
    home
}

/// The day that is so many days after today.
fn day(days: i64) -> String {
    let at = Timestamp::now().checked_add(SignedDuration::from_hours(24 * days)).unwrap();
    at.strftime("%Y-%m-%d").to_string()
}

/// The sinkhole's report of one day.
fn sinkhole(home: &Home, days: i64, seen: &[&str]) -> PathBuf {
    let header =
        "\"timestamp\",\"protocol\",\"src_ip\",\"src_port\",\"src_asn\",\"src_geo\",\"dst_ip\",\"dst_port\",\"infection\",\"family\"\n";
    let row =
        |ip: &&str| format!("\"{} 00:10:00\",\"tcp\",\"{ip}\",40001,64496,\"JP\",\"198.51.100.1\",80,\"mirai\",\"mirai\"\n", day(days));
    home.write(
        &format!("{}-event4_sinkhole-jp.csv", day(days)),
        [header.to_owned()].into_iter().chain(seen.iter().map(row)).collect::<String>(),
    )
}

/// A report of open services: address, and the name under which it is found again.
fn scan(home: &Home, name: &str, tlp: &str, rows: &[(&str, &str)]) {
    let row = |(ip, host): &(&str, &str)| {
        format!("\"{} 10:00:00\",\"{ip}\",\"tcp\",\"22\",\"{host}.example\",\"ssh\",\"64500\",\"JP\"\n", day(-1))
    };
    let text: String = [story::SSH_HEADER.to_owned()].into_iter().chain(rows.iter().map(row)).collect();
    let path = home.write(&format!("{}-scan_ssh-{name}.csv", day(-1)), text);
    home.ok(&["ingest", "--format", "shadowserver", "--tlp", tlp, path.to_str().unwrap()]);
}

fn welcome(told: &Value) -> String {
    told["welcome"].as_str().expect("nobody has an account").to_owned()
}

/// Uploads files on the page for it, and waits until all of them are read.
async fn brings(person: &Person, files: &[PathBuf]) {
    person.goes("/evidence").await;
    person.follows("証拠の登録").await;
    person.gives("input[name=file]", files).await;
    person.presses("アップロード").await;
    for _ in 0..300 {
        person.goes("/evidence/new").await;
        if person.browser.text().await.matches("読み取り済み").count() >= files.len() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("not read: {}", person.browser.text().await);
}

#[tokio::test]
async fn a_report_becomes_a_case_and_ends_when_the_network_itself_says_so() {
    let Some(browser) = Browser::start().await else { return };
    let home = known();
    let (server, told) = Server::start_told(&home);
    let mut desk = Person::at(browser, &server);
    desk.goes("/sign-in?lang=ja").await;
    desk.comes_by(&welcome(&told), "hanako", "鈴木 花子").await;

    // The first administrator invites an analyst.
    desk.goes("/settings/people").await;
    desk.chooses("main select[id=role]", "analyst").await;
    desk.presses("リンクを発行").await;
    let link = desk.text_of(".once code").await;
    desk.signs_out().await;
    desk.comes_by(&link, "kenji", "高橋 健二").await;

    // A report of three days is given on the page; its events are looked at, and a case is opened from one of them.
    let reports: Vec<PathBuf> = (-3..0).map(|days| sinkhole(&home, days, &[CAMERA, NEIGHBOUR])).collect();
    brings(&desk, &reports).await;
    desk.goes("/events").await;
    desk.reads("6 件").await;
    desk.writes("main input[name=q]", CAMERA).await;
    desk.presses("検索").await;
    desk.reads("3 件").await;
    desk.browser.press(".rows tbody tr:first-child td:first-child a").await;
    desk.reads("sinkhole").await;
    desk.follows("事案を登録").await;
    desk.writes("#text", "**至急**: 同じ機種が他にもある").await;
    desk.presses("事案を登録").await;
    desk.reads("履歴は検証済み").await;
    let case = desk.address().await;
    assert_eq!(case, "/cases/c1");
    desk.reads("イベント 3 件をすべて表示").await;
    assert_eq!(desk.text_of(".noted strong").await, "至急");

    // Work: a task, done; handed over with a word; taken back.
    desk.writes("#task-title", "製造元に問い合わせる").await;
    desk.presses("作業を追加").await;
    desk.presses("完了にする").await;
    desk.reads("未完了に戻す").await;
    desk.chooses("#hand-assignee", "hanako").await;
    desk.writes("#hand-text", "回答を待っています").await;
    desk.presses("引き継ぐ").await;
    desk.reads("担当者を 鈴木 花子 に変更").await;

    // The provider is asked to end it, and says that it did. That alone ends nothing.
    desk.follows("テイクダウンを開始").await;
    desk.writes("#party", "isp-a").await;
    desk.writes("#channel", "phone").await;
    desk.writes("#days", "2").await;
    desk.presses("開始する").await;
    desk.reads("依頼済み").await;
    let takedown = desk.address().await;
    assert_eq!(takedown, "/takedowns/t1");
    desk.chooses("#answer", "fixed").await;
    desk.writes("#detail", "ファームウェアを更新").await;
    desk.presses("回答を記録").await;
    desk.reads("対処済みとの回答").await;
    desk.presses("観測を今すぐ評価").await;
    assert_eq!(desk.text_of(".facts .badge").await, "対処済みとの回答", "nobody has watched yet");
    desk.goes(&case).await;
    desk.chooses("#close-how", "resolved").await;
    desk.presses("事案を終了").await;
    desk.reads("停止が確認されていないテイクダウンがある").await;

    // Days pass. The same sensor goes on telling of the neighbour, and of this address no more.
    drop(server);
    let server = Server::start_ahead(&home, 24 * 4);
    desk.moves_to(&server);
    desk.goes("/account").await;
    if desk.address().await.starts_with("/sign-in") {
        desk.signs_in("kenji").await;
    }
    brings(&desk, &[sinkhole(&home, 1, &[NEIGHBOUR])]).await;
    desk.goes(&takedown).await;
    desk.presses("観測を今すぐ評価").await;
    assert_eq!(desk.text_of(".facts .badge").await, "静穏", "one day is not enough");
    brings(&desk, &[sinkhole(&home, 2, &[NEIGHBOUR]), sinkhole(&home, 3, &[NEIGHBOUR])]).await;
    desk.goes(&takedown).await;
    desk.presses("観測を今すぐ評価").await;
    assert_eq!(desk.text_of(".facts .badge").await, "停止を確認");
    desk.goes(&case).await;
    desk.chooses("#close-how", "resolved").await;
    desk.presses("事案を終了").await;
    desk.reads("解決として終了").await;
    desk.goes("/").await;
    assert_eq!(desk.text_of("a.figure[href*='state=verified'] b").await, "1");
    desk.ends().await;
    assert_eq!(home.json(&["takedown", "show", "t1"])["state"], "verified");
    home.ok(&["case", "verify-history"]);
}

/// A server that gives the names of one zone.
fn zone(named: &Named, serial: u32, more: &str) {
    let text = format!("$TTL 1\n@ IN SOA ns.a.example. abuse.a.example. {serial} 1 1 1 1\n@ IN NS ns.a.example.\n{more}");
    std::fs::write(named.file("zone"), text).unwrap();
}

#[tokio::test]
async fn a_provider_proves_its_network_on_a_telephone_and_answers() {
    let Some(browser) = Browser::start().await else { return };
    if !program("named") {
        return;
    }
    let home = known();
    scan(
        &home,
        "test",
        "GREEN",
        &[("192.0.2.7", "known-of-a"), ("198.18.7.9", "claimed-by-a"), ("198.18.8.9", "next-door"), ("203.0.113.9", "of-b")],
    );
    let soa = "$TTL 1\n@ IN SOA ns.a.example. abuse.a.example. 1 1 1 1 1\n@ IN NS ns.a.example.\n";
    let named = Named::start("zone \"7.18.198.in-addr.arpa\" { type primary; file \"zone\"; };", &[("zone", soa)]);
    home.write(
        "home/config.toml",
        format!(
            "[mail]\nfrom = \"csirt@csirt.example\"\norganisation = \"Example CSIRT\"\nreply_to = \"notice@csirt.example\"\n\
             [serve]\nresolver = \"127.0.0.1:{}\"\n",
            named.port
        ),
    );
    home.ok(&["notice", "prepare", "--at-once"]);
    home.ok(&["notice", "release"]);
    let (server, told) = Server::start_told(&home);
    let phone = Person::at(browser, &server);
    phone.goes("/sign-in?lang=en").await;
    phone.comes_by(&welcome(&told), "hanako", "Suzuki Hanako").await;
    phone.goes("/settings/people").await;
    phone.chooses("main select[id=role]", "partner").await;
    phone.writes("#party", "isp-a").await;
    phone.presses("Make the link").await;
    let link = phone.text_of(".once code").await;
    phone.signs_out().await;

    // From here on with a telephone.
    phone.browser.look(LOOKS[2]).await;
    phone.comes_by(&link, "aoi", "Aoi of Aoba Net").await;
    let goes = async |words: &str| {
        phone.browser.press("details.menu summary").await;
        let found = format!("//nav//details//a[contains(., \"{words}\")]");
        phone.browser.page.find(thirtyfour::By::XPath(found)).await.unwrap().click().await.unwrap();
        phone.reads(words).await;
        assert!(!phone.browser.is_too_wide().await, "{words} scrolls sideways");
    };
    goes("Your problems").await;
    phone.reads("known-of-a").await;
    for other in ["claimed-by-a", "next-door", "of-b"] {
        phone.misses(other).await;
    }

    // A claim shows nothing before it is proved; what others write into the name server proves nothing.
    goes("Your networks").await;
    phone.writes("#value", "198.18.7.0/24").await;
    phone.presses("Claim").await;
    let record = phone.text_of("section.card pre").await;
    let (name, text) = record.split_once(". TXT ").unwrap();
    assert_eq!(name, "_musubi-claim.7.18.198.in-addr.arpa");
    phone.presses("Check now").await;
    phone.reads("The proof is not there").await;
    zone(&named, 2, "_musubi-claim IN TXT \"musubi-claim=of-somebody-else\"\n");
    named.reload("2");
    goes("Your networks").await;
    phone.presses("Check now").await;
    phone.reads("The proof is not there").await;
    zone(&named, 3, &format!("_musubi-claim IN TXT {text}\n"));
    named.reload("3");
    goes("Your networks").await;
    phone.presses("Check now").await;
    phone.browser.shows("that it is proved", "section.card .badge.good").await;
    goes("Your problems").await;
    phone.reads("claimed-by-a").await;
    phone.reads("known-of-a").await;
    for other in ["next-door", "of-b"] {
        phone.misses(other).await;
    }

    // The notice it was sent, answered.
    goes("Notices to you").await;
    phone.follows("N-").await;
    assert!(!phone.browser.is_too_wide().await);
    phone.browser.press("input[name=says][value=fixed]").await;
    phone.writes("#comment", "Closed at the border, see ticket 7").await;
    phone.presses("Send the answer").await;
    phone.reads("Fixed").await;
    let notice = phone.address().await;
    // Ours are not its doors.
    for path in ["/", "/cases", "/parties/isp-b", "/settings/people"] {
        assert_eq!(phone.asks("GET", path, "").await, 404, "{path}");
    }
    phone.signs_out().await;

    // And at our desk it is in the inbox.
    phone.browser.look(LOOKS[0]).await;
    phone.signs_in("hanako").await;
    phone.goes("/answers").await;
    phone.reads("Aoi of Aoba Net").await;
    phone.reads("Closed at the border").await;
    phone.goes("/parties/isp-a").await;
    phone.reads("198.18.7.0/24").await;
    phone.ends().await;
    let notice = notice.rsplit('/').next().unwrap();
    let told = home.json(&["notice", "list", "--party", "isp-a"]);
    let told = told.as_array().unwrap().iter().find(|one| one["id"] == notice).unwrap();
    assert_eq!(told["answer"], "fixed");
}

#[tokio::test]
async fn an_auditor_traces_a_release_by_keys_alone_and_can_change_nothing() {
    let Some(browser) = Browser::start().await else { return };
    let home = known();
    scan(&home, "test", "GREEN", &[("192.0.2.7", "of-a"), ("203.0.113.9", "of-b")]);
    scan(&home, "strict", "AMBER+STRICT", &[("192.0.2.8", "stays-here")]);
    home.ok(&["case", "open", "An old matter"]);
    home.write(
        "home/config.toml",
        "[mail]\nfrom = \"csirt@csirt.example\"\norganisation = \"Example CSIRT\"\nreply_to = \"notice@csirt.example\"\n",
    );
    home.ok(&["notice", "prepare", "--at-once"]);
    let token = Token::create(&home, "isp-a", "reader");
    let invited = home.json(&["person", "invite", "--role", "auditor"]);
    let (server, told) = Server::start_told(&home);
    // What the party looks at is a release.
    let bearer = format!("Bearer {}", token.token);
    assert_eq!(server.request("GET", "/portal/problems", &[("Authorization", &bearer)], b"").status, 200);

    // No mouse from here to the end, and no script that clicks: an account by a link, out again, in again by name and password.
    let auditor = Person::at(browser, &server);
    auditor.goes("/sign-in?lang=en").await;
    auditor.comes_by_keys(&welcome(&told), "hanako", "Suzuki Hanako").await;
    auditor.signs_out_by_keys().await;
    auditor.comes_by_keys(invited["path"].as_str().unwrap(), "akira", "Mori Akira").await;
    auditor.signs_out_by_keys().await;
    auditor.signs_in_by_keys("akira").await;

    // What was given to whom, and why.
    auditor.goes("/").await;
    auditor.skips_to_the_page().await;
    auditor.tabs_through("nav .always a[href='/releases']").await;
    auditor.tabs_and_writes("#to", "isp-a").await;
    auditor.enters().await;
    auditor.reads("isp-a").await;
    auditor.tabs_through("main tbody a[href^='/releases/']").await;
    auditor.reads("us-isp-a").await;
    let release = auditor.address().await.rsplit('/').next().unwrap().to_owned();
    // Policy asked again, as it is now.
    auditor.tabs_through("main a[href^='/explain?']").await;
    auditor.reads("allow").await;
    auditor.reads("us-isp-a").await;
    // As every browser goes back by keys of its own.
    auditor.browser.page.back().await.unwrap();
    // The leaf, and its receipt.
    auditor.tabs_through("main form[action='/releases/receipt'] button").await;
    auditor.reads("valid").await;
    auditor.tabs_through(&format!("main .card a[href='/releases/{release}']")).await;
    // What was kept back.
    auditor.tabs_through("nav .always a[href='/releases']").await;
    auditor.tabs_through("main nav a[href='/releases/denied']").await;
    auditor.reads("AMBER+STRICT").await;
    auditor.reads("isp-a").await;

    // Nothing on any page that changes anything, and nothing changes by asking.
    let id = |list: &[&str]| home.json(list)[0]["id"].as_str().map(str::to_owned);
    let (notice, evidence) = (id(&["notice", "list"]).unwrap(), id(&["evidence", "list"]).unwrap());
    let pages = [
        "/",
        "/events",
        "/evidence",
        "/lookup",
        "/indicators",
        "/graph",
        "/cases",
        "/cases?as=board",
        "/cases/tasks",
        "/cases/c1",
        "/takedowns",
        "/notices",
        "/notices/templates",
        "/answers",
        "/parties",
        "/parties/isp-a",
        "/parties/isp-a/view",
        "/agreements",
        "/agreements/us-isp-a",
        "/explain",
        "/releases",
        "/settings",
        "/settings/feeds",
        "/settings/tables",
        "/settings/keys",
        "/settings/jobs",
        "/settings/tokens",
        "/settings/people",
        "/settings/audit",
    ];
    for path in pages.into_iter().map(str::to_owned).chain([format!("/notices/{notice}"), format!("/evidence/{evidence}")]) {
        auditor.goes(&path).await;
        auditor.browser.shows("a page", "footer").await;
        assert_eq!(auditor.counts("main .fault").await, 0, "{path}: {}", auditor.browser.text().await);
        assert_eq!(auditor.counts("main form[method=post], main [formaction]").await, 0, "{path} has what changes something");
        auditor.skips_to_the_page().await;
    }
    for (path, form) in [
        ("/cases/c1/note", "text=x"),
        ("/cases/new", "title=x"),
        ("/cases/c1/close", "how=given-up"),
        ("/takedowns/new", "case=c1&party=isp-a"),
        (&format!("/notices/{notice}/hold"), ""),
        ("/indicators/new", "value=192.0.2.1&tlp=GREEN&sure=yes"),
        ("/parties/new", "id=x&name=x"),
        ("/agreements/us-isp-a/revoke", ""),
        ("/settings/people/invite", "role=administrator"),
        ("/settings/check", ""),
        ("/evidence/new", ""),
    ] {
        assert_eq!(auditor.asks("POST", path, form).await, 403, "{path}");
    }
    auditor.signs_out_by_keys().await;
    auditor.ends().await;
    drop(server);
    let case = home.json(&["case", "show", "c1"]);
    assert_eq!((case["history"].as_array().unwrap().len(), &case["state"]), (1, &Value::from("open")), "{case}");
    home.ok(&["log", "verify"]);
}
