//! CSV of any layout, read by a mapping that a user writes down once.

/// One mapping file.
#[derive(Debug)]
pub struct Mapping {}
