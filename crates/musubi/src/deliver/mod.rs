//! Notices leave: written as mail, sealed with OpenPGP, handed to the relay.
//!
//! ```text
//! Letter ──message──► Unsealed ──seal──► Sealed ──the log of releases──► Released ──Outgoing::new──► Relay::hand_over
//! ```
//!
//! Each step takes only what the step before makes, so nothing can leave that is not a well-formed, signed mail.

#[cfg(test)]
mod correspondence;
pub(crate) mod keys;
pub(crate) mod lists;
pub(crate) mod message;
pub(crate) mod open;
#[cfg(test)]
mod post_office;
pub(crate) mod recipient;
pub(crate) mod seal;
#[cfg(test)]
mod sink;
pub(crate) mod smtp;
pub(crate) mod tls;
