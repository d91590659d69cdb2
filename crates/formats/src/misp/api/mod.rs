//! What does a MISP server answer, and what do its clients ask?
//!
//! The pure part: requests are parsed into typed filters and asked of events and attributes, answers are made as JSON text in the
//! shapes that a MISP 2.5 and PyMISP read. Nothing here listens: whoever does calls [`Path::read`], one of the readers in [`request`]
//! or [`Search::read`], and one of the writers in [`answer`].

pub mod answer;
pub mod request;
mod search;
mod terms;

pub use request::Path;
pub use search::{Deleted, ReturnFormat, Scope, Search, SearchError, Span};
pub use terms::Terms;
