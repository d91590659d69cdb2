//! Reports as the source `blocklist-de` reads them.
#![no_main]

musubi_fuzz::source!("blocklist-de");
