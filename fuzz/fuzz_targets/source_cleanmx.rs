//! Reports as the source `cleanmx` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("cleanmx");
