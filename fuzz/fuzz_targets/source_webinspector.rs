//! Reports as the source `webinspector` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("webinspector");
