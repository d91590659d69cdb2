//! Reports as the source `webinspector` reads them.
#![no_main]

musubi_fuzz::source!("webinspector");
