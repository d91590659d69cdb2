//! Reports as the source `tor-exits` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("tor-exits");
