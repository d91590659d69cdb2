//! Reports as the source `cert-eu` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("cert-eu");
