//! security.txt, signed and plain.
#![cfg_attr(feature = "run", no_main)]

use casework::parties::foreign;
use formats::security_txt::SecurityTxt;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    if let Some(read) = SecurityTxt::read(&String::from_utf8_lossy(input)) {
        let id = "x".parse().expect("a party id");
        let _ = foreign::security_txt(&read, None, id, "2026-03-23T00:00:00Z".parse().expect("a time"));
    }
});
