//! Reports as the source `turris-greylist` reads them.
#![no_main]

musubi_fuzz::source!("turris-greylist");
