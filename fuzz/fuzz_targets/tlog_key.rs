//! Keys as text: public ones are written as they were read, secret ones too.
#![cfg_attr(feature = "run", no_main)]

use formats::tlog::{Signer, Verifier};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(key) = text.parse::<Verifier>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(key) = Signer::read(text) {
        assert_eq!(key.secret_text(), text.trim_end());
    }
});
