//! Reports as the source `zone-h` reads them.
#![no_main]

musubi_fuzz::source!("zone-h");
