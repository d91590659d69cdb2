//! Reports as the source `certstream` reads them.
#![no_main]

musubi_fuzz::source!("certstream");
