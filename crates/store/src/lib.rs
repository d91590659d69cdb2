//! What we remember: events in Parquet, everything else in SQL. The only SQL; decides nothing.
//!
//! A [`home::Home`] is a folder. Its [`register`] is a SQLite database; a segment of events exists when its row there
//! does, so one register transaction ([`commit`]) is the point at which evidence, its events and its counts become
//! true together. [`events`] and [`lookup`] answer questions, [`door`] those of a party; [`cases`] and [`takedowns`] are what is being
//! done, [`watch`] what the network shows of it; [`indicators`] is what is to be watched for.

pub mod agreements;
pub mod answers;
pub mod batch;
pub mod case_events;
mod case_functions;
pub mod cases;
pub mod check;
pub mod claims;
pub mod collections;
pub mod columns;
pub mod commit;
pub mod compact;
pub mod copy;
mod count;
pub mod credentials;
pub mod delivered;
pub mod desk;
pub mod directives;
pub mod door;
pub mod error;
pub mod events;
pub mod evidence;
pub mod feeds;
pub mod figures;
pub mod filter;
mod frames;
pub mod functions;
pub mod happenings;
pub mod home;
pub mod indicator_pages;
pub mod indicators;
pub mod jobs;
pub mod journal;
pub mod known;
pub mod lists;
pub mod lookup;
pub mod newest;
pub mod notices;
pub mod outbox;
mod pages;
pub mod parties;
pub mod peers;
pub mod people;
pub mod places;
pub mod posting;
pub mod register;
pub mod registries;
pub mod release_tree;
pub mod releases;
pub mod repeats;
pub mod restrictions;
pub mod segment;
pub mod shared;
pub mod shared_releases;
pub mod tables;
pub mod takedowns;
pub mod tasks;
pub mod terms;
pub mod today;
pub mod tokens;
pub mod told;
pub mod uploads;
pub mod views;
pub mod warnings;
pub mod watch;
pub mod webhooks;
pub mod witness;
pub mod work;
mod writing;

pub use error::StoreError;
