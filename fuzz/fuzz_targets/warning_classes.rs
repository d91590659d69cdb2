//! Tables of classes, half-lives and rules of the user: understood, or refused with a reason.
#![cfg_attr(feature = "run", no_main)]

use casework::indicate::class::Classes;
use casework::indicate::decay::HalfLives;
use casework::indicate::rules::Rules;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(classes) = Classes::read(text) {
        classes.of("rfc1918");
    }
    if let Err(wrong) = HalfLives::read(text) {
        assert!(!wrong.to_string().is_empty());
    }
    match Rules::read(text) {
        Ok(rules) => assert!(rules.iter().all(|rule| !rule.take.is_empty() && rule.reporters > 0)),
        Err(wrong) => assert!(!wrong.to_string().is_empty()),
    }
});
