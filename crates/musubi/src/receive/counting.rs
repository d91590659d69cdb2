//! What would become of each row, if nothing had been known before? Reading that remembers nothing.
//!
//! An outside party that brings what somebody else brought before hears what it would have heard otherwise.

use std::fs::File;
use std::path::Path;

use anyhow::Result;
use casework::model::event::Event;
use casework::observe::{Drift, Position, Sink, Source, Stop};
use store::commit::{Counts, REJECTIONS_KEPT};
use store::evidence::Rejection;

use super::parts::{self, How, Takes};

/// Rows read and set aside; all that were read would be stored.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) counts: Counts,
    pub(crate) rejections: Vec<Rejection>,
    path: String,
}

/// Reads a file under a name.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn count(path: &Path, name: &str, how: &How<'_>) -> Result<Counted> {
    let mut counted = Counted::default();
    // It never asks to stop.
    let _ = parts::read(name, &mut File::open(path)?, how, &mut counted);
    Ok(counted)
}

impl Counted {
    fn refused(&mut self, path: String, row_number: i64, reason: String) {
        self.counts.read += 1;
        self.counts.rejected += 1;
        if self.rejections.len() < REJECTIONS_KEPT {
            self.rejections.push(Rejection { path, row_number, reason });
        }
    }
}

impl Sink for Counted {
    fn event(&mut self, _: Position, event: &mut Event<'_>) -> Result<(), Stop> {
        event.extra.finish();
        self.counts.read += 1;
        self.counts.stored += 1;
        Ok(())
    }

    fn reject(&mut self, at: Position, reason: String) -> Result<(), Stop> {
        self.refused(self.path.clone(), i64::try_from(at.row).unwrap_or(i64::MAX), reason);
        Ok(())
    }

    fn drift(&mut self, _: Drift) {}
}

impl Takes for Counted {
    fn begin(&mut self, path: &str, _: &'static dyn Source, _: &str) {
        path.clone_into(&mut self.path);
    }

    fn refuse(&mut self, path: &str, reason: String) -> Result<(), Stop> {
        self.refused(path.to_owned(), 0, reason);
        Ok(())
    }
}
