//! Reports as the source `shadowserver` reads them.
#![no_main]

musubi_fuzz::source!("shadowserver");
