//! Evidence comes in: files are found, opened, recognised and read. Answers come in: from a Maildir or by IMAP.

pub(crate) mod envelope;
pub(crate) mod files;
pub(crate) mod imap;
pub(crate) mod knowledge;
pub(crate) mod lists;
pub(crate) mod maildir;
pub(crate) mod original;
pub(crate) mod parts;
pub(crate) mod registry_in;
pub(crate) mod table_in;
