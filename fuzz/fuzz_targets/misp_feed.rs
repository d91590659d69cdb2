//! MISP feeds: manifest, hashes, settings, and lists read by them.
#![cfg_attr(feature = "run", no_main)]

use formats::misp::feed::{Manifest, hashes};
use formats::misp::feed_list::Settings;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let _ = Manifest::read(input).map(|manifest| manifest.write());
    hashes(input).for_each(drop);
    let (settings, list) = input.split_at(input.iter().position(|byte| *byte == 0).unwrap_or(0));
    if let Ok(settings) = Settings::read(&String::from_utf8_lossy(settings)) {
        let _ = settings.csv(list);
        let _ = settings.free_text(list);
    }
});
