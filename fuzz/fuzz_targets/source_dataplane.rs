//! Reports as the source `dataplane` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("dataplane");
