//! STIX 2.1 (OASIS Standard with Errata 01): what others know of threats, as objects that stay byte for byte what was sent.
//!
//! [`object`] finds the objects in a bundle or envelope and reads what a hub must know of each in one pass; [`id`] names things
//! so that two who saw the same address give it the same name; [`timestamp`] compares versions as instants.

pub mod canonical;
pub mod check;
pub mod id;
pub mod marking;
pub mod object;
mod scan;
pub mod selector;
pub mod timestamp;
pub mod write;

pub use id::Identifier;
pub use object::{Envelope, Header, Limits};
pub use scan::{Fault, Problem};
pub use timestamp::Timestamp;
