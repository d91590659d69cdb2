//! Policies: whatever one says, a checkpoint that nobody signed is not believed.
#![cfg_attr(feature = "run", no_main)]

use formats::tlog::{Note, Policy};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let Ok(policy) = Policy::read(input) else { return };
    let origin = policy.logs.first().map_or("none", |log| log.key.name());
    let text = format!("{origin}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
    assert!(policy.accept(&Note { text, signatures: Vec::new() }).is_err());
});
