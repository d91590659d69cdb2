//! The newest events that a filter lets through are those that the query engine finds, page by page, whatever the segments look like.

use arrow::array::RecordBatch;
use casework::enrich::Found;
use casework::model::event::{Event, Side};
use casework::model::field::Field;
use casework::model::identity::EventId;
use casework::model::meaning::Meaning;
use casework::share::Redactions;
use jiff::Timestamp;
use store::batch::{EventBatch, Incoming, Origin};
use store::columns::COLUMNS as COLUMN_TABLE;
use store::compact;
use store::door::Door;
use store::events::Questions;
use store::filter::Filter;
use store::home::Home;
use store::newest::{Span, find, judges, newest};
use store::register::Register;
use store::segment::Segment;

mod random;

use random::{DAY, MONDAY, Random, filled};

const COLUMNS: [&str; 6] = ["feed", "source_ip", "source_asn", "malware", "destination_ip", "extra"];

fn push(batch: &mut EventBatch, n: u64, random: &mut Random) {
    push_under(batch, n, random, 1);
}

fn push_under(batch: &mut EventBatch, n: u64, random: &mut Random, terms: i64) {
    let feed = random.one_of(&["sinkhole", "telescope", "Mirai watch"]);
    let evidence = format!("e{}", random.below(3));
    let origin = batch.origin(&Origin { evidence, feed: feed.into(), observed_at: MONDAY, terms });
    let mut event = Event::default();
    let mut set = |often: u64, field, text: String| {
        if random.below(often) == 0 {
            event.set(field, text).unwrap();
        }
        random.below(1 << 30)
    };
    let mut dice = set(1, Field::Ip(Side::Source), format!("198.51.100.{}", n % 40));
    let end = if dice % 5 == 0 { format!("2001:db8::{:x}", dice % 40) } else { format!("198.51.100.{}", dice % 40) };
    dice ^= set(3, Field::Ip(Side::Destination), end);
    dice ^= set(2, Field::Malware, ["mirai", "gafgyt", "mozi"][dice as usize % 3].to_owned());
    dice ^= set(3, Field::Asn(Side::Source), (64_496 + dice % 3).to_string());
    dice ^= set(2, Field::Country(Side::Source), ["JP", "DE"][dice as usize % 2].to_owned());
    dice ^= set(3, Field::Fqdn(Side::Source), ["example.com", "a.example.com", "badexample.com"][dice as usize % 3].to_owned());
    let urls = ["http://x.example.com/a", "https://u@example.com:8080", "http://example.com.evil.test/", "http://evil.test/?example.com"];
    dice ^= set(3, Field::Url(Side::Source), urls[dice as usize % 4].to_owned());
    set(1, Field::Type, ["infected-system", "scanner"][dice as usize % 2].to_owned());
    event.extra.str("said", ["a Camera", "ルーター camera", "nothing", "CAMERA_1"][dice as usize % 4]);
    // Few different times, so that many are equally new.
    let time = MONDAY + random.below(4) as i64 * DAY + random.below(50) as i64 * 1_000_000;
    let id = (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) as u128 | u128::from(n) << 64).to_be_bytes();
    assert!(batch.push(origin, Incoming { id: EventId(id), event: &mut event, time, row: n, found: Found::default() }));
}

fn lines(rows: &[RecordBatch]) -> Vec<serde_json::Value> {
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    rows.iter().filter(|rows| rows.num_rows() > 0).for_each(|rows| writer.write(rows).unwrap());
    writer.finish().unwrap();
    String::from_utf8(writer.into_inner()).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn filters() -> Vec<Filter> {
    let none = Filter::default;
    let means = |text: &str| Filter { meaning: Meaning::read(text), ..none() };
    let at = |micro: i64| Some(Timestamp::from_microsecond(micro).unwrap());
    vec![
        none(),
        Filter { malware: Some("mirai".into()), ..none() },
        Filter { malware: Some(String::new()), ..none() },
        Filter { malware: Some("none of these".into()), ..none() },
        Filter { country: Some("JP".into()), feed: Some("sinkhole".into()), ..none() },
        Filter { class: Some("infected-system".into()), ..none() },
        Filter { class: Some("malicious-code/infected-system".into()), ..none() },
        Filter { class: Some("information-gathering".into()), evidence: Some("e1".into()), ..none() },
        Filter { asn: Some(64_497), ..none() },
        Filter { from: at(MONDAY + DAY + 7_000_000), until: at(MONDAY + 3 * DAY + 9_000_000), ..none() },
        means("198.51.100.7"),
        Filter { malware: Some("mozi".into()), ..means("198.51.100.8") },
        means("203.0.113.1"),
        means("198.51.100.0/24"),
        means("198.51.100.16/28"),
        means("198.51.100.7/32"),
        means("198.0.0.0/7"),
        means("2001:db8::/32"),
        means("example.com"),
        means("http://x.example.com/a"),
        means("http://x.example.com/"),
        means("a.example.com"),
        means("mirai"),
        means("camera"),
        means("Camera_1 mirai"),
        means("\"example.com\""),
        means("nowhere"),
        means("https://u@example.com:8080"),
        means("http://evil.test/?example.com"),
    ]
}

/// Every filter, page after page, beside the engine.
async fn agrees(home: &Home, register: &Register, segments: &[Segment]) {
    let questions = Questions::open(home, register).await.unwrap();
    let columns = COLUMNS.join(", ");
    let mut shown = 0;
    for filter in filters() {
        assert!(judges(&filter), "{filter:?}");
        for (most, days) in [(57, 0..4), (1_000_000, 0..4), (13, 2..3)] {
            let time = MONDAY + days.start * DAY..MONDAY + days.end * DAY;
            let [from, until] = [time.start, time.end].map(|at| Timestamp::from_microsecond(at).unwrap());
            let mut behind: Option<(Timestamp, String)> = None;
            loop {
                let mut condition = format!("{} AND time >= timestamp '{from}' AND time < timestamp '{until}'", filter.condition());
                if let Some((time, id)) = &behind {
                    condition += &format!(" AND (time < timestamp '{time}' OR (time = timestamp '{time}' AND id < '{id}'))");
                }
                let sql = format!("SELECT id, time, {columns} FROM events WHERE {condition} ORDER BY time DESC, id DESC LIMIT {most}");
                let told = lines(&questions.sql(&sql).await.unwrap().collect().await.unwrap());
                let place = behind.as_ref().map(|(time, id)| (time.as_microsecond(), u128::from_str_radix(id, 16).unwrap().to_be_bytes()));
                let span = Span { time: time.clone(), behind: place };
                let found = lines(&[newest(home, segments, &filter, &span, &COLUMNS, most).unwrap()]);
                assert_eq!(found, told, "{filter:?} {span:?} {most}");
                shown += found.len();
                let Some(last) = found.last().filter(|_| found.len() == most) else { break };
                behind = Some((last["time"].as_str().unwrap().parse().unwrap(), last["id"].as_str().unwrap().to_owned()));
            }
        }
    }
    assert!(shown > 0);
}

#[tokio::test]
async fn the_newest_are_those_that_the_engine_finds() {
    for (seed, batches, events) in [(1, 1, 250), (2, 3, 400), (3, 1, 1)] {
        let (_folder, home, register) = filled(seed, batches, events, push).await;
        agrees(&home, &register, &register.segments().await.unwrap()).await;
        for planned in compact::plan(&register.segments().await.unwrap(), MONDAY + 90 * DAY) {
            let made = compact::merge(&home, &planned.inputs, planned.level, 2, &|_, _| true).unwrap();
            register.swap(&planned.inputs, &made, 2).await.unwrap();
        }
        let merged = register.segments().await.unwrap();
        assert_eq!(merged.len(), 1);
        agrees(&home, &register, &merged).await;
    }
}

/// Whoever sees only a part finds it as the engine shows it: what is not seen or hidden is neither found nor told, under any filter.
#[tokio::test]
async fn behind_a_door_the_newest_are_those_that_the_engine_shows() {
    type Push = fn(&mut EventBatch, u64, &mut Random);
    let mixed: Push = |batch, n, random| {
        let terms = 1 + random.below(5) as i64;
        push_under(batch, n, random, terms);
    };
    let alike: Push = |batch, n, random| push_under(batch, n, random, 2);
    let all: Vec<&str> = COLUMN_TABLE.iter().map(|column| column.name).collect();
    let columns = all.join(", ");
    let span = Span { time: i64::MIN..i64::MAX, behind: None };
    let sets: Vec<Redactions> = Redactions::all().collect();
    let (mut found_some, mut hid_some) = (0, 0);
    for (seed, batches, events, push) in [(12, 3, 180, mixed), (13, 2, 40, alike)] {
        let (_folder, home, register) = filled(seed, batches, events, push).await;
        for (id, text) in (1..).zip(["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"]) {
            assert_eq!(register.terms(&text.parse().unwrap()).await.unwrap(), id);
        }
        let segments = register.segments().await.unwrap();
        // For each of the terms not seen, or one of the sets of what is hidden.
        for round in 0..6_usize {
            let admitted = (1..=5_usize).filter(|terms| !(round + terms).is_multiple_of(3));
            let door = Door::of(admitted.map(|terms| (terms as i64, sets[(round * 3 + terms * 5) % sets.len()])));
            let questions = Questions::open_for(&home, &register, |known| door.redactions(known.id)).await.unwrap();
            for filter in filters() {
                let sql = format!("SELECT {columns} FROM events WHERE {} ORDER BY time DESC, id DESC", filter.condition());
                let told = lines(&questions.sql(&sql).await.unwrap().collect().await.unwrap());
                for most in [5, 1_000_000] {
                    let found = find(&home, &segments, &filter, Some(&door), &span, most).unwrap();
                    assert_eq!((found.len(), found.is_empty()), (told.len().min(most), told.is_empty()), "{filter:?} {door:?}");
                    let rows = found.read(&all, 0..found.len()).unwrap();
                    let few = found.read(&["time", "malware"], 0..found.len().min(2)).unwrap();
                    assert_eq!((few.num_rows(), few.num_columns()), (found.len().min(2), 2));
                    let shown = lines(&[rows]);
                    let times = |rows: &[serde_json::Value]| rows.iter().map(|row| row["time"].clone()).collect::<Vec<_>>();
                    assert_eq!(times(&shown), times(&told[..shown.len()]), "{filter:?} {door:?}");
                    // Where identities are hidden, those of the same moment have no order.
                    let text = |rows: &[serde_json::Value]| {
                        let mut rows: Vec<String> = rows.iter().map(ToString::to_string).collect();
                        rows.sort_unstable();
                        rows
                    };
                    let told_text = text(&told);
                    assert!(text(&shown).iter().all(|row| told_text.binary_search(row).is_ok()), "{filter:?} {door:?}");
                    if shown.len() == told.len() {
                        assert_eq!(text(&shown), told_text, "{filter:?} {door:?}");
                    }
                    found_some += shown.len();
                    hid_some += shown.iter().filter(|row| row.get("source_ip").is_none()).count();
                }
            }
        }
    }
    assert!(found_some > 5_000 && hid_some > 50, "{found_some} {hid_some}");
}

#[tokio::test]
async fn behind_a_door_there_is_no_next_page() {
    let (_folder, home, register) = filled(5, 1, 10, push).await;
    let segments = register.segments().await.unwrap();
    let (door, behind) = (Door::of([(1, Redactions::NONE)]), Some((MONDAY, [0; 16])));
    let span = Span { time: i64::MIN..i64::MAX, behind };
    assert!(find(&home, &segments, &Filter::default(), Some(&door), &span, 1).unwrap_err().to_string().contains("door"));
}

#[tokio::test]
async fn what_cannot_be_judged_is_left_to_the_engine() {
    let (_folder, home, register) = filled(5, 1, 10, push).await;
    let segments = register.segments().await.unwrap();
    for text in ["AS64496", "カメラ", "a@example.com", "d41d8cd98f00b204e9800998ecf8427e"] {
        let filter = Filter { meaning: Meaning::read(text), ..Filter::default() };
        assert!(!judges(&filter), "{text}");
    }
    let number = Filter { meaning: Meaning::read("AS64496"), ..Filter::default() };
    let span = Span { time: i64::MIN..i64::MAX, behind: None };
    assert!(newest(&home, &segments, &number, &span, &[], 1).unwrap_err().to_string().contains("engine"));
    assert!(newest(&home, &segments, &Filter::default(), &span, &["no such"], 1).unwrap_err().to_string().contains("no such"));
    assert_eq!(newest(&home, &segments, &Filter::default(), &span, &[], 0).unwrap().num_rows(), 0);
}
