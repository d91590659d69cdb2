//! What evidence means and what should happen: arguments in, decision out.
//!
//! The steps are the folders, in the order of the flow:
//! [`observe`] (a foreign record becomes an event) → [`enrich`] (whose network, which country) → … →
//! [`share`] (who may know, and why) → …
//! [`model`] holds the words they share. Nothing here reads a clock, a file, a socket or a random number.

pub mod enrich;
pub mod model;
pub mod observe;
pub mod parties;
pub mod share;
