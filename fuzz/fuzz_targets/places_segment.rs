//! Segments of places as they lie in a home: a changed one is refused, but never fails or makes much memory.
#![cfg_attr(feature = "run", no_main)]

use casework::correlate::filing::Key;
use casework::correlate::segment::Segment;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    if let Ok(segment) = Segment::open(input) {
        let _ = segment.look_up(Key { hash: u64::MAX / 2, check: 1 });
        let mut scan = segment.scan();
        while let Ok(Some((key, places))) = scan.next() {
            assert!(places.count >= places.kept.len() as u64 && !places.kept.is_empty());
            assert!(segment.look_up(key).is_ok());
        }
    }
});
