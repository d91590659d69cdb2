//! Reports as the source `phishtank` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("phishtank");
