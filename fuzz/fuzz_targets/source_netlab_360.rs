//! Reports as the source `netlab-360` reads them.
#![no_main]

musubi_fuzz::source!("netlab-360");
