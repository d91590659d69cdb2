//! What we remember: events in Parquet, everything else in SQL. The only SQL; decides nothing.
//!
//! A [`home::Home`] is a folder. Its [`register`] is a SQLite database; a segment of events exists when its row there
//! does, so one register transaction ([`commit`]) is the point at which evidence, its events and its counts become
//! true together. [`events`] and [`lookup`] answer questions.

pub mod agreements;
pub mod batch;
pub mod check;
pub mod columns;
pub mod commit;
pub mod compact;
pub mod copy;
pub mod error;
pub mod events;
pub mod evidence;
pub mod functions;
pub mod home;
pub mod known;
pub mod lookup;
pub mod parties;
pub mod register;
pub mod registries;
pub mod segment;
pub mod tables;

pub use error::StoreError;
