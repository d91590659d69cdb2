//! Reports as the source `abusech-urlhaus-csv` reads them.
#![no_main]

musubi_fuzz::source!("abusech-urlhaus-csv");
