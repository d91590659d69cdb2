//! Reports as the source `abusech-feodo-csv` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("abusech-feodo-csv");
