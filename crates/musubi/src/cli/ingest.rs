//! `musubi ingest`: evidence in, each event remembered once.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Result, bail};
use casework::model::terms::Terms;
use casework::observe::Source;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde_json::json;
use store::commit::Counts;
use store::register::Register;
use tokio::runtime::Handle;

use super::{Place, moment};
use crate::jobs::compact;
use crate::pipeline::{self, Order, Summary, Watch};
use crate::receive::files::{self, Found};
use crate::receive::{knowledge, parts};
use crate::show::{grouped, json, say};

/// Read evidence and remember what it says
///
/// Files, folders with everything in them, or - for standard input. Formats are recognised from content and name, also
/// inside mail, zip, gzip, zstd, xz and tar. Reading the same evidence again changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi ingest --tlp amber .")]
pub(crate) struct Ingest {
    /// Files or folders; - is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Name of the feed the evidence belongs to
    #[arg(long, value_name = "NAME")]
    feed: Option<String>,
    /// Terms it was given under: a Traffic Light Protocol label, or more (see `musubi terms`) [default: that of feed or giver, else AMBER+STRICT]
    #[arg(long, value_name = "TLP", value_parser = terms)]
    tlp: Option<Terms>,
    /// Who gave it
    #[arg(long, value_name = "PARTY")]
    from: Option<String>,
    /// Insist on a format (see `musubi formats`)
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Option<Named>,
    /// Mapping file for CSV of your own layout (TOML); may be given several times
    #[arg(long, value_name = "FILE")]
    mapping: Vec<PathBuf>,
    /// When the evidence was received, for archives of the past [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    received: Option<Timestamp>,
}

/// A source named on the command line.
#[derive(Clone, Copy)]
pub(crate) struct Named(pub(crate) &'static dyn Source);

impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name())
    }
}

pub(crate) fn terms(text: &str) -> Result<Terms, String> {
    text.parse().map_err(|error| format!("{error}; a TLP 2.0 label alone is clear, green, amber, amber+strict or red"))
}

pub(crate) fn format(text: &str) -> Result<Named, String> {
    parts::by_name(text).map(Named).ok_or_else(|| format!("{text:?} is no known format; `musubi formats` lists them"))
}

impl Ingest {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let started = Instant::now();
        let register = Register::create(&place.home).await?;
        let mappings = knowledge::named(&self.mapping)?;
        let knowledge = knowledge::load(&place.home, &mappings)?;
        let tables = knowledge::tables(&place.home, Some(&register)).await?;
        let found = files::find(&self.paths, place.home.root(), &place.home.temporary())?;
        let stop = stop_on_signal();
        let watch = Progress::new(found.iter().map(|f| f.size_bytes).sum(), place.verbose > 0);
        if let Ok(lock) = place.home.try_lock() {
            // What a killed process left behind goes before new files come.
            let swept = store::check::sweep(&place.home, &register, pipeline::now().as_microsecond()).await?;
            tracing::debug!(files = swept, "swept strays");
            drop(lock);
        }
        let defaults = register.terms_defaults().await?;
        let order = Order {
            home: &place.home,
            register: &register,
            runtime: Handle::current(),
            knowledge: &knowledge,
            mappings: &mappings,
            tables: &tables,
            files: found,
            format: self.format.map(|f| f.0),
            feed: self.feed,
            given_by: self.from,
            terms: self.tlp,
            defaults: &defaults,
            received: self.received,
            format_of: None,
            replaces: None,
            stop: &stop,
        };
        let summary = tokio::task::block_in_place(|| pipeline::ingest(&order, &watch));
        watch.bar.finish_and_clear();
        order.files.iter().for_each(Found::done);
        let summary = summary?;
        compact::when_needed(&place.home, &register).await?;
        register.close().await;
        report(&summary, place.json, started)?;
        if !summary.failures.is_empty() {
            bail!("{} of the files could not be read", summary.failures.len());
        }
        if summary.stopped {
            bail!("stopped; what was acknowledged is remembered, run the same command to go on");
        }
        Ok(())
    }
}

/// Set by Ctrl-C or SIGTERM; a second one ends at once.
pub(crate) fn stop_on_signal() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&stop);
    tokio::spawn(async move {
        loop {
            if ended().await.is_err() {
                return;
            }
            if heard.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            eprintln!("stopping after the current step; once more to stop at once");
        }
    });
    stop
}

#[cfg(unix)]
async fn ended() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    Ok(())
}

#[cfg(not(unix))]
async fn ended() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// A bar on the terminal; a line per file with `-v`.
pub(crate) struct Progress {
    pub(crate) bar: ProgressBar,
    lines: bool,
}

impl Progress {
    pub(crate) fn new(total: u64, lines: bool) -> Self {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(total) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left  {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, lines }
    }
}

impl Watch for Progress {
    fn reading(&self, name: &str) {
        self.bar.set_message(name.to_owned());
    }

    fn bytes(&self, more: u64) {
        self.bar.inc(more);
    }

    fn acknowledged(&self, name: &str, counts: &Counts) {
        if self.lines {
            let Counts { read, stored, duplicate, rejected } = counts;
            // One write, so that the line is whole whatever happens next.
            let line = format!("remembered {name}: read {read}, stored {stored}, duplicate {duplicate}, rejected {rejected}\n");
            self.bar.suspend(|| {
                let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
            });
        }
    }

    fn waiting(&self) {
        self.bar.suspend(|| eprintln!("another process is writing to this home; waiting for it"));
    }
}

pub(crate) fn report(summary: &Summary, as_json: bool, started: Instant) -> Result<()> {
    let Counts { read, stored, duplicate, rejected } = summary.counts;
    if as_json {
        let rejections: Vec<_> =
            summary.rejections.iter().map(|r| json!({"path": r.path, "row": r.row_number, "reason": r.reason})).collect();
        let drift: Vec<_> = summary.drift.iter().map(|((kind, name), times)| json!({"kind": kind, "name": name, "times": times})).collect();
        let failures: Vec<_> = summary.failures.iter().map(|(path, reason)| json!({"path": path, "reason": reason})).collect();
        return json(&json!({
            "evidence": summary.evidence, "read": read, "stored": stored, "duplicate": duplicate, "rejected": rejected,
            "rejections": rejections, "drift": drift, "failures": failures,
        }));
    }
    let seconds = started.elapsed().as_secs_f64();
    let known = if summary.known_evidence > 0 { format!(" ({} known already)", grouped(summary.known_evidence)) } else { String::new() };
    say(format!(
        "{} evidence{known}: read {}, stored {}, duplicate {}, rejected {}  ({seconds:.1} s)",
        grouped(summary.evidence),
        grouped(read),
        grouped(stored),
        grouped(duplicate),
        grouped(rejected),
    ))?;
    const SHOWN: usize = 10;
    for rejection in summary.rejections.iter().take(SHOWN) {
        let row = if rejection.row_number > 0 { format!(" row {}", rejection.row_number) } else { String::new() };
        say(format!("  set aside: {}{row}: {}", rejection.path, rejection.reason))?;
    }
    if rejected > SHOWN as u64 {
        let more = grouped(rejected - summary.rejections.len().min(SHOWN) as u64);
        say(format!("  and {more} more: musubi query \"SELECT * FROM rejections\""))?;
    }
    for ((kind, name), _) in summary.drift.iter().take(SHOWN) {
        say(format!("  drift: {kind} {name}"))?;
    }
    if summary.drift.len() > SHOWN {
        say(format!("  and {} more: musubi doctor", summary.drift.len() - SHOWN))?;
    }
    for (path, reason) in &summary.failures {
        say(format!("  failed: {path}: {reason}"))?;
    }
    Ok(())
}
