//! STIX patterns: what is read is printed, and what is printed is read the same.
#![cfg_attr(feature = "run", no_main)]

use formats::stix_pattern::{Pattern, Program, Version};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match Pattern::parse_version(text, Version::V20) {
        Ok(pattern) => {
            pattern.findings();
            let _ = Program::new(&pattern);
            assert_eq!(Pattern::parse(&pattern.to_string()), Ok(pattern));
        }
        Err(wrong) => assert!(text.is_char_boundary(wrong.offset)),
    }
});
