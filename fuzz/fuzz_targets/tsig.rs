//! DNS messages with a signature, and keys.
#![cfg_attr(feature = "run", no_main)]

use formats::tsig::{Algorithm, Key, check};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let key = Key::new("a.b", Algorithm::HmacSha256, &[7; 32]).expect("a key");
    if let Ok(Some(mut heard)) = check(input, [&key], 1_700_000_000) {
        heard.sign(&mut input.to_vec(), 1_700_000_000);
    }
    let _ = Key::read(&String::from_utf8_lossy(input));
});
