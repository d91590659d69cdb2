//! Reports as the source `microsoft-bing` reads them.
#![no_main]

musubi_fuzz::source!("microsoft-bing");
