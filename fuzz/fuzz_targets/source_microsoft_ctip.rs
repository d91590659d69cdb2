//! Reports as the source `microsoft-ctip` reads them.
#![no_main]

musubi_fuzz::source!("microsoft-ctip");
