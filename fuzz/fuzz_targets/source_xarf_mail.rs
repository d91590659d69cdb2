//! Reports as the source `xarf-mail` reads them.
#![no_main]

musubi_fuzz::source!("xarf-mail");
