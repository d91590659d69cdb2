//! Reports as the source `abusech-bazaar` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("abusech-bazaar");
