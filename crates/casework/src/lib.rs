//! What evidence means and what should happen: arguments in, decision out.
//!
//! The steps are the folders, in the order of the flow:
//! [`observe`] (a foreign record becomes an event) → [`enrich`] (whose network, which country) → …
//! [`model`] holds the words they share. Nothing here reads a clock, a file, a socket or a random number.

pub mod correlate;
pub mod enrich;
pub mod model;
pub mod observe;
pub mod verify;
