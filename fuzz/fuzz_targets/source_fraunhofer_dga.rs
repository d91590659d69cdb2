//! Reports as the source `fraunhofer-dga` reads them.
#![no_main]

musubi_fuzz::source!("fraunhofer-dga");
