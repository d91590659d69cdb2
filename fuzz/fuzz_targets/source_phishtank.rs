//! Reports as the source `phishtank` reads them.
#![no_main]

musubi_fuzz::source!("phishtank");
