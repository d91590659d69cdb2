//! What evidence means and what should happen: arguments in, decision out.
//!
//! The steps are the folders, in the order of the flow:
//! [`observe`] (a foreign record becomes an event) → [`enrich`] (whose network, which country) → … → [`act`] (what is done, what comes back).
//! [`model`] holds the words they share. Nothing here reads a clock, a file, a socket or a random number.

pub mod act;
pub mod enrich;
pub mod model;
pub mod observe;
