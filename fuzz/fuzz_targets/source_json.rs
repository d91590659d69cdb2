//! Reports as the source `json` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("json");
