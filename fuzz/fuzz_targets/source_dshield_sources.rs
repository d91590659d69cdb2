//! Reports as the source `dshield-sources` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("dshield-sources");
