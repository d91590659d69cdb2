//! `musubi demo`: a believable week in an empty home, and a picture of what was found.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Result, bail};
use casework::model::terms::{Terms, Tlp};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use store::events::Questions;
use store::home::Home;
use store::register::Register;
use tokio::runtime::Handle;

use super::serve::Serve;
use super::{Place, lookup};
use crate::demo::evidence::{Evidence, week};
use crate::demo::{desk, picture, sharing, world};
use crate::jobs::compact;
use crate::pipeline::{self, Order, Summary, Watch};
use crate::receive::files::Found;
use crate::receive::knowledge;
use crate::receive::table_in::{self, Asked};
use crate::show::{self, grouped, say};

/// Fill an empty home with a week of invented evidence, show what it says, and open the console on it
///
/// Real formats, documentation addresses; touches nobody outside. Without --home it uses musubi-demo beside the usual home,
/// so that real and invented events never mix; run again, it shows the same picture again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi demo --no-serve")]
pub(crate) struct Demo {
    /// Fill the home and end
    #[arg(long)]
    no_serve: bool,
    /// Where the console opens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: std::net::SocketAddr,
}

impl Demo {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let started = Instant::now();
        let own = Place {
            home: if place.named { place.home.clone() } else { Home::at(place.home.root().with_file_name("musubi-demo")) },
            ..*place
        };
        let (place, home) = (&own, &own.home);
        let inbox = home.root().join("demo");
        if home.exists() && Register::open(home).await?.row_count().await? > 0 {
            let root = home.root().display();
            if place.named || !inbox.exists() {
                bail!("{root} holds events already; name an empty home: musubi --home /tmp/musubi-demo demo");
            }
            if place.json {
                let register = place.register().await?;
                return show::json(&json!({"home": home.root(), "events": register.row_count().await?}));
            }
            say(format!("{root} was filled before; remove it for a fresh one.\n"))?;
            paint(place, None).await?;
            return self.open(place).await;
        }
        let register = Register::create(home).await?;
        let yesterday = pipeline::now().to_zoned(TimeZone::UTC).date().yesterday()?;
        let evidence = week(yesterday);
        let networks = world::networks().into_bytes();
        let asked = Asked { source: Some("networks of the demo"), date: Some(yesterday), licence: "", modified: None };
        let sha256 = store::evidence::sha256(&mut &networks[..])?;
        table_in::import(home, &register, "networks.tsv", &sha256, &mut std::io::Cursor::new(networks), &asked).await?;
        let summary = fill(place, &register, &inbox, evidence).await?;
        compact::when_needed(home, &register).await?;
        let scene = desk::set(home, &register, pipeline::now()).await?;
        let shared = sharing::set(home, &register, &inbox, pipeline::now()).await?;
        register.close().await;
        let seconds = started.elapsed().as_secs_f64();
        if place.json {
            let counts = summary.counts;
            return show::json(&json!({
                "home": home.root(), "evidence": summary.evidence, "events": counts.stored, "read": counts.read, "stored": counts.stored,
                "duplicate": counts.duplicate, "rejected": counts.rejected, "parties": scene.parties, "agreements": scene.agreements,
                "notices_drafted": scene.drafted, "notices_sent": 0, "kept_back": scene.denied, "takedowns_verified": scene.verified,
                "collections": shared.collections, "indicators_shared": shared.indicators, "misp_events": shared.misp_events,
                "bundles": shared.bundles, "claims": shared.claims,
            }));
        }
        let counts = summary.counts;
        say(format!(
            "A week of invented evidence: {} files read in {seconds:.1} s\n  {} rows read, {} events remembered, {} seen before, {} set aside with their reasons\n",
            grouped(summary.evidence),
            grouped(counts.read),
            grouped(counts.stored),
            grouped(counts.duplicate),
            grouped(counts.rejected),
        ))?;
        paint(place, Some((&scene, &shared))).await?;
        self.open(place).await
    }

    /// Opens the console on the filled home, until Ctrl-C.
    async fn open(self, place: &Place) -> Result<()> {
        if self.no_serve {
            return Ok(());
        }
        say("\nThe console opens on this machine:")?;
        Serve::at(self.listen).run(place).await
    }
}

/// Writes the evidence to files and takes it in through the ordinary path, in the order of days.
async fn fill(place: &Place, register: &Register, inbox: &std::path::Path, evidence: Vec<Evidence>) -> Result<Summary> {
    let knowledge = knowledge::load(&place.home, &[])?;
    let tables = knowledge::tables(&place.home, Some(register)).await?;
    let defaults = register.terms_defaults().await?;
    let stop = AtomicBool::new(false);
    let mut total = Summary::default();
    for piece in evidence {
        let day = piece.received.to_zoned(TimeZone::UTC).date().to_string();
        let path = inbox.join(day).join(piece.name.replace(['/', ':'], "_"));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, &piece.bytes)?;
        let order = Order {
            home: &place.home,
            register,
            runtime: Handle::current(),
            knowledge: &knowledge,
            mappings: &[],
            tables: &tables,
            files: vec![Found { path, name: piece.name.clone(), size_bytes: piece.bytes.len() as u64, spooled: false }],
            format: None,
            feed: piece.feed.map(str::to_owned),
            given_by: None,
            terms: piece.tlp.and_then(Tlp::read).map(Terms::of),
            defaults: &defaults,
            received: Some(piece.received),
            format_of: None,
            replaces: None,
            stop: &stop,
        };
        struct Quiet;
        impl Watch for Quiet {}
        let summary = tokio::task::block_in_place(|| pipeline::ingest(&order, &Quiet))?;
        total.evidence += summary.evidence;
        total.counts += summary.counts;
        total.rejections.extend(summary.rejections);
        for (key, times) in summary.drift {
            *total.drift.entry(key).or_default() += times;
        }
        total.failures.extend(summary.failures);
    }
    Ok(total)
}

async fn paint(place: &Place, scene: Option<(&desk::Scene, &sharing::Shared)>) -> Result<()> {
    let register = place.register().await?;
    let questions = Questions::open(&place.home, &register).await?;
    let width = show::width().min(100);
    let unicode = show::unicode();
    let days =
        pairs(&questions, "SELECT CAST(date_trunc('day', time) AS DATE) AS k, count(*) AS n FROM events GROUP BY 1 ORDER BY 1").await?;
    let counts: Vec<u64> = days.iter().map(|d| d.1).collect();
    if let (Some(first), Some(last)) = (days.first(), days.last()) {
        say(format!("events a day  {} {} {}\n", first.0, picture::sparkline(&counts, unicode), last.0))?;
    }
    let charts = [
        ("What was seen", "SELECT type AS k, count(*) AS n FROM events GROUP BY 1 ORDER BY n DESC LIMIT 8"),
        (
            "Infected devices by country (distinct addresses)",
            "SELECT source_country AS k, count(DISTINCT source_ip) AS n FROM events WHERE type = 'infected-system' AND source_country IS NOT NULL GROUP BY 1 ORDER BY n DESC LIMIT 10",
        ),
    ];
    for (title, sql) in charts {
        say(picture::bars(title, &pairs(&questions, sql).await?, width, unicode))?;
    }
    let mut example = questions
        .sql("SELECT source_ip FROM events WHERE type = 'infected-system' GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1")
        .await?
        .collect()
        .await?;
    let ip = lookup::objects(&std::mem::take(&mut example))?.first().and_then(|r| r["source_ip"].as_str().map(str::to_owned));
    let home = place.home.root().display().to_string();
    let musubi = if std::env::var_os("MUSUBI_HOME").is_some() { "musubi".to_owned() } else { format!("musubi --home {home}") };
    if let Some((scene, shared)) = scene {
        say(scene.text())?;
        say(shared.text())?;
    }
    say("Try next:")?;
    say(format!("  {musubi} lookup {}", ip.as_deref().unwrap_or("192.0.2.1")))?;
    say(format!("  {musubi} notice list"))?;
    say(format!("  {musubi} collection list"))?;
    say(format!("  {musubi} log list"))?;
    say(format!(
        "  {musubi} query \"SELECT source_as_name, count(DISTINCT source_ip) AS cameras FROM events WHERE malware = 'mirai' GROUP BY 1 ORDER BY 2 DESC LIMIT 10\""
    ))
}

async fn pairs(questions: &Questions, sql: &str) -> Result<Vec<(String, u64)>> {
    let rows = lookup::objects(&questions.sql(sql).await?.collect().await?)?;
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    Ok(rows.iter().map(|r| (text(&r["k"]), r["n"].as_u64().unwrap_or(0))).collect())
}
