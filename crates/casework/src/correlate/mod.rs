//! Which events belong to one case, and where else was a value seen?
//!
//! A [`key::CaseKey`] says what an event is about: a problem at an address, a command server, a site, a campaign. Events with
//! the same key that follow each other closely enough are one case ([`group`]).
//!
//! What shares a value is found on reading: [`filing`] says under which keys a value lies and which a question asks, a
//! [`segment`] holds where they lead, [`similar`] compares fuzzy hashes.

pub mod filing;
pub mod group;
pub mod key;
pub mod segment;
pub mod shape;
pub mod similar;
