//! Complaints about mails.
#![cfg_attr(feature = "run", no_main)]

use formats::arf::Report;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    if let Some(report) = Report::read(input) {
        report.feedback_type();
        report.arrival();
        report.all("source-ip").count();
    }
});
