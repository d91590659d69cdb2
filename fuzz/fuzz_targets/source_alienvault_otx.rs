//! Reports as the source `alienvault-otx` reads them.
#![no_main]

musubi_fuzz::source!("alienvault-otx");
