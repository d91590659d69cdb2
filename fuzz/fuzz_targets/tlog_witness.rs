//! Requests to a witness: what is read is written the same, and what an unknown log asks is refused.
#![cfg_attr(feature = "run", no_main)]

use formats::tlog::witness::{Refusal, Request};
use formats::tlog::{KeyKind, Signer};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let Ok(request) = Request::read(input) else { return };
    assert_eq!(request.to_string().as_bytes(), input);
    assert_eq!(request.check(&[], None), Err(Refusal::Unknown));
    let ours = Signer::new("fuzz.example", KeyKind::Note, &[3; 32]).expect("a name");
    let refusal = request.check(&[ours.verifier().clone()], Some(&request.checkpoint)).expect_err("we did not sign it");
    assert_eq!(refusal.status(), 403);
    // The same, as if it were signed: the decision itself must stand any numbers.
    let mut signed = request.clone();
    signed.note.signatures = vec![ours.sign(&signed.note.text, 0)];
    let mut latest = request.checkpoint.clone();
    latest.size = request.old;
    let _ = signed.check(&[ours.verifier().clone()], Some(&latest));
});
