//! Reports as the source `n6` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("n6");
