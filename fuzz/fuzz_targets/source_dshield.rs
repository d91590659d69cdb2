//! Reports as the source `dshield` reads them.
#![no_main]

musubi_fuzz::source!("dshield");
