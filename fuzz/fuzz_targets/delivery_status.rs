//! What mail systems tell of mails: alone, and inside a mail.
#![cfg_attr(feature = "run", no_main)]

use formats::delivery_status::DeliveryStatus;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    if let Some(report) = DeliveryStatus::fields(input) {
        assert!(!report.recipients.is_empty(), "a report about nobody");
        assert!(report.recipients.iter().all(|recipient| !recipient.address.is_empty()));
    }
    DeliveryStatus::read(input);
});
