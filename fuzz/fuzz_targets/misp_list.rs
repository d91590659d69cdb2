//! Lists of MISP events and attributes, one at a time.
#![cfg_attr(feature = "run", no_main)]

use formats::misp::list::{Attributes, Events};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let mut events = Events::new(input).expect("a slice");
    while events.next().is_some() {}
    let mut attributes = Attributes::new(input).expect("a slice");
    while attributes.next().is_some() {}
});
