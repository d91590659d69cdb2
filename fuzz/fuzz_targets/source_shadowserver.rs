//! Reports as the source `shadowserver` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("shadowserver");
