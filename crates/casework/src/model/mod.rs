//! The words of the house: event, terms, party, agreement, release.

pub mod agreement;
pub mod case;
pub mod day;
pub mod deeds;
pub mod event;
pub mod extra;
pub mod field;
pub mod given;
pub mod identity;
pub mod meaning;
pub mod observable;
pub mod party;
pub mod release;
pub mod rights;
pub mod terms;
pub mod terms_text;
pub mod writing;
