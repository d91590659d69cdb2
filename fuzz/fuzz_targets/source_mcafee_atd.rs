//! Reports as the source `mcafee-atd` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("mcafee-atd");
