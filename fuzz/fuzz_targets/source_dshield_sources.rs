//! Reports as the source `dshield-sources` reads them.
#![no_main]

musubi_fuzz::source!("dshield-sources");
