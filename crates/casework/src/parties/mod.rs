//! Parties and agreements as people write them down, and how what several say of one party is joined.
//!
//! [`draft`] makes a party or an agreement out of keys and values; [`toml`] and [`csv`] are two ways of writing these
//! down, the command line is a third; [`foreign`] takes what others publish. [`join()`] puts what one source says beside what others said before: each source replaces
//! only its own words, so a registry never wipes out what we entered ourselves. [`held`] tells what others hold of what a party claims.

pub mod csv;
pub mod draft;
pub mod foreign;
pub mod held;
pub mod join;
pub mod toml;

pub use draft::{Draft, WrittenParty, Wrong};
pub use join::{join, rewritten};

use crate::model::agreement::Agreement;

/// What a file says, and what of it had to be set aside.
#[derive(Clone, Debug, Default)]
pub struct Written {
    pub parties: Vec<WrittenParty>,
    pub agreements: Vec<Agreement>,
    /// In the order of the file.
    pub rejected: Vec<Rejected>,
}

/// An entry that was set aside, and why.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct Rejected {
    /// `row 7`, `party 3 (isp-jp)`.
    pub place: String,
    pub reason: String,
}
