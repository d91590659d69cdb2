//! Evidence comes in: files are found, opened, recognised and read.

pub(crate) mod files;
pub(crate) mod knowledge;
pub(crate) mod original;
pub(crate) mod parts;
pub(crate) mod registry_in;
pub(crate) mod table_in;
