//! Reports as the source `tor-exits` reads them.
#![no_main]

musubi_fuzz::source!("tor-exits");
