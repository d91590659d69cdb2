//! Reports as the source `json` reads them.
#![no_main]

musubi_fuzz::source!("json");
