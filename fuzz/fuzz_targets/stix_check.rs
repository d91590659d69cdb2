//! The check of STIX objects: both speeds forbid the same, and definitions of markings are read.
#![cfg_attr(feature = "run", no_main)]

use formats::stix::check::{Level, document, full, must};
use formats::stix::marking::{Definitions, markings};
use formats::stix::{Header, Limits};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let _ = document(input, &Limits::default());
    let Ok(header) = Header::read(input) else { return };
    let fast = must(&header);
    let slow: Vec<_> = full(input).into_iter().filter(|finding| finding.level == Level::Must).collect();
    assert!(fast == slow || slow.len() + fast.len() > 100, "{fast:?} {slow:?}");
    let mut definitions = Definitions::default();
    definitions.learn(&header);
    markings(&header, &definitions).count();
});
