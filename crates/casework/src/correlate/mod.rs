//! Which events belong to one case?
//!
//! A [`key::CaseKey`] says what an event is about: a problem at an address, a command server, a site, a campaign. Events with
//! the same key that follow each other closely enough are one case ([`group`]).

pub mod group;
pub mod key;
pub mod shape;
