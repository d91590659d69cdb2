//! Reports as the source `abusech-threatfox-csv` reads them.
#![no_main]

musubi_fuzz::source!("abusech-threatfox-csv");
