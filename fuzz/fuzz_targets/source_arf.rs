//! Reports as the source `arf` reads them.
#![no_main]

musubi_fuzz::source!("arf");
