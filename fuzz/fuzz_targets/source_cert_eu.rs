//! Reports as the source `cert-eu` reads them.
#![no_main]

musubi_fuzz::source!("cert-eu");
