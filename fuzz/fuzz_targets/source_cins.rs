//! Reports as the source `cins` reads them.
#![no_main]

musubi_fuzz::source!("cins");
