//! Reports as the source `surbl` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("surbl");
