//! Reports as the source `certstream` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("certstream");
