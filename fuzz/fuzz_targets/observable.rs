//! Values of every kind: one spelling, filed and found again.
#![cfg_attr(feature = "run", no_main)]

use casework::correlate::filing::{asked_for, filed_under};
use casework::correlate::similar::{ssdeep_score, tlsh_distance};
use casework::model::observable::{Kind, Observable};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    for kind in Kind::ALL {
        let Ok(one) = Observable::read(kind, &text) else { continue };
        assert_eq!(one.to_string().parse().as_ref(), Ok(&one));
        assert!(filed_under(&one).contains(&asked_for(&one)[0].1));
        let _ = (ssdeep_score(one.value(), one.value()), tlsh_distance(one.value(), one.value()));
    }
});
