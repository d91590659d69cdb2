//! Reports as the source `spamhaus-drop` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("spamhaus-drop");
