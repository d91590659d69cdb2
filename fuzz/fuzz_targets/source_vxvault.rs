//! Reports as the source `vxvault` reads them.
#![no_main]

musubi_fuzz::source!("vxvault");
