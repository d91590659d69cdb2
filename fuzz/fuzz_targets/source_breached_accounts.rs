//! Reports as the source `breached-accounts` reads them.
#![no_main]

musubi_fuzz::source!("breached-accounts");
