//! Reports as the source `spamhaus-drop` reads them.
#![no_main]

musubi_fuzz::source!("spamhaus-drop");
