//! Receipts: what is read is written the same; one that we did not sign proves nothing.
#![cfg_attr(feature = "run", no_main)]

use formats::tlog::tree::{leaf, verify_inclusion};
use formats::tlog::{Checkpoint, KeyKind, Policy, Proof, Signer};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let Ok(proof) = Proof::read(input) else { return };
    assert_eq!(proof.to_string().as_bytes(), input);
    let leaf = leaf(proof.extra.as_deref().unwrap_or_default());
    if let Ok(checkpoint) = Checkpoint::read(&proof.checkpoint.text) {
        let _ = verify_inclusion(proof.index, checkpoint.size, leaf, &proof.hashes, checkpoint.root);
    }
    let ours = Signer::new("fuzz.example", KeyKind::Note, &[3; 32]).expect("a name");
    let policy = Policy::read(format!("log {}\nquorum none\n", ours.verifier()).as_bytes()).expect("our own policy");
    assert!(proof.verify(leaf, &policy).is_err());
});
