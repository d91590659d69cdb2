//! Reports as the source `turris-greylist` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("turris-greylist");
