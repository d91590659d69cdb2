//! Reports as the source `key-value` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("key-value");
