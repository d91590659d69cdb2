//! Fewer, larger segments; an end to what is too old; strays swept.

use anyhow::Result;
use casework::model::day::Day;
use jiff::Timestamp;
use store::StoreError;
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

/// Merges what belongs to days that are over, one day after the other. Whoever takes evidence in meanwhile waits for none of it: only to put
/// the new segment in the place of the old ones takes the right to write, and when these are others by then (a retention, a tightening, another
/// that merges) the new one counts for nothing. Gives how many segments gave way, and how many took their place.
pub(crate) async fn days_that_are_over(home: &Home, register: &Register) -> Result<(usize, usize)> {
    let (mut merged, mut made) = (0, 0);
    loop {
        let now = pipeline::now();
        let Some(planned) = planned(register, now).await? else { break };
        let (place, at) = (home.clone(), now.as_microsecond());
        let done = tokio::task::spawn_blocking(move || {
            // Nobody sweeps the old ones away while they are read, nor the new one before the register names it.
            let used = place.in_use()?;
            let segments = merge(&place, &planned.inputs, planned.level, at, &|_, _| true)?;
            let lock = place.lock(|| ())?;
            anyhow::Ok((planned.inputs, segments, (lock, used)))
        });
        let (inputs, segments, locks) = done.await??;
        let swapped = register.swap(&inputs, &segments, at).await;
        drop(locks);
        match swapped {
            Ok(()) => (merged, made) = (merged + inputs.len(), made + segments.len()),
            // The next round plans anew; the file that is left is swept with the others.
            Err(StoreError::Refused(why)) => {
                tracing::debug!("not merged this time: {why}");
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    if merged > 0
        && let Ok(_lock) = home.try_lock()
    {
        sweep(home, register, pipeline::now().as_microsecond()).await?;
    }
    Ok((merged, made))
}

/// The first merge that is worth it of days that are over.
async fn planned(register: &Register, now: Timestamp) -> Result<Option<Merge>> {
    let today = Day::of(now).start().as_microsecond();
    let over = |planned: &Merge| planned.inputs.len() >= WORTH_IT && planned.inputs.iter().all(|segment| segment.time_max < today);
    Ok(plan(&register.segments().await?, now.as_microsecond()).into_iter().find(over))
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

#[cfg(test)]
mod tests {
    use casework::enrich::Found;
    use casework::model::event::{Event, Side};
    use casework::model::field::Field;
    use casework::model::identity::Identifier;
    use store::batch::{EventBatch, Incoming, Origin};

    use super::*;

    const LONG_AGO: i64 = 20_535 * 86_400_000_000;

    /// A home with so many events of one day, each in a segment of its own.
    async fn filled(events: u64) -> (tempfile::TempDir, Home, Register) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let register = Register::create(&home).await.unwrap();
        for n in 0..events {
            let mut batch = EventBatch::default();
            let origin = batch.origin(&Origin { evidence: "e".into(), feed: "feed".into(), observed_at: LONG_AGO, terms: 1 });
            let mut event = Event::default();
            event.set(Field::Ip(Side::Source), format!("192.0.2.{n}")).unwrap();
            let time = LONG_AGO + n as i64;
            event.time = Some(Timestamp::from_microsecond(time).unwrap());
            let id = Identifier::default().identify(&mut event, "feed");
            assert!(batch.push(origin, Incoming { id, event: &mut event, time, row: n, found: Found::default() }));
            register.commit(&[], &[store::segment::write(&home, &batch, vec![0], 1).unwrap()]).await.unwrap();
        }
        (folder, home, register)
    }

    fn files(home: &Home) -> usize {
        let mut folders = vec![home.segments()];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                match entry.path().is_dir() {
                    true => folders.push(entry.path()),
                    false => files += 1,
                }
            }
        }
        files
    }

    #[tokio::test]
    async fn who_writes_is_not_kept_waiting_and_what_changes_meanwhile_holds() {
        let (_folder, home, register) = filled(6).await;
        let writing = home.lock(|| ()).unwrap();
        let merging = tokio::spawn({
            let (home, register) = (home.clone(), register.clone());
            async move { days_that_are_over(&home, &register).await.unwrap() }
        });
        // The new segment is made while somebody writes; it waits for the register only.
        while files(&home) == 6 {
            assert!(!merging.is_finished(), "nothing was merged");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let gone = register.segments().await.unwrap().remove(2);
        register.swap(&[gone], &[], 1).await.unwrap();
        drop(writing);
        assert_eq!(merging.await.unwrap(), (0, 0));
        assert_eq!((register.segments().await.unwrap().len(), register.row_count().await.unwrap()), (5, 5));

        assert_eq!(days_that_are_over(&home, &register).await.unwrap(), (5, 1));
        assert_eq!((register.segments().await.unwrap().len(), register.row_count().await.unwrap()), (1, 5));
        assert_eq!(days_that_are_over(&home, &register).await.unwrap(), (0, 0));
        // What nothing names went; those that were replaced just now wait for readers that began before.
        assert_eq!(store::check::sweep(&home, &register, 2).await.unwrap(), 0);
    }
}
