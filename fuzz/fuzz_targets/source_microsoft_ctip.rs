//! Reports as the source `microsoft-ctip` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("microsoft-ctip");
