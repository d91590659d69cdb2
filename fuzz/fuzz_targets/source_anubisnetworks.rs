//! Reports as the source `anubisnetworks` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("anubisnetworks");
