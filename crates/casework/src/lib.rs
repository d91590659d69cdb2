//! What evidence means and what should happen: arguments in, decision out.
//!
//! The steps are the folders, in the order of the flow:
//! [`observe`] (a foreign record becomes an event) → [`enrich`] (whose network, which country) → [`correlate`] (what belongs
//! together) → [`indicate`] (what
//! to watch for or block) → [`share`] (who may know, and why) → [`act`] (who is told what, when, in which words) → [`verify`] (is it gone?).
//! [`told`] knows our own sentences again; [`parties`] reads what is written about those who can act; [`model`] holds the words they all share. Nothing here reads a
//! clock, a file, a socket or a random number.

pub mod act;
pub mod correlate;
pub mod enrich;
pub mod indicate;
pub mod model;
pub mod observe;
pub mod parties;
pub mod share;
pub mod told;
pub mod verify;
