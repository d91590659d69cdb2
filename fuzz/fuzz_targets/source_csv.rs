//! Reports as the source `csv` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("csv");
