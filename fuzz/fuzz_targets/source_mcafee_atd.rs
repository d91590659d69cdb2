//! Reports as the source `mcafee-atd` reads them.
#![no_main]

musubi_fuzz::source!("mcafee-atd");
