//! Reports as the source `csv` reads them.
#![no_main]

musubi_fuzz::source!("csv");
