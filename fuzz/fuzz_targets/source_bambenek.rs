//! Reports as the source `bambenek` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("bambenek");
