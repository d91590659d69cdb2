//! Reports as the source `stix-bundle` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("stix-bundle");
