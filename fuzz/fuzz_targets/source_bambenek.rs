//! Reports as the source `bambenek` reads them.
#![no_main]

musubi_fuzz::source!("bambenek");
