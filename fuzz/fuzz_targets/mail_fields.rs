//! Header fields, addresses and identifiers in them.
#![cfg_attr(feature = "run", no_main)]

use formats::mail_address::{Address, xtext};
use formats::mail_fields::Fields;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let fields = Fields::read(input);
    for name in ["To", "Cc", "From", "Delivered-To"] {
        for address in fields.addresses(name) {
            if let Ok(address) = address.parse::<Address>() {
                assert!(address.as_str().bytes().all(|c| c.is_ascii_graphic() && !b"<>()[],;:\\\"".contains(&c)));
            }
            assert!(xtext(&address).is_ascii());
        }
    }
    fields.message_ids("References");
    fields.keyword("Auto-Submitted");
    formats::mail::pieces(input);
});
