//! Nodes that cooperate: objects fetched and given, takedowns asked for and answered, checkpoints exchanged.
//!
//! [`client`] speaks TAXII as others serve it, [`discover`] finds their server by DNS, [`sync`] moves objects with durable cursors, [`takedowns`] turns messages into work and
//! work into messages, [`witness`] lets nodes watch each other's logs. All of it may run twice: the second run finds nothing to do.

pub(crate) mod client;
pub(crate) mod discover;
pub(crate) mod sync;
pub(crate) mod takedowns;
pub(crate) mod witness;
