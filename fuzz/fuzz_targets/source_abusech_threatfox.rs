//! Reports as the source `abusech-threatfox` reads them.
#![no_main]

musubi_fuzz::source!("abusech-threatfox");
