//! Reports as the source `abusech-bazaar` reads them.
#![no_main]

musubi_fuzz::source!("abusech-bazaar");
