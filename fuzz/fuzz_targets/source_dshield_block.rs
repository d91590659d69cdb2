//! Reports as the source `dshield-block` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("dshield-block");
