//! Response policy zones: what is read is written, read again as the same, and leaves a secondary nothing to fetch.
#![cfg_attr(feature = "run", no_main)]

use formats::block_list::Head;
use formats::block_list::rpz_read::read;
use formats::block_list::zone_transfer::{difference, whole};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let Ok(found) = read(input) else { return };
    let again = read(found.zone.write(Head::default()).as_bytes()).expect("what we write");
    assert!(again.set_aside.is_empty(), "{:?}", again.set_aside);
    let step = difference(&found.zone, &again.zone);
    assert!(step.added.is_empty() && step.removed.is_empty(), "{step:?}");
    assert_eq!(whole(&found.zone), whole(&again.zone));
});
