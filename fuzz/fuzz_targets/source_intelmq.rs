//! Reports as the source `intelmq` reads them.
#![no_main]

musubi_fuzz::source!("intelmq");
