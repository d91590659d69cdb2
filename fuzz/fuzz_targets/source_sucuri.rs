//! Reports as the source `sucuri` reads them.
#![no_main]

musubi_fuzz::source!("sucuri");
