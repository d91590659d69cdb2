//! Reports as the source `shodan` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("shodan");
