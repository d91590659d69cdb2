//! Reports as the source `stix-bundle` reads them.
#![no_main]

musubi_fuzz::source!("stix-bundle");
