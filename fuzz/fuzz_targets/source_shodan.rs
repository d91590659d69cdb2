//! Reports as the source `shodan` reads them.
#![no_main]

musubi_fuzz::source!("shodan");
