//! Reports as the source `team-cymru` reads them.
#![no_main]

musubi_fuzz::source!("team-cymru");
