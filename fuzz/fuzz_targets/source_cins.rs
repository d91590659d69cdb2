//! Reports as the source `cins` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("cins");
