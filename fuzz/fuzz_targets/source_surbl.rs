//! Reports as the source `surbl` reads them.
#![no_main]

musubi_fuzz::source!("surbl");
