//! Reports as the source `openphish` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("openphish");
