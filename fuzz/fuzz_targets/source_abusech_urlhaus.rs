//! Reports as the source `abusech-urlhaus` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("abusech-urlhaus");
