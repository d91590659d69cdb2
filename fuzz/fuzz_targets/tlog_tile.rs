//! Names of tiles, tiles and bundles: what is read is written the same.
#![cfg_attr(feature = "run", no_main)]

use formats::tlog::tile::{Tile, push_entry, read_entries, read_hashes, write_hashes};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    if let Ok(path) = std::str::from_utf8(input)
        && let Some(tile) = Tile::read(path)
    {
        assert_eq!(tile.path(), path);
    }
    if let Some(hashes) = read_hashes(input) {
        assert_eq!(write_hashes(&hashes), input);
    }
    if let Ok(entries) = read_entries(input) {
        let mut bundle = Vec::new();
        assert!(entries.iter().all(|entry| push_entry(&mut bundle, entry)));
        assert_eq!(bundle, input);
    }
});
