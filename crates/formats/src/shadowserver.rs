//! Shadowserver reports: which types exist and what class of incident each means.

/// Report types and their classes.
#[derive(Debug, Default)]
pub struct Types {}
