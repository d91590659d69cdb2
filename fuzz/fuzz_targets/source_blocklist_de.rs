//! Reports as the source `blocklist-de` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("blocklist-de");
