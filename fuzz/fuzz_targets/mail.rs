//! Mails, taken apart to the last attachment.
#![cfg_attr(feature = "run", no_main)]

use formats::mail::Mail;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let mail = Mail::read(input);
    let bytes: usize = mail.parts.iter().map(|part| part.bytes().len()).sum();
    assert!(bytes <= 2 * input.len(), "{bytes} bytes come out of a mail of {}", input.len());
    for part in &mail.parts {
        part.text();
    }
});
