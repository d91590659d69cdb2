//! Reports as the source `breached-accounts` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("breached-accounts");
