//! Reports as the source `sucuri` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("sucuri");
