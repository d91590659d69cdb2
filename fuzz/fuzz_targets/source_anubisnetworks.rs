//! Reports as the source `anubisnetworks` reads them.
#![no_main]

musubi_fuzz::source!("anubisnetworks");
