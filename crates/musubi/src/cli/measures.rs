//! `musubi takedown measures`: what works, how fast, and how sure is that?

use anyhow::Result;
use casework::model::day::span_text;
use casework::verify::measures::{By, Course, ENOUGH, Measured, Rate, Times, compare, measure};
use casework::verify::takedown::State;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::takedowns::{TakedownRow, Wanted};

use super::{Place, moment};
use crate::show::{self, say, table};

/// Measure takedowns: time to notice, to answer, to verified; which channel works
///
/// Only what the network showed counts: gone is verified, stayed is seen again or still seen after the quiet period. What is still
/// running and what nobody watched is shown and enters no rate. Rates come with their 95 % interval (Wilson); with fewer than
/// 10 decided takedowns they are too few to say anything. With --by channel each is compared with those where nobody was asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi takedown measures --by channel")]
pub(crate) struct Measures {
    #[arg(long, value_enum, default_value = "channel")]
    by: Group,
    /// Begun (seen first) at or after this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Group {
    Party,
    Channel,
    Country,
    Class,
}

impl Group {
    fn by(self) -> By {
        match self {
            Self::Party => By::Party,
            Self::Channel => By::Channel,
            Self::Country => By::Country,
            Self::Class => By::Class,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Party => "party",
            Self::Channel => "channel",
            Self::Country => "country",
            Self::Class => "class",
        }
    }
}

fn course(row: TakedownRow) -> Option<Course> {
    let time = |at: i64| Timestamp::from_microsecond(at).ok();
    Some(Course {
        state: State::read(&row.state)?,
        first_seen: time(row.first_seen)?,
        last_seen: time(row.last_seen)?,
        asked_at: row.asked_at.and_then(time),
        heard_at: row.heard_at.and_then(time),
        answered_at: row.answered_at.and_then(time),
        verified_at: row.verified_at.and_then(time),
        reinfections: u32::try_from(row.reinfections).unwrap_or(u32::MAX),
        quiet_days: u16::try_from(row.needed_days).unwrap_or(u16::MAX),
        party: row.party,
        channel: row.channel,
        country: row.country,
        class: row.class,
    })
}

impl Measures {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let wanted = Wanted { all: true, ..Wanted::default() };
        let rows = if place.home.exists() { place.register().await?.takedowns(&wanted).await? } else { Vec::new() };
        let courses: Vec<Course> =
            rows.into_iter().filter_map(course).filter(|course| self.since.is_none_or(|since| course.first_seen >= since)).collect();
        let measured = measure(&courses, self.by.by());
        let by_itself = measured.get("nobody asked").map(Measured::gone_rate).filter(|_| self.by == Group::Channel);
        let compared = |name: &str, rate: Rate| match by_itself {
            Some(natural) if name != "nobody asked" => Some(compare(rate, natural).as_str()),
            Some(_) | None => None,
        };
        if place.json {
            let groups = measured.iter().map(|(name, m)| object(self.by.name(), name, m, compared(name, m.gone_rate()))).collect();
            return show::json(&Value::Array(groups));
        }
        let cells: Vec<Vec<String>> = measured.iter().map(|(name, m)| cells(name, m, compared(name, m.gone_rate()))).collect();
        let names = [
            self.by.name(),
            "takedowns",
            "gone",
            "stayed",
            "running",
            "unknown",
            "no attempt",
            "reinfected",
            "gone rate",
            "to notice",
            "to answer",
            "to verified",
            "against nobody asked",
        ];
        say(table(&names, &cells, &[1, 2, 3, 4, 5, 6, 7]).trim_end())
    }
}

fn rate_text(rate: Rate) -> String {
    match rate.share() {
        None => format!("too few ({})", rate.of),
        Some(share) => {
            let (low, high) = rate.interval();
            format!("{:.0} % ({:.0} to {:.0} %)", share * 100.0, low * 100.0, high * 100.0)
        }
    }
}

fn times_text(times: &Times) -> String {
    let unknown = if times.unknown > 0 { format!(", {} unknown", times.unknown) } else { String::new() };
    times.median().map_or_else(|| format!("none{unknown}"), |median| format!("{} ({}{unknown})", span_text(median), times.known()))
}

fn cells(name: &str, m: &Measured, compared: Option<&str>) -> Vec<String> {
    let counts = [m.takedowns, m.gone, m.stayed, m.running, m.unknown, m.no_attempt, m.reinfections].map(|n| n.to_string());
    let mut cells = vec![name.to_owned()];
    cells.extend(counts);
    cells.extend([rate_text(m.gone_rate()), times_text(&m.to_notice), times_text(&m.to_answer), times_text(&m.to_verified)]);
    cells.push(compared.unwrap_or_default().to_owned());
    cells
}

fn object(by: &str, name: &str, m: &Measured, compared: Option<&str>) -> Value {
    let times = |times: &Times| {
        let hours = |share: f64| times.quantile(share).map(|span| (span.as_secs_f64() / 360.0).round() / 10.0);
        json!({"known": times.known(), "unknown": times.unknown, "median_hours": hours(0.5), "p90_hours": hours(0.9)})
    };
    let rate = m.gone_rate();
    let (low, high) = rate.interval();
    json!({
        "id": name, "by": by, "takedowns": m.takedowns, "gone": m.gone, "stayed": m.stayed, "running": m.running, "unknown": m.unknown,
        "no_attempt": m.no_attempt, "reinfections": m.reinfections,
        "gone_rate": {"decided": rate.of, "enough": rate.of >= ENOUGH, "share": rate.share(), "low": low, "high": high, "confidence": 0.95},
        "to_notice": times(&m.to_notice), "to_hear": times(&m.to_hear), "to_answer": times(&m.to_answer), "to_verified": times(&m.to_verified),
        "against_nobody_asked": compared,
    })
}
