//! Fewer, larger segments; an end to what is too old; strays swept.

use anyhow::Result;
use casework::model::day::Day;
use jiff::Timestamp;
use store::check::sweep;
use store::compact::{Merge, merge, not_before, plan};
use store::home::Home;
use store::register::Register;

use crate::pipeline;

/// What a run has done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Segments that gave way, and those that took their place.
    pub(crate) merged: u64,
    pub(crate) made: u64,
    pub(crate) dropped_events: u64,
    pub(crate) removed_originals: u64,
    pub(crate) swept_files: u64,
}

/// Segments smaller than this, so many of them, and an ingest compacts by itself.
const SMALL: i64 = 16 << 10;
const MANY: usize = 64;

/// Compacts when many small segments have gathered and nobody else is writing.
pub(crate) async fn when_needed(home: &Home, register: &Register) -> Result<()> {
    let small = register.segments().await?.iter().filter(|s| s.level == 0 && s.row_count < SMALL).count();
    if small >= MANY
        && let Ok(_lock) = home.try_lock()
    {
        let done = run(home, register, None).await?;
        tracing::info!("{} small segments became {}", done.merged, done.made);
    }
    Ok(())
}

/// A day or month that is over is merged when so many segments of it have gathered: a late event does not rewrite a day of others.
const WORTH_IT: usize = 4;

/// Merges what belongs to days that are over, one day after the other; whoever wants to write meanwhile waits for one merge at most. Gives
/// how many segments gave way, and how many took their place.
pub(crate) async fn days_that_are_over(home: &Home, register: &Register) -> Result<(usize, usize)> {
    let (mut merged, mut made) = (0, 0);
    loop {
        let now = pipeline::now();
        let today = Day::of(now).start().as_microsecond();
        let over = |planned: &Merge| planned.inputs.len() >= WORTH_IT && planned.inputs.iter().all(|segment| segment.time_max < today);
        let Ok(lock) = home.try_lock() else { return Ok((merged, made)) };
        let Some(planned) = plan(&register.segments().await?, now.as_microsecond()).into_iter().find(over) else {
            if merged > 0 {
                sweep(home, register, now.as_microsecond()).await?;
            }
            return Ok((merged, made));
        };
        let (place, at) = (home.clone(), now.as_microsecond());
        let (planned, segments) = tokio::task::spawn_blocking(move || {
            let segments = merge(&place, &planned.inputs, planned.level, at, &|_, _| true);
            (planned, segments)
        })
        .await?;
        let segments = segments?;
        register.swap(&planned.inputs, &segments, at).await?;
        (merged, made) = (merged + planned.inputs.len(), made + segments.len());
        drop(lock);
        tokio::task::yield_now().await;
    }
}

/// Removes what is older than `keep`, merges what is worth merging, sweeps. The caller holds the write lock.
pub(crate) async fn run(home: &Home, register: &Register, keep: Option<Timestamp>) -> Result<Done> {
    let now = pipeline::now().as_microsecond();
    let mut done = Done::default();
    if let Some(cutoff) = keep.map(Timestamp::as_microsecond) {
        for segment in register.segments().await?.into_iter().filter(|s| s.time_min < cutoff) {
            let left = if segment.time_max < cutoff {
                Vec::new()
            } else {
                merge(home, std::slice::from_ref(&segment), segment.level, now, &not_before(cutoff))?
            };
            let rows_left: i64 = left.iter().map(|s| s.row_count).sum();
            done.dropped_events += (segment.row_count - rows_left).unsigned_abs();
            register.swap(&[segment], &left, now).await?;
        }
        done.removed_originals = register.forget_originals(cutoff).await?;
    }
    // What one round has merged may be merged again with its likes; each round leaves fewer.
    loop {
        let plans = plan(&register.segments().await?, now);
        if plans.is_empty() {
            break;
        }
        for planned in plans {
            let segments = merge(home, &planned.inputs, planned.level, now, &|_, _| true)?;
            done.merged += planned.inputs.len() as u64;
            done.made += segments.len() as u64;
            register.swap(&planned.inputs, &segments, now).await?;
        }
    }
    done.swept_files = sweep(home, register, now).await?;
    Ok(done)
}
