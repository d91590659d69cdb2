//! MISP events: what is read is written so that it reads the same, and becomes STIX and feed files.
#![cfg_attr(feature = "run", no_main)]

use formats::misp::{event, feed, stix, value};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let Ok(events) = event::read_all(input) else { return };
    for one in &events {
        let written = event::write(one);
        assert_eq!(event::write(&event::read(&written).expect("what we wrote")), written);
        let _ = feed::Feed::default().add(one, &feed::Publish::default());
        for attribute in one.all_attributes() {
            let _ = value::read(attribute.kind.as_deref().unwrap_or_default(), attribute.value.as_deref().unwrap_or_default());
        }
        let bundle = serde_json::to_vec(&stix::to_bundle(one)).expect("JSON");
        let _ = stix::from_bundle(&bundle);
    }
});
