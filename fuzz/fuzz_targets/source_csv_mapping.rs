//! Reports as the source `csv-mapping` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("csv-mapping");
