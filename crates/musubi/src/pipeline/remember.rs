//! What is remembered: batches without what is held already, as sorted segments, and the files that end with them, in one transaction.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use anyhow::Result;
use store::batch::EventBatch;
use store::commit::{REJECTIONS_KEPT, Reading};
use store::home::WriteLock;
use store::segment::Segment;

use super::{CameMeanwhile, Order, Summary, Then, Unit, Watch, now};
use crate::faults;

/// Writes batches as segments and commits finished files with them.
pub(super) fn remember(
    order: &Order<'_>,
    units: Receiver<Unit>,
    emptied: SyncSender<EventBatch>,
    failed: &AtomicBool,
    watch: &dyn Watch,
) -> Result<Summary> {
    let mut memory = Memory {
        order,
        watch,
        lock: None,
        held: Vec::new(),
        gone: Vec::new(),
        pending: Vec::new(),
        marked: HashMap::new(),
        inherited: BTreeMap::new(),
        summary: Summary::default(),
    };
    for unit in units {
        match memory.take(unit) {
            Ok(mut batch) => {
                batch.clear();
                // One in reserve is enough; a second is let go.
                let _ = emptied.try_send(batch);
            }
            Err(error) => {
                failed.store(true, Ordering::Relaxed);
                memory.forget();
                return Err(error);
            }
        }
    }
    Ok(memory.summary)
}

struct Memory<'o> {
    order: &'o Order<'o>,
    watch: &'o dyn Watch,
    /// Held from the first batch of a transaction to its end: nobody else adds events meanwhile.
    lock: Option<WriteLock>,
    /// Segments that count, as of taking the lock.
    held: Vec<Segment>,
    /// Segments that hold the reading being replaced; what else they hold is in `pending`.
    gone: Vec<Segment>,
    /// Written, not yet committed.
    pending: Vec<Segment>,
    /// Duplicates found here, per evidence.
    marked: HashMap<String, u64>,
    /// Events that heirs take over, per evidence.
    inherited: BTreeMap<String, i64>,
    summary: Summary,
}

impl Memory<'_> {
    /// Does what the unit says; gives its batch back.
    fn take(&mut self, unit: Unit) -> Result<EventBatch> {
        match unit.then {
            Then::Forget => {
                self.forget();
                return Ok(unit.batch);
            }
            _ if unit.batch.is_empty() && unit.finished.is_empty() => return Ok(unit.batch),
            Then::Continue | Then::Commit => {}
        }
        self.take_lock()?;
        if !unit.batch.is_empty() {
            self.write(&unit.batch)?;
        }
        if unit.then == Then::Commit {
            self.commit(unit.finished)?;
        }
        Ok(unit.batch)
    }

    /// Removes what was written since the last commit. A file that cannot be removed is a stray that the next sweep finds.
    fn forget(&mut self) {
        for segment in self.pending.drain(..) {
            let _ = std::fs::remove_file(self.order.home.resolve(&segment.path));
        }
        self.gone.clear();
        self.marked.clear();
        self.inherited.clear();
        self.lock = None;
    }

    fn take_lock(&mut self) -> Result<()> {
        if self.lock.is_none() {
            self.lock = Some(self.order.home.lock(|| self.watch.waiting())?);
            self.held = self.order.runtime.block_on(self.order.register.segments())?;
            if let Some(replaces) = &self.order.replaces {
                let among = self.order.runtime.block_on(self.order.register.duplicating(replaces.evidence))?;
                anyhow::ensure!(among == replaces.sought_among, CameMeanwhile);
                self.set_aside(replaces.evidence)?;
            }
        }
        Ok(())
    }

    /// Writes the segments that hold events of `evidence` anew without them.
    fn set_aside(&mut self, evidence: &str) -> Result<()> {
        let (home, now) = (self.order.home, now().as_microsecond());
        for segment in std::mem::take(&mut self.held) {
            if store::compact::holds(home, &segment, evidence)? {
                let keep = store::compact::not_from(evidence);
                self.pending.extend(store::compact::merge(home, std::slice::from_ref(&segment), segment.level, now, &keep)?);
                self.gone.push(segment);
            } else {
                self.held.push(segment);
            }
        }
        Ok(())
    }

    fn write(&mut self, batch: &EventBatch) -> Result<()> {
        let home = self.order.home;
        let mut known = store::known::mark(home, batch, &self.held)?;
        for (mark, more) in known.iter_mut().zip(store::known::mark(home, batch, &self.pending)?) {
            *mark |= more;
        }
        for (at, _) in known.iter().enumerate().filter(|(_, known)| **known) {
            let evidence = batch.evidence(at);
            match self.marked.get_mut(evidence) {
                Some(times) => *times += 1,
                None => {
                    self.marked.insert(evidence.to_owned(), 1);
                }
            }
        }
        if let Some(replaces) = &self.order.replaces {
            for at in (0..batch.len()).filter(|at| !known[*at] && batch.evidence(*at) != replaces.evidence) {
                *self.inherited.entry(batch.evidence(at).to_owned()).or_default() += 1;
            }
        }
        let new = (0..batch.len()).filter(|at| !known[*at]).filter_map(|at| u32::try_from(at).ok());
        let created_at = now().as_microsecond();
        for rows in store::segment::by_time(batch, new) {
            self.pending.push(store::segment::write(home, batch, rows, created_at)?);
            faults::point("segment written");
        }
        Ok(())
    }

    fn commit(&mut self, finished: Vec<Reading>) -> Result<()> {
        let Order { register, runtime, .. } = self.order;
        let mut readings = Vec::new();
        for mut reading in finished {
            let found_here = self.marked.remove(&reading.kept.id).unwrap_or(0);
            let counts = &mut reading.counts;
            counts.duplicate += found_here;
            counts.stored = counts.read - counts.duplicate - counts.rejected;
            readings.push(reading);
        }
        if faults::acknowledge_before_commit() {
            readings.iter().for_each(|r| self.watch.acknowledged(&r.name, &r.counts));
            faults::point("acknowledged before commit");
        }
        if self.order.replaces.is_some()
            && let [reading] = &readings[..]
        {
            let inherited = std::mem::take(&mut self.inherited);
            runtime.block_on(register.replace(reading, &self.gone, &self.pending, &inherited, now().as_microsecond()))?;
            self.gone.clear();
            self.pending.clear();
            self.marked.clear();
            self.lock = None;
            self.acknowledge(reading);
            return Ok(());
        }
        // Someone else may have remembered the same evidence while we read it; then all of ours were duplicates.
        let mut new = Vec::new();
        for reading in readings {
            if runtime.block_on(register.evidence(&reading.kept.sha256))?.is_none() {
                new.push(reading);
            } else {
                self.acknowledge(&reading);
                self.summary.known_evidence += 1;
            }
        }
        runtime.block_on(register.commit(&new, &self.pending))?;
        faults::point("committed");
        self.pending.clear();
        self.marked.clear();
        self.lock = None;
        new.iter().for_each(|reading| self.acknowledge(reading));
        Ok(())
    }

    fn acknowledge(&mut self, reading: &Reading) {
        self.watch.acknowledged(&reading.name, &reading.counts);
        self.summary.evidence += 1;
        self.summary.counts += reading.counts;
        let space = REJECTIONS_KEPT.saturating_sub(self.summary.rejections.len());
        self.summary.rejections.extend(reading.rejections.iter().take(space).cloned());
        for (key, times) in &reading.drift {
            *self.summary.drift.entry(key.clone()).or_default() += times;
        }
    }
}
