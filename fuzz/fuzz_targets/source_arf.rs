//! Reports as the source `arf` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("arf");
