//! Answers to notices: whatever comes, something is understood or a person reads it, and what is remembered of it is harmless.
#![cfg_attr(feature = "run", no_main)]

use casework::act::answer::{Answer, Reply, Says};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let desk = "notice@csirt.example".parse().expect("an address");
    let answer = Answer::read(input, &desk);
    assert!(answer.because.chars().all(|c| !c.is_control()), "{:?}", answer.because);
    if let Says::Reply(reply) = answer.says {
        assert!(Reply::ALL.contains(&reply));
        assert!(!answer.because.is_empty(), "understood without a reason");
    }
    let html = [b"From: a@isp.example\nContent-Type: text/html\n\n", input].concat();
    Answer::read(&html, &desk);
    let text = [b"From: a@isp.example\n\n> ", input].concat();
    Answer::read(&text, &desk);
});
