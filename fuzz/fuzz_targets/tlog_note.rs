//! Signed notes: what is read is written the same, and nobody has signed it unless we know the key.
#![cfg_attr(feature = "run", no_main)]

use formats::tlog::{KeyKind, Note, Signature, Signer};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(lines) = Signature::read_lines(text)
    {
        assert_eq!(lines.iter().map(ToString::to_string).collect::<String>(), text);
    }
    let Ok(mut note) = Note::read(input) else { return };
    assert_eq!(note.to_string().as_bytes(), input);
    let ours = Signer::new("fuzz.example", KeyKind::Note, &[3; 32]).expect("a name");
    let keys = [ours.verifier().clone()];
    assert!(note.signers(&keys).is_err());
    note.signatures.retain(|signature| !ours.verifier().made(signature));
    note.signatures.push(ours.sign(&note.text, 0));
    assert_eq!(note.signers(&keys), Ok(vec![0]));
});
