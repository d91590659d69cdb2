//! Reports as the source `alienvault-otx` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("alienvault-otx");
