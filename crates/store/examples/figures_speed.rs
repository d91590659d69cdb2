//! How long do the sums take that an overview shows? Ninety days, each with as many different counts as a national day has.
//!
//!     cargo run --release --workspace --example figures_speed -- [EVENTS A DAY]
//!
//! Prints one JSON object. What matters is the number of different counts, not of events: a day of 350,000 events has about as many of them
//! as the one made here.
#![allow(clippy::print_stdout, reason = "its answer")]

use std::time::Instant;

use casework::enrich::Found;
use casework::model::event::{Event, Side};
use casework::model::field::Field;
use casework::model::identity::Identifier;
use store::batch::{EventBatch, Incoming, Origin};
use store::figures::{Asked, By, KeptFigures};
use store::home::Home;
use store::register::Register;
use store::segment;

const DAYS: u64 = 90;
const DAY: i64 = 86_400_000_000;
const MONDAY: i64 = 20_535;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows_a_day: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(20_000);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(rows_a_day))
}

fn push(batch: &mut EventBatch, day: u64, n: u64) {
    // Multiplied by an odd number, so that countries, feeds and classes go through all their meetings.
    let dice = (n ^ day << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let feed = format!("feed-{}", dice % 25);
    let origin = batch.origin(&Origin { evidence: format!("e{day}"), feed: feed.clone(), observed_at: 0, terms: (dice % 4) as i64 + 1 });
    let mut event = Event::default();
    let country = |n: u64| format!("{}{}", char::from(b'A' + (n % 14) as u8), char::from(b'A' + (n / 14 % 14) as u8));
    for (field, text) in [
        (Field::Ip(Side::Source), format!("198.{}.{}.{}", 18 + n % 2, n / 2 % 256, n / 512 % 256)),
        (Field::Country(Side::Source), country(dice / 7)),
        (Field::Country(Side::Destination), country(dice / 11 % 40)),
        (Field::Malware, format!("family-{}", dice % 120)),
    ] {
        let _ = event.set(field, text);
    }
    event.extra.int("n", n as i64);
    let time = (MONDAY + day as i64) * DAY + n as i64;
    event.time = jiff::Timestamp::from_microsecond(time).ok();
    let id = Identifier::default().identify(&mut event, &feed);
    batch.push(origin, Incoming { id, event: &mut event, time, row: n, found: Found::default() });
}

async fn measure(rows_a_day: u64) -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let home = Home::at(folder.path());
    let register = Register::create(&home).await?;
    for day in 0..DAYS {
        let mut batch = EventBatch::default();
        (0..rows_a_day).for_each(|n| push(&mut batch, day, n));
        let rows = 0..u32::try_from(batch.len())?;
        let segments =
            segment::by_time(&batch, rows).into_iter().map(|rows| segment::write(&home, &batch, rows, 1)).collect::<Result<Vec<_>, _>>()?;
        register.commit(&[], &segments).await?;
    }
    let kept = KeptFigures::default();
    let began = Instant::now();
    let figures = kept.now(&register).await?;
    let opened = began.elapsed();
    let today = (MONDAY + DAYS as i64) as i32;
    let month = Asked { from: Some(today - 30), ..Asked::default() };
    let milliseconds = |work: &dyn Fn()| {
        const TIMES: u32 = 20;
        let began = Instant::now();
        (0..TIMES).for_each(|_| work());
        began.elapsed().as_secs_f64() * 1000.0 / f64::from(TIMES)
    };
    let asked = milliseconds(&|| drop(std::hint::black_box(figures.by(By::Country, &month, None))));
    let all = milliseconds(&|| drop(std::hint::black_box(figures.by_day(&Asked::default(), None))));
    let began = Instant::now();
    for _ in 0..100 {
        kept.now(&register).await?;
    }
    let unchanged = began.elapsed().as_secs_f64() * 10.0;
    let parts: usize = By::ALL.iter().filter_map(|by| figures.by(*by, &Asked::default(), None)).map(|values| values.len()).sum();
    println!(
        "{}",
        serde_json::json!({
            "events": rows_a_day * DAYS, "days": DAYS, "values": parts, "open_ms": opened.as_secs_f64() * 1000.0, "countries_of_30_days_ms": asked,
            "all_days_ms": all, "unchanged_ms": unchanged,
        })
    );
    Ok(())
}
