//! The words of the house: event, terms.

pub mod event;
pub mod extra;
pub mod field;
pub mod identity;
pub mod terms;
