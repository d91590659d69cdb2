//! Reports as the source `alienvault-reputation` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("alienvault-reputation");
