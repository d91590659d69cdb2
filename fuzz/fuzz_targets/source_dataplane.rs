//! Reports as the source `dataplane` reads them.
#![no_main]

musubi_fuzz::source!("dataplane");
