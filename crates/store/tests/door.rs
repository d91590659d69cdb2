//! Whatever a party asks, and however it asks: does it learn of a row that it may not see, or of a column that is hidden from it?

use casework::enrich::Found;
use casework::model::event::{Event, Side};
use casework::model::field::Field;
use casework::model::identity::Identifier;
use casework::model::meaning::Meaning;
use casework::model::terms::Tlp;
use casework::share::{Redaction, Redactions};
use store::batch::{EventBatch, Incoming, Origin};
use store::door::Door;
use store::events::Questions;
use store::filter::Filter;
use store::home::Home;
use store::newest::{Span, find};
use store::register::Register;
use store::segment;
use store::terms::{DefaultOf, KnownTerms};

const MONDAY: i64 = 20_535 * 86_400_000_000;
const ROWS: u64 = 3_000;

/// Rows under terms 1 (seen), 2 (seen without their provider), 3 (without their victims), 4 (not seen), in turn.
async fn home() -> (tempfile::TempDir, Home, Register) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    let register = Register::create(&home).await.unwrap();
    for (id, text) in [(1, "tlp:clear"), (2, "tlp:clear attribution:must-not"), (3, "tlp:clear victims:no-identity"), (4, "tlp:red")] {
        assert_eq!(register.terms(&text.parse().unwrap()).await.unwrap(), id);
    }
    // Mixed, and one segment with nothing that is seen.
    for only in [None, Some(4)] {
        let mut batch = EventBatch::default();
        for n in 0..ROWS {
            let terms = only.unwrap_or(1 + n as i64 % 4);
            let origin = batch.origin(&Origin { evidence: "e".into(), feed: format!("feed-{terms}"), observed_at: MONDAY, terms });
            let mut event = Event::default();
            event.set(Field::Ip(Side::Source), format!("192.0.{}.{}", terms, n % 250)).unwrap();
            event.set(Field::Ip(Side::Destination), format!("203.0.113.{}", n % 11)).unwrap();
            event.set(Field::Fqdn(Side::Source), format!("planted-{terms}-{n}.example")).unwrap();
            event.extra.str("secret", &format!("planted-{terms}"));
            let time = MONDAY + i64::try_from(n).unwrap() + only.unwrap_or(0);
            event.time = Some(jiff::Timestamp::from_microsecond(time).unwrap());
            let id = Identifier::default().identify(&mut event, "feed");
            assert!(batch.push(origin, Incoming { id, event: &mut event, time, row: n, found: Found::default() }));
        }
        let rows = 0..u32::try_from(batch.len()).unwrap();
        let segments: Vec<_> = segment::by_time(&batch, rows).into_iter().map(|r| segment::write(&home, &batch, r, 1).unwrap()).collect();
        register.commit(&[], &segments).await.unwrap();
    }
    (folder, home, register)
}

fn admits(known: &KnownTerms) -> Option<Redactions> {
    match known.id {
        1 => Some(Redactions::NONE),
        2 => Some(Redactions::NONE.with(Redaction::ProviderIdentity)),
        3 => Some(Redactions::NONE.with(Redaction::VictimIdentity).with(Redaction::PersonalData)),
        _ => None,
    }
}

async fn ask(questions: &Questions, sql: &str) -> Result<String, String> {
    let batches = questions.sql(sql).await.map_err(|e| e.to_string())?.collect().await.map_err(|e| e.to_string())?;
    let mut writer = arrow::csv::WriterBuilder::new().with_header(false).build(Vec::new());
    batches.iter().for_each(|b| writer.write(b).unwrap());
    Ok(String::from_utf8(writer.into_inner()).unwrap().trim_end().replace('\n', ";"))
}

#[tokio::test]
async fn no_question_tells_of_a_row_or_column_that_is_not_seen() {
    let (_folder, home, register) = home().await;
    let party = Questions::open_for(&home, &register, admits).await.unwrap();
    let each = ROWS / 4;
    for (sql, expected) in [
        ("SELECT count(*) FROM events", 3 * each),
        ("SELECT count(1) FROM (SELECT * FROM events LIMIT 1000000)", 3 * each),
        ("SELECT count(*) FROM events WHERE terms = 4", 0),
        ("SELECT count(*) FROM events WHERE terms > 0 OR true", 3 * each),
        ("SELECT count(source_ip) FROM events", 2 * each),
        ("SELECT count(*) FROM events WHERE source_ip IS NULL", each),
        ("SELECT count(*) FROM events WHERE source_ip LIKE '192.0.3.%'", 0),
        ("SELECT count(*) FROM events WHERE source_ip >= '192.0.3.' AND source_ip < '192.0.4.'", 0),
        ("SELECT count(*) FROM events WHERE source_ip = '192.0.4.7' OR source_ip = '192.0.3.6'", 0),
        ("SELECT count(*) FROM events WHERE in_network(source_ip, '192.0.2.0/24')", each),
        ("SELECT count(*) FROM events WHERE NOT in_network(source_ip, '192.0.2.0/24')", each),
        ("SELECT count(feed) FROM events", 2 * each),
        ("SELECT count(*) FROM events WHERE feed = 'feed-2' OR feed = 'feed-4'", 0),
        ("SELECT count(id) FROM events", each),
        ("SELECT count(*) FROM events WHERE extra LIKE '%planted-4%' OR extra LIKE '%planted-2%' OR extra LIKE '%planted-3%'", 0),
        ("SELECT count(extra) FROM events", each),
        ("SELECT count(*) FROM events a JOIN events b ON a.source_fqdn = b.source_fqdn AND a.terms <> b.terms", 0),
        ("SELECT count(*) FROM (SELECT * FROM events ORDER BY time DESC LIMIT 5000)", 3 * each),
        ("SELECT max(terms) FROM events", 3),
    ] {
        assert_eq!(ask(&party, sql).await, Ok(expected.to_string()), "{sql}");
    }
    let all = ask(&party, "SELECT * FROM events").await.unwrap();
    assert!(all.contains("planted-1-") && all.contains("planted-2-"));
    for hidden in ["planted-3-", "planted-4-", "feed-2", "feed-3\"", "feed-4", "192.0.3.", "192.0.4.", "\"planted-2\"", "planted-3"] {
        assert!(!all.contains(hidden), "{hidden}");
    }
    // The feed of what only hides its victims is no secret.
    assert!(all.contains("feed-3"));
}

#[tokio::test]
async fn the_newest_that_a_party_finds_are_those_that_the_engine_tells_it_of() {
    let (_folder, home, register) = home().await;
    let party = Questions::open_for(&home, &register, admits).await.unwrap();
    let segments = register.segments().await.unwrap();
    let victims = Redactions::NONE.with(Redaction::VictimIdentity).with(Redaction::PersonalData);
    let door = Door::of([(1, Redactions::NONE), (2, Redactions::NONE.with(Redaction::ProviderIdentity)), (3, victims)]);
    let span = Span { time: i64::MIN..i64::MAX, behind: None };
    let values = [
        "192.0.1.4",
        "192.0.2.5",
        "192.0.3.6",
        "192.0.4.7",
        "203.0.113.5",
        "192.0.2.0/24",
        "192.0.0.0/16",
        "planted-1-4.example",
        "planted-3-6.example",
    ];
    let mut filters: Vec<Filter> = values.iter().map(|text| Filter { meaning: Meaning::read(text), ..Filter::default() }).collect();
    filters.extend(["feed-1", "feed-2", "feed-4", ""].map(|feed| Filter { feed: Some(feed.into()), ..Filter::default() }));
    filters.push(Filter::default());
    let mut counts = Vec::new();
    for filter in filters {
        for most in [10, 10_000] {
            let sql = format!(
                "SELECT id, source_ip, feed, terms, extra FROM events WHERE {} ORDER BY time DESC LIMIT {most}",
                filter.condition()
            );
            let found = find(&home, &segments, &filter, Some(&door), &span, most).unwrap();
            let rows = found.read(&["id", "source_ip", "feed", "terms", "extra"], 0..found.len()).unwrap();
            let mut writer = arrow::csv::WriterBuilder::new().with_header(false).build(Vec::new());
            writer.write(&rows).unwrap();
            let rows = String::from_utf8(writer.into_inner()).unwrap().trim_end().replace('\n', ";");
            assert_eq!(ask(&party, &sql).await, Ok(rows), "{filter:?}");
            counts.push(found.len());
        }
    }
    // What is hidden or not let through is found by nobody; what is hidden reads as nothing.
    assert_eq!((counts[5], counts[7], counts[17], counts[21], counts[23]), (0, 0, 0, 0, 0), "{counts:?}");
    assert!(counts[1] > 0 && counts[9] > 0 && counts[25] == ROWS as usize / 4, "{counts:?}");
    assert_eq!(counts.last(), Some(&(3 * ROWS as usize / 4)));
}

#[tokio::test]
async fn an_error_names_no_value_that_is_not_seen() {
    let (_folder, home, register) = home().await;
    let party = Questions::open_for(&home, &register, admits).await.unwrap();
    for sql in [
        "SELECT count(*) FROM events WHERE CAST(source_fqdn AS BIGINT) = 1",
        "SELECT CAST(extra AS BIGINT) FROM events WHERE terms = 4",
        "SELECT count(*) FROM events WHERE terms = 4 AND CAST(source_fqdn AS BIGINT) = 1",
        "SELECT 1 / (terms - 4) FROM events",
    ] {
        let told = ask(&party, sql).await;
        let said = told.clone().unwrap_or_else(|error| error);
        assert!(!said.contains("planted-3") && !said.contains("planted-4"), "{sql}: {said}");
    }
    assert_eq!(ask(&party, "SELECT count(*) FROM events WHERE terms = 4 AND CAST(source_fqdn AS BIGINT) = 1").await, Ok("0".into()));
    // The same question of our own, whom nothing is hidden from, does fail with a value.
    let own = Questions::open(&home, &register).await.unwrap();
    assert!(ask(&own, "SELECT count(*) FROM events WHERE CAST(source_fqdn AS BIGINT) = 1").await.unwrap_err().contains("planted-"));
    assert!(ask(&own, "SELECT 1 / (terms - 4) FROM events").await.is_err());
    // Dividing by zero would tell that there are rows under terms 4.
    assert!(ask(&party, "SELECT 1 / (terms - 4) FROM events").await.is_ok());
}

#[tokio::test]
async fn there_is_no_way_round_the_door() {
    let (_folder, home, register) = home().await;
    let party = Questions::open_for(&home, &register, admits).await.unwrap();
    let file = home.resolve(&register.segments().await.unwrap()[0].path);
    for sql in [
        "SELECT * FROM evidence".to_owned(),
        "SELECT * FROM segments".into(),
        "SELECT * FROM terms".into(),
        "SELECT * FROM rejections".into(),
        "SELECT * FROM information_schema.tables".into(),
        "SELECT * FROM information_schema.df_settings".into(),
        "EXPLAIN SELECT * FROM events".into(),
        "EXPLAIN ANALYZE SELECT * FROM events".into(),
        format!("SELECT * FROM '{}'", file.display()),
        "SET datafusion.execution.batch_size = 1".into(),
        "CREATE VIEW v AS SELECT 1".into(),
        "SHOW TABLES".into(),
    ] {
        assert!(ask(&party, &sql).await.is_err(), "{sql}");
    }
    let own = Questions::open(&home, &register).await.unwrap();
    assert_eq!(ask(&own, "SELECT count(*) FROM events").await, Ok((2 * ROWS).to_string()));
    assert!(ask(&own, "EXPLAIN SELECT * FROM events").await.is_ok());
}

#[tokio::test]
async fn a_party_that_may_see_nothing_sees_an_empty_table() {
    let (_folder, home, register) = home().await;
    let party = Questions::open_for(&home, &register, |_| None).await.unwrap();
    assert_eq!(ask(&party, "SELECT count(*) FROM events").await, Ok("0".into()));
    assert_eq!(ask(&party, "SELECT * FROM events").await, Ok(String::new()));
}

#[tokio::test]
async fn an_event_is_not_found_by_an_address_that_is_hidden() {
    let (_folder, home, register) = home().await;
    let party = Questions::open_for(&home, &register, admits).await.unwrap();
    for (ip, seen) in [("192.0.1.4", true), ("192.0.2.5", true), ("192.0.3.6", false), ("192.0.4.7", false), ("203.0.113.3", true)] {
        let found = ask(&party, &format!("SELECT * FROM events WHERE source_ip = '{ip}' OR destination_ip = '{ip}'")).await.unwrap();
        assert_eq!(found.contains(ip), seen, "{ip}: {found}");
        for hidden in ["planted-3", "planted-4", "feed-2", "feed-4", "192.0.3.", "192.0.4."] {
            assert!(!found.contains(hidden), "{ip} tells {hidden}");
        }
    }
}

#[tokio::test]
async fn equal_terms_have_one_number_and_a_source_keeps_its_default() {
    let (_folder, _home, register) = home().await;
    assert_eq!(register.terms(&Tlp::Clear.into()).await.unwrap(), 1);
    assert_eq!(register.terms(&"attribution:must-not tlp:white".parse().unwrap()).await.unwrap(), 2);
    let (feed, party) = (DefaultOf::Feed("a".into()), DefaultOf::Party("a".into()));
    let amber = Tlp::Amber.into();
    assert!(!register.set_terms_default(&feed, Some(&amber), 1).await.unwrap());
    assert!(!register.set_terms_default(&party, Some(&"tlp:green pap:red".parse().unwrap()), 1).await.unwrap());
    assert!(register.set_terms_default(&feed, Some(&"tlp:red".parse().unwrap()), 2).await.unwrap());
    let all = register.terms_defaults().await.unwrap();
    assert_eq!((all.len(), all[&feed].to_string(), all[&party].to_string()), (2, "tlp:red".to_owned(), "tlp:green pap:red".to_owned()));
    assert!(register.set_terms_default(&feed, None, 3).await.unwrap());
    assert_eq!(register.terms_defaults().await.unwrap().len(), 1);
}
