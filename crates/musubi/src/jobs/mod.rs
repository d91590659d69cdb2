//! Work that nobody waits for: each job may run twice, and the second run is harmless.

pub(crate) mod compact;
pub(crate) mod verify;
