//! Dumps of registries: every object read goes into a table that answers, and its image is read back.
#![cfg_attr(feature = "run", no_main)]

use casework::enrich::{Origin, Registry, RegistryBuilder};
use formats::rpsl::{Objects, recognise};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    recognise(input);
    let mut objects = Objects::new(input);
    let mut builder = RegistryBuilder::default();
    let mut row = 0;
    while let Some(object) = objects.next().expect("reading from memory does not fail") {
        let Ok(object) = object else { continue };
        assert!(object.row() > row, "objects go forward");
        row = object.row();
        let _ = builder.add(&object);
    }
    let registry = builder.build("fuzz".to_owned(), Origin::default().date, String::new());
    for ip in ["0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "2001:db8::1"] {
        if let Some(number) = registry.by_address(ip.parse().expect("an address")) {
            registry.contact(number).expect("whom an address leads to is there").party_id();
        }
    }
    let mut image = Vec::new();
    registry.write(&mut image).expect("writing to memory does not fail");
    Registry::from_bytes(&image).expect("what was written is read");
});
