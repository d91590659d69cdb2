//! Reports as the source `vxvault` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("vxvault");
