//! What does an event point at that others can watch for or block, and how sure are we of it today?
//!
//! The folder is named for what it does to an event: it *indicates*. [`rules`] find values on the attacker's side of events;
//! [`warning`] knows what is well known ([`class`] says how well), [`harm`] what must not be blocked; an [`indicator`] keeps why it is one, who saw it and
//! who doubts it, and fades by [`decay`]; [`block`] chooses what goes into the list of a party, and [`lists`] writes it. `docs/indicators.md` tells it to analysts.
//! who doubts it, and fades by [`decay`]; [`block`] chooses what goes into the list of a party, [`told`] says it in STIX with the
//! [`pattern`]s that others match. `docs/indicators.md` tells it to analysts.

pub mod block;
pub mod class;
pub mod decay;
pub mod harm;
pub mod indicator;
pub mod lists;
mod moment;
mod names;
mod networks;
pub mod pattern;
pub mod rules;
pub mod told;
pub mod warning;
