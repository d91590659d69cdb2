//! Parties and agreements of our own, as TOML and as CSV; every mail address that comes through fits an SMTP command.
#![cfg_attr(feature = "run", no_main)]

use casework::parties::{Written, csv, toml};

fn checked(written: &Written) {
    for party in &written.parties {
        for contact in &party.party.contacts {
            let plain = |c: u8| c.is_ascii_graphic() && !b"<>()[]\",;:\\".contains(&c);
            assert!(contact.address.bytes().all(plain), "{:?} could end a command", contact.address);
        }
    }
}

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    if let Ok(written) = toml::read(&String::from_utf8_lossy(input)) {
        checked(&written);
    }
    checked(&csv::read(input).expect("reading from memory does not fail"));
});
