//! Reports as the source `list` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("list");
