//! Reports as the source `n6` reads them.
#![no_main]

musubi_fuzz::source!("n6");
