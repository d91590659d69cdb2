//! Reports as the source `abusech-bazaar-csv` reads them.
#![no_main]

musubi_fuzz::source!("abusech-bazaar-csv");
