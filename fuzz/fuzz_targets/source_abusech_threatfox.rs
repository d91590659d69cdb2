//! Reports as the source `abusech-threatfox` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("abusech-threatfox");
