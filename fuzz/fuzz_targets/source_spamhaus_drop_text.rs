//! Reports as the source `spamhaus-drop-text` reads them.
#![no_main]

musubi_fuzz::source!("spamhaus-drop-text");
