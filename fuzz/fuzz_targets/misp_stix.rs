//! STIX bundles read as MISP events.
#![cfg_attr(feature = "run", no_main)]

use formats::misp::{event, stix};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    if let Ok(read) = stix::from_bundle(input) {
        event::write(&read.event);
    }
});
