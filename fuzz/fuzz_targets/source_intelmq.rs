//! Reports as the source `intelmq` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("intelmq");
