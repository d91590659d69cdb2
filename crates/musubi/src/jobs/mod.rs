//! Work that nobody waits for: each job may run twice, and the second run is harmless.

pub(crate) mod answers;
pub(crate) mod bundle;
pub(crate) mod compact;
pub(crate) mod derive;
pub(crate) mod feed;
pub(crate) mod figures;
pub(crate) mod health;
pub(crate) mod indicators;
pub(crate) mod notices;
pub(crate) mod office;
pub(crate) mod post;
pub(crate) mod publish;
pub(crate) mod takedowns;
pub(crate) mod tighten;
pub(crate) mod uploads;
pub(crate) mod verify;
pub(crate) mod webhooks;
