//! Reports as the source `abusech-urlhaus` reads them.
#![no_main]

musubi_fuzz::source!("abusech-urlhaus");
