//! Reports as the source `microsoft-bing` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("microsoft-bing");
