//! The table of Shadowserver types that a user may replace.
#![cfg_attr(feature = "run", no_main)]

use formats::shadowserver::Types;

musubi_fuzz::fuzz_target!(|text: &str| {
    match Types::parse(text) {
        Ok(types) => {
            types.find("event4_sinkhole");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
