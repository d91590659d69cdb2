//! Who is told what, when, and in which words?
//!
//! Events of one party and one kind of [`problem`] become one digest. What was told before is kept in a [`ledger`], so
//! that the same infection is not reported daily and goes to the next in line when nothing changes ([`escalation`]).
//! [`plan`] joins these; [`letter`] and [`attachment`] write it down.

pub mod attachment;
pub mod escalation;
pub mod finding;
pub mod ledger;
pub mod letter;
pub mod office;
pub mod plan;
pub mod problem;
pub mod rules;
pub mod state;
//! What is done about it, and what comes back.
pub mod answer;
pub mod retry;
pub mod token;
mod words;
