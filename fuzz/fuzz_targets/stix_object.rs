//! Bundles and objects: slices are of what came, headers say what serde_json says, canonical text stays, parts are where they stand.
#![cfg_attr(feature = "run", no_main)]

use formats::stix::selector::{Selector, places};
use formats::stix::{Envelope, Header, Limits, canonical, id};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let Ok(envelope) = Envelope::read(input, &Limits::default()) else { return };
    for object in envelope.objects {
        if let Ok(header) = Header::with_references(object) {
            let value: serde_json::Value = serde_json::from_slice(object).expect("what has a header is JSON");
            assert_eq!(value["id"], *header.id);
            assert_eq!(value["type"], *header.object_type);
            assert_eq!(header.bytes, object);
        }
        let _ = id::deterministic(object);
        if let Ok(once) = canonical::canonical(object) {
            assert_eq!(canonical::canonical(once.as_bytes()).expect("canonical text is JSON"), once);
        }
        let selectors: Vec<_> =
            ["name", "labels.[0]", "external_references.[1].url"].iter().filter_map(|text| Selector::read(text)).collect();
        for place in places(object, &selectors).into_iter().flatten().flatten() {
            serde_json::from_slice::<serde_json::Value>(&object[place.value]).expect("a part is a value");
        }
    }
});
