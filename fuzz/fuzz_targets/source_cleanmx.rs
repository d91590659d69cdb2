//! Reports as the source `cleanmx` reads them.
#![no_main]

musubi_fuzz::source!("cleanmx");
