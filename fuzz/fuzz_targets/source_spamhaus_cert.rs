//! Reports as the source `spamhaus-cert` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("spamhaus-cert");
