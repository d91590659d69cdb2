//! Checkpoints: what is read is written the same.
#![cfg_attr(feature = "run", no_main)]

use formats::tlog::Checkpoint;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(checkpoint) = Checkpoint::read(text) {
        assert_eq!(checkpoint.to_string(), text);
    }
});
