//! Reports as the source `list` reads them.
#![no_main]

musubi_fuzz::source!("list");
