//! Events written as segments and asked again: by SQL, by address, after compaction.

use casework::enrich::Found;
use casework::model::event::{Event, Side};
use casework::model::field::Field;
use casework::model::identity::Identifier;
use store::batch::{EventBatch, Incoming, Origin};
use store::events::Questions;
use store::home::Home;
use store::register::Register;
use store::{compact, known, segment};

const DAY: i64 = 86_400_000_000;
const MONDAY: i64 = 20_535 * DAY;

/// Event `n`: address, time and destination follow from it.
fn push(batch: &mut EventBatch, n: u64) -> bool {
    let origin = batch.origin(&Origin { evidence: format!("e{}", n % 3), feed: "feed".into(), observed_at: MONDAY, terms: 1 });
    let mut event = Event::default();
    let ip = if n.is_multiple_of(5) { format!("2001:db8::{:x}", n % 997) } else { format!("198.51.{}.{}", n % 7, n % 251) };
    event.set(Field::Ip(Side::Source), ip).unwrap();
    event.set(Field::Ip(Side::Destination), format!("203.0.113.{}", n % 11)).unwrap();
    event.set(Field::Port(Side::Source), (n % 60_000).to_string()).unwrap();
    event.extra.int("n", i64::try_from(n).unwrap());
    let time = MONDAY + i64::try_from(n % 3).unwrap() * DAY + i64::try_from(n).unwrap();
    event.time = Some(jiff::Timestamp::from_microsecond(time).unwrap());
    let id = Identifier::default().identify(&mut event, "feed");
    batch.push(origin, Incoming { id, event: &mut event, time, row: n, found: Found::default() })
}

/// A home with events 0 to `n`, in as many segments as there are days times batches.
async fn filled(n: u64, batches: u64) -> (tempfile::TempDir, Home, Register) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    let register = Register::create(&home).await.unwrap();
    for part in 0..batches {
        let mut batch = EventBatch::default();
        (0..n).filter(|e| e % batches == part).for_each(|e| assert!(push(&mut batch, e)));
        let rows = 0..u32::try_from(batch.len()).unwrap();
        let segments: Vec<_> = segment::by_time(&batch, rows).into_iter().map(|r| segment::write(&home, &batch, r, 1).unwrap()).collect();
        register.commit(&[], &segments).await.unwrap();
    }
    (folder, home, register)
}

async fn ask(home: &Home, register: &Register, sql: &str) -> String {
    let questions = Questions::open(home, register).await.unwrap();
    let batches = questions.sql(sql).await.unwrap().collect().await.unwrap();
    let mut writer = arrow::csv::WriterBuilder::new().with_header(false).build(Vec::new());
    batches.iter().for_each(|b| writer.write(b).unwrap());
    String::from_utf8(writer.into_inner()).unwrap().trim_end().replace('\n', ";")
}

#[tokio::test]
async fn a_known_event_is_recognised_in_the_segments_of_its_day() {
    let (_folder, home, register) = filled(5000, 2).await;
    let segments = register.segments().await.unwrap();
    let mut batch = EventBatch::default();
    (4000..6000).for_each(|n| assert!(push(&mut batch, n)));
    let known = known::mark(&home, &batch, &segments).unwrap();
    assert_eq!(known.iter().filter(|k| **k).count(), 1000);
    assert!(!push(&mut batch, 4000), "the batch itself knows it too");
}

#[tokio::test]
async fn sql_finds_what_was_written() {
    let (_folder, home, register) = filled(5000, 2).await;
    let naive = |f: &dyn Fn(u64) -> bool| (0..5000).filter(|n| f(*n)).count().to_string();
    let cases: [(&str, String); 7] = [
        ("SELECT count(*) FROM events", "5000".into()),
        ("SELECT count(*) FROM events WHERE in_network(source_ip, '198.51.3.0/24')", naive(&|n| n % 5 != 0 && n % 7 == 3)),
        ("SELECT count(*) FROM events WHERE in_network(source_ip, '2001:db8::/32')", naive(&|n| n.is_multiple_of(5))),
        ("SELECT count(*) FROM events WHERE source_ip = '198.51.3.10'", naive(&|n| n % 5 != 0 && n % 7 == 3 && n % 251 == 10)),
        ("SELECT count(*) FROM events WHERE json_text(extra, 'n') = '4242'", "1".into()),
        // Our own shortcut and the engine's general road (taken for text) agree.
        (
            "SELECT count(*) FROM events WHERE date_trunc('day', time) <> date_trunc('day', CAST(time AS TIMESTAMP)) \
             OR date_trunc('week', time) <> date_trunc('week', CAST(time AS TIMESTAMP)) \
             OR date_trunc('hour', time) <> date_trunc('hour', CAST(time AS TIMESTAMP))",
            "0".into(),
        ),
        ("SELECT DISTINCT network(source_ip, 16) FROM events WHERE source_ip LIKE '198%'", "198.51.0.0/16".into()),
    ];
    for (sql, want) in cases {
        assert_eq!(ask(&home, &register, sql).await, want, "{sql}");
    }
    let id = ask(&home, &register, "SELECT id FROM events ORDER BY id LIMIT 1").await;
    assert_eq!(id.len(), 32);
    assert_eq!(ask(&home, &register, &format!("SELECT count(*) FROM events WHERE id = '{id}'")).await, "1");
}

#[tokio::test]
async fn an_identity_is_found_without_reading_those_of_all_events() {
    let (_folder, home, register) = filled(5000, 4).await;
    let files = register.segments().await.unwrap().len();
    assert_eq!(files, 12);
    let ids = ask(&home, &register, "SELECT id FROM events ORDER BY id").await;
    let ids: Vec<&str> = ids.split(';').collect();
    let questions = Questions::open(&home, &register).await.unwrap();
    let mut read = 0;
    for at in (0..5000).step_by(500) {
        let id = ids[at];
        assert_eq!(ask(&home, &register, &format!("SELECT id FROM events WHERE id = '{id}'")).await, id);
        assert_eq!(ask(&home, &register, &format!("SELECT count(*) FROM events WHERE '{id}' = id AND source_port >= 0")).await, "1");
        // They compare as their texts do, also where no event has them.
        for (op, count) in [("<", at), ("<=", at + 1), (">", 4999 - at), (">=", 5000 - at), ("<>", 4999)] {
            assert_eq!(
                ask(&home, &register, &format!("SELECT count(*) FROM events WHERE id {op} '{id}'")).await,
                count.to_string(),
                "{op} {id}"
            );
        }
        let plan = questions.sql(&format!("EXPLAIN SELECT * FROM events WHERE id = '{id}'")).await.unwrap().collect().await.unwrap();
        read += arrow::util::pretty::pretty_format_batches(&plan).unwrap().to_string().matches(".parquet").count();
    }
    // Three of a hundred files are read in vain; without the filters it would be all of them.
    assert!((10..=30).contains(&read), "{read} files for ten identities");
    let two = format!("SELECT count(*) FROM events WHERE id IN ('{}', '{}')", ids[7], ids[4242]);
    assert_eq!(ask(&home, &register, &two).await, "2");
    for nobody in ["00000000000000000000000000000000", "ffffffffffffffffffffffffffffffff", "", "x", &ids[3].to_uppercase(), &ids[3][1..]] {
        assert_eq!(ask(&home, &register, &format!("SELECT count(*) FROM events WHERE id = '{nobody}'")).await, "0", "{nobody:?}");
    }
}

/// The engine has a slow road for counting distinct fixed-size bytes beside another aggregate; our columns are text and avoid it.
#[tokio::test]
async fn counting_distinct_addresses_beside_another_aggregate_is_right() {
    let (_folder, home, register) = filled(5000, 1).await;
    let one =
        ask(&home, &register, "SELECT source_port % 2 AS odd, count(DISTINCT source_ip), count(*) FROM events GROUP BY 1 ORDER BY 1").await;
    let two = ask(
        &home,
        &register,
        "SELECT odd, count(source_ip), CAST(sum(n) AS BIGINT) FROM (SELECT source_port % 2 AS odd, source_ip, count(*) AS n FROM events \
         GROUP BY 1, 2) GROUP BY odd ORDER BY odd",
    )
    .await;
    assert_eq!(one, two);
}

#[tokio::test]
async fn compaction_keeps_every_row_and_every_column() {
    let (_folder, home, register) = filled(5000, 4).await;
    let all = "SELECT * FROM events ORDER BY id";
    let before = ask(&home, &register, all).await;
    for planned in compact::plan(&register.segments().await.unwrap(), MONDAY + 90 * DAY) {
        let made = compact::merge(&home, &planned.inputs, planned.level, 2, &|_, _| true).unwrap();
        register.swap(&planned.inputs, &made, 2).await.unwrap();
    }
    assert_eq!(register.segments().await.unwrap().len(), 1);
    assert_eq!(ask(&home, &register, all).await, before);
    let left = compact::merge(&home, &register.segments().await.unwrap(), 2, 3, &compact::not_from("e1")).unwrap();
    assert_eq!(left.iter().map(|s| s.row_count).sum::<i64>(), (0..5000).filter(|n| n % 3 != 1).count() as i64);
}

/// The sums say what the events say, whatever became of the segments.
#[tokio::test]
async fn sums_are_those_of_the_events_through_merging_retention_and_reading_again() {
    use store::figures::{Asked, By, KeptFigures};
    let (_folder, home, register) = filled(5000, 4).await;
    let kept = KeptFigures::default();
    let by_sql =
        |column: &str| format!("SELECT date_part('day', time), coalesce({column}, ''), count(*) FROM events GROUP BY 1, 2 ORDER BY 1, 2");
    let agree = async |what: &str| {
        let figures = kept.now(&register).await.unwrap();
        assert_eq!(figures.uncounted(), 0, "{what}");
        for (by, column) in [
            (By::Class, "taxonomy || '/' || type"),
            (By::Country, "source_country"),
            (By::Feed, "feed"),
            (By::Victim, "destination_country"),
            (By::Malware, "malware"),
        ] {
            let summed = figures.by_day_and(by, &Asked::default(), None).unwrap();
            let text: Vec<String> = summed
                .into_iter()
                .map(|((day, word), count)| {
                    let day = jiff::Timestamp::from_second(i64::from(day) * 86_400).unwrap().strftime("%d").to_string();
                    format!("{}.0,{word},{count}", day.trim_start_matches('0'))
                })
                .collect();
            let told = ask(&home, &register, &by_sql(column)).await;
            // Whether a number of a day is whole is the engine's affair.
            assert_eq!(text.join(";").replace(".0,", ","), told.replace(".0,", ","), "{what}: {by:?}");
        }
        figures.count(&Asked::default(), None).unwrap()
    };
    assert_eq!(agree("as ingested").await, 5000);
    for planned in compact::plan(&register.segments().await.unwrap(), MONDAY + 2 * DAY) {
        let made = compact::merge(&home, &planned.inputs, planned.level, 2, &|_, _| true).unwrap();
        register.swap(&planned.inputs, &made, 2).await.unwrap();
    }
    assert_eq!(agree("merged").await, 5000);
    let segments = register.segments().await.unwrap();
    let left = compact::merge(&home, &segments, 2, 3, &compact::not_from("e1")).unwrap();
    register.swap(&segments, &left, 3).await.unwrap();
    let without = agree("without one evidence").await;
    assert_eq!(without, (0..5000).filter(|n| n % 3 != 1).count() as u64);
    let segments = register.segments().await.unwrap();
    let left = compact::merge(&home, &segments, 2, 4, &compact::not_before(MONDAY + 2 * DAY)).unwrap();
    register.swap(&segments, &left, 4).await.unwrap();
    assert!(agree("after retention").await < without);
    // A server that begins now, and one that followed, say the same; so does one whose retired segments were swept meanwhile.
    let fresh = KeptFigures::default().now(&register).await.unwrap();
    assert_eq!(fresh.count(&Asked::default(), None), kept.now(&register).await.unwrap().count(&Asked::default(), None));
    store::check::sweep(&home, &register, 365 * DAY * 100).await.unwrap();
    agree("after sweeping").await;
    register.swap(&register.segments().await.unwrap(), &[], 5).await.unwrap();
    assert_eq!(agree("all gone").await, 0);
}

/// Segments of an older program are counted again, and say the same then.
#[tokio::test]
async fn segments_that_were_never_counted_are_counted_again() {
    use store::figures::{Asked, By, KeptFigures};
    let (_folder, home, register) = filled(900, 1).await;
    let by_feed = |figures: &store::figures::Figures| figures.by(By::Feed, &Asked::default(), None).unwrap();
    let all = by_feed(&KeptFigures::default().now(&register).await.unwrap());
    let segments = register.segments().await.unwrap();
    let uncounted: Vec<_> =
        segments.iter().map(|s| segment::Segment { figures: Vec::new(), id: format!("{}-again", s.id), ..s.clone() }).collect();
    register.swap(&segments, &uncounted, 2).await.unwrap();
    let kept = KeptFigures::default();
    let none = kept.now(&register).await.unwrap();
    assert_eq!((none.uncounted(), none.count(&Asked::default(), None)), (900, Some(0)));
    for segment in register.uncounted_segments().await.unwrap() {
        register.keep_figures(&segment.id, &compact::recount(&home, &segment).unwrap()).await.unwrap();
    }
    assert_eq!(by_feed(&kept.now(&register).await.unwrap()), all);
    assert!(register.uncounted_segments().await.unwrap().is_empty());
    register.keep_figures("nothing", b"").await.unwrap();
}
