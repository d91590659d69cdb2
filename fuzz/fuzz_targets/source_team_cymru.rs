//! Reports as the source `team-cymru` reads them.
#![cfg_attr(feature = "run", no_main)]

musubi_fuzz::source!("team-cymru");
