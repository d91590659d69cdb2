//! Who may know it, and why? The only door outwards.
//!
//! [`taken_in`] says under which terms something is held; [`universe`] compiles parties and agreements once; [`decide`] answers for one recipient; [`transfer`] says under which terms
//! the recipient then holds it, [`obligation`] what it must do, [`redact`] what it does not see, [`explain`] the reasons in
//! words, [`seen`] what it saw in STIX. All of it depends on nothing but its arguments. The rules and their order are in `docs/policy.md`.

pub mod decide;
pub mod decision;
pub mod effect;
pub mod explain;
pub mod marked;
pub mod misp;
pub mod obligation;
pub mod redact;
pub mod seen;
pub mod taken_in;
pub mod transfer;
pub mod universe;

pub use decide::{Affected, Question};
pub use decision::{Decision, Denial, Ground, Outcome, Redaction, Redactions};
pub use marked::Marked;
pub use universe::{Compiled, Holder, PartyNumber, Universe};
