//! Reports as the source `xarf` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("xarf");
