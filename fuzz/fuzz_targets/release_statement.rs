//! Statements about releases: what is read is written the same.
#![cfg_attr(feature = "run", no_main)]

use casework::model::release::Statement;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(statement) = Statement::read(text) {
        assert_eq!(statement.to_string(), text);
    }
});
