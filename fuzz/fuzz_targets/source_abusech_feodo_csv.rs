//! Reports as the source `abusech-feodo-csv` reads them.
#![no_main]

musubi_fuzz::source!("abusech-feodo-csv");
