//! MaxMind DB files.
use super::{Each, Summary, TableError};

/// Stands before the metadata at the end of the file (MaxMind DB format 2.0, "Database Metadata").
pub const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

pub fn read(_bytes: &[u8], _each: &mut Each<'_>) -> Result<Summary, TableError> {
    Err(TableError::Mmdb("not yet".to_owned()))
}
