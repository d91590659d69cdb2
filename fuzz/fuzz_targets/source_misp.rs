//! Reports as the source `misp` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("misp");
