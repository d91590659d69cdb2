//! Reports as the source `dshield-block` reads them.
#![no_main]

musubi_fuzz::source!("dshield-block");
