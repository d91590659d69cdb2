//! Reports as the source `abusech-feodo` reads them.
#![no_main]

musubi_fuzz::source!("abusech-feodo");
