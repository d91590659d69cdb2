//! Reports as the source `openphish` reads them.
#![no_main]

musubi_fuzz::source!("openphish");
