//! Reports as the source `alienvault-reputation` reads them.
#![no_main]

musubi_fuzz::source!("alienvault-reputation");
