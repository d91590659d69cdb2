//! Reports as the source `abusech-urlhaus-csv` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("abusech-urlhaus-csv");
