//! Reports as the source `phishtank-csv` reads them.
#![no_main]

musubi_fuzz::source!("phishtank-csv");
