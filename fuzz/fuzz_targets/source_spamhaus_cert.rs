//! Reports as the source `spamhaus-cert` reads them.
#![no_main]

musubi_fuzz::source!("spamhaus-cert");
