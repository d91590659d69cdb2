//! Reports as the source `zone-h` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("zone-h");
