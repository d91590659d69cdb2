//! Reports as the source `abusech-feodo` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("abusech-feodo");
