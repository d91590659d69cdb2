//! Reports as the source `csv-mapping` reads them.
#![no_main]

musubi_fuzz::source!("csv-mapping");
