//! What a look-up tells of an address is what a walk along all events tells, whatever the segments look like.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use casework::enrich::Found;
use casework::model::event::{Event, Side};
use casework::model::field::Field;
use casework::model::identity::EventId;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use store::batch::{EventBatch, Incoming, Origin};
use store::columns::{FILE_SCHEMA, position};
use store::compact;
use store::home::Home;
use store::lookup::{COUNTED, by_ip};
use store::segment::Segment;

mod random;

use random::{DAY, MONDAY, Random, filled};

fn address(random: &mut Random) -> Option<String> {
    match random.below(8) {
        0 => None,
        1 | 2 => Some(format!("2001:db8::{:x}", random.below(300))),
        3 => Some("192.0.2.1".to_owned()),
        _ => Some(format!("198.51.100.{}", random.below(250))),
    }
}

fn push(batch: &mut EventBatch, n: u64, random: &mut Random) {
    let feed = random.one_of(&["sinkhole", "telescope"]);
    let evidence = format!("e{}", random.below(3));
    let origin = batch.origin(&Origin { evidence, feed: feed.into(), observed_at: MONDAY, terms: 1 });
    let mut event = Event::default();
    for side in [Side::Source, Side::Destination] {
        if let Some(ip) = address(random) {
            event.set(Field::Ip(side), ip).unwrap();
        }
        if random.below(3) == 0 {
            event.set(Field::Port(side), random.below(60_000).to_string()).unwrap();
        }
    }
    if random.below(2) == 0 {
        event.set(Field::Malware, random.one_of(&["mirai", "gafgyt", "mozi"]).to_owned()).unwrap();
    }
    event.extra.int("n", i64::try_from(n).unwrap());
    // Few different times, so that many are equally new.
    let time = MONDAY + random.below(4) as i64 * DAY + random.below(50) as i64 * 1_000_000;
    let mut id = [0; 16];
    id[..8].copy_from_slice(&n.to_le_bytes());
    assert!(batch.push(origin, Incoming { id: EventId(id), event: &mut event, time, row: n, found: Found::default() }));
}

fn all_rows(home: &Home, segments: &[Segment]) -> RecordBatch {
    let mut batches = Vec::new();
    for segment in segments {
        let file = std::fs::File::open(home.resolve(&segment.path)).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        batches.extend(reader.map(|rows| rows.unwrap()));
    }
    concat_batches(&FILE_SCHEMA, &batches).unwrap()
}

fn lines(rows: &RecordBatch) -> Vec<String> {
    if rows.num_rows() == 0 {
        return Vec::new();
    }
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    writer.write(rows).unwrap();
    writer.finish().unwrap();
    String::from_utf8(writer.into_inner()).unwrap().lines().map(str::to_owned).collect()
}

/// Asks for addresses of all sorts and compares with all rows.
fn agrees(home: &Home, segments: &[Segment]) {
    let all = all_rows(home, segments);
    let text = |name: &str| all.column(position(name).unwrap()).as_string::<i32>();
    let times = all.column(position("time").unwrap()).as_primitive::<arrow::datatypes::TimestampMicrosecondType>();
    let (sources, destinations) = (text("source_ip"), text("destination_ip"));
    let as_lines = lines(&all);
    let addresses = (0..250).step_by(9).map(|n| format!("198.51.100.{n}")).chain((0..300).step_by(31).map(|n| format!("2001:db8::{n:x}")));
    for ip in addresses.chain(["192.0.2.1", "192.0.2.2", "203.0.113.9", "::", "2001:db8::ffff"].map(str::to_owned)) {
        let ip = ip.parse::<std::net::IpAddr>().unwrap().to_string();
        let with: Vec<usize> =
            (0..all.num_rows()).filter(|at| [sources, destinations].iter().any(|end| end.is_valid(*at) && end.value(*at) == ip)).collect();
        for limit in [0, 7, usize::MAX] {
            let sightings = by_ip(home, segments, ip.parse().unwrap(), &COUNTED, limit).unwrap();
            assert_eq!(sightings.events, with.len() as u64, "{ip}");
            assert_eq!(sightings.first_seen, with.iter().map(|at| times.value(*at)).min(), "{ip}");
            assert_eq!(sightings.last_seen, with.iter().map(|at| times.value(*at)).max(), "{ip}");
            for (column, counts) in COUNTED.iter().zip(&sightings.counts) {
                let mut want: BTreeMap<String, u64> = BTreeMap::new();
                let values = text(column);
                with.iter()
                    .filter(|at| values.is_valid(**at))
                    .map(|at| values.value(*at))
                    .for_each(|v| *want.entry(v.to_owned()).or_default() += 1);
                assert_eq!(*counts, want, "{ip}: {column}");
            }
            let newest: Vec<String> = sightings.newest.iter().flat_map(lines).collect();
            assert_eq!(newest.len(), with.len().min(limit), "{ip}");
            assert!(newest.iter().all(|line| with.iter().any(|at| as_lines[*at] == *line)), "{ip}: a row that is none of its events");
            let told: Vec<i64> = sightings
                .newest
                .iter()
                .map(|b| b.column(position("time").unwrap()).as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(0))
                .collect();
            let mut want: Vec<i64> = with.iter().map(|at| times.value(*at)).collect();
            want.sort_unstable_by(|a, b| b.cmp(a));
            want.truncate(limit);
            assert_eq!(told, want, "{ip}: the newest come first");
            let distinct: std::collections::HashSet<&String> = newest.iter().collect();
            assert_eq!(distinct.len(), newest.len(), "{ip}: what names it at both ends is one event");
        }
    }
}

/// The same rows in one file that is laid out differently.
fn laid_out(home: &Home, merged: &Segment, name: &str, properties: WriterProperties) -> Segment {
    let rows = all_rows(home, std::slice::from_ref(merged));
    let path = format!("segments/{name}.parquet");
    let file = std::fs::File::create(home.resolve(&path)).unwrap();
    let mut writer = ArrowWriter::try_new(file, rows.schema(), Some(properties)).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let unknown = Segment {
        filter_offset: None,
        filter_length: None,
        destination_filter_offset: None,
        destination_filter_length: None,
        ..merged.clone()
    };
    Segment { id: name.to_owned(), path, ..unknown }
}

#[tokio::test]
async fn an_address_is_told_as_a_walk_along_all_events_tells_it() {
    for (seed, batches, events) in [(1, 1, 900), (2, 3, 1500), (3, 4, 200), (4, 1, 1)] {
        let (_folder, home, register) = filled(seed, batches, events, push).await;
        agrees(&home, &register.segments().await.unwrap());
        for planned in compact::plan(&register.segments().await.unwrap(), MONDAY + 90 * DAY) {
            // Up to 16 segments become one.
            let made = compact::merge(&home, &planned.inputs, planned.level, 2, &|_, _| true).unwrap();
            register.swap(&planned.inputs, &made, 2).await.unwrap();
        }
        let merged = register.segments().await.unwrap();
        assert_eq!(merged.len(), 1);
        agrees(&home, &merged);
    }
}

#[tokio::test]
async fn a_file_of_many_row_groups_and_one_without_indexes_tell_the_same() {
    let (_folder, home, register) = filled(5, 2, 3000, push).await;
    let merged = compact::merge(&home, &register.segments().await.unwrap(), 2, 2, &|_, _| true).unwrap().remove(0);
    let many_groups = WriterProperties::builder()
        .set_max_row_group_row_count(Some(256))
        .set_data_page_row_count_limit(32)
        .set_write_batch_size(32)
        .set_bloom_filter_enabled(true)
        .set_statistics_enabled(EnabledStatistics::Page)
        .build();
    agrees(&home, &[laid_out(&home, &merged, "groups", many_groups)]);
    let bare = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None).set_offset_index_disabled(true).build();
    agrees(&home, &[laid_out(&home, &merged, "bare", bare)]);
}

#[tokio::test]
async fn a_segment_that_is_gone_is_an_error_and_not_an_absence() {
    let (_folder, home, register) = filled(6, 1, 300, push).await;
    let segments = register.segments().await.unwrap();
    std::fs::remove_file(home.resolve(&segments[0].path)).unwrap();
    let error = by_ip(&home, &segments, "192.0.2.1".parse().unwrap(), &COUNTED, 20).unwrap_err();
    assert!(error.to_string().contains(&segments[0].path), "{error}");
}
