//! Reports as the source `spamhaus-drop-text` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("spamhaus-drop-text");
