//! Reports as the source `netlab-360` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("netlab-360");
