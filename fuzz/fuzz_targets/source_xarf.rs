//! Reports as the source `xarf` reads them.
#![no_main]

musubi_fuzz::source!("xarf");
