//! Reports as the source `key-value` reads them.
#![no_main]

musubi_fuzz::source!("key-value");
