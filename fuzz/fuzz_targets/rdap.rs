//! Answers of RDAP servers.
#![cfg_attr(feature = "run", no_main)]

use casework::parties::foreign;
use formats::rdap::Answer;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    if let Ok(answer) = Answer::read(input) {
        answer.networks();
        answer.domain();
        answer.holder();
        let _ = foreign::rdap(&answer, None);
    }
});
