//! Who is told what, when, and in which words? And what comes back?
//!
//! Events of one party and one kind of [`problem`] become one digest. What was told before is kept in a [`ledger`], so
//! that the same infection is not reported daily and goes to the next in line when nothing changes ([`escalation`]).
//! [`plan`] joins these; [`letter`] and [`attachment`] write it down. A notice goes its way through [`state`]s; what comes back
//! under its [`token`] is understood by [`answer`], or given to a person.

pub mod answer;
pub mod attachment;
pub mod escalation;
pub mod finding;
pub mod handling;
pub mod ledger;
pub mod letter;
pub mod office;
pub mod plan;
pub mod problem;
pub mod retry;
pub mod rules;
pub mod state;
pub mod token;
mod words;
