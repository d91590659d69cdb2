//! Reports as the source `fraunhofer-dga` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("fraunhofer-dga");
