//! Reports as the source `misp` reads them.
#![no_main]

musubi_fuzz::source!("misp");
