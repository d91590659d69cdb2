//! What is filed is found again, block by block, and damage is refused.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn key(hash: u64, check: u16) -> Key {
    Key { hash, check }
}

/// Few hashes, so that several keys have the same.
fn filed() -> impl Strategy<Value = Vec<(Key, u64)>> {
    let hash = prop_oneof![0_u64..40, any::<u64>()];
    prop::collection::vec(((hash, 0_u16..3).prop_map(|(hash, check)| key(hash, check)), prop_oneof![0_u64..60, any::<u64>()]), 0..300)
}

fn plainly(filed: &[(Key, u64)]) -> BTreeMap<Key, Vec<u64>> {
    let mut all: BTreeMap<Key, Vec<u64>> = BTreeMap::new();
    for (key, place) in filed {
        all.entry(*key).or_default().push(*place);
    }
    for places in all.values_mut() {
        places.sort_unstable();
        places.dedup();
    }
    all
}

#[test]
fn a_common_value_is_counted_and_its_newest_places_are_kept() {
    let filed: Vec<_> = (0..5_000).map(|place| (key(7, 1), place)).chain([(key(7, 2), 3)]).collect();
    let bytes = write(filed, 100);
    let segment = Segment::open(&bytes[..]).unwrap();
    let common = segment.look_up(key(7, 1)).unwrap().unwrap();
    assert!(common.common());
    assert_eq!((common.count, common.kept.len(), common.kept[0]), (5_000, 100, 4_900));
    assert!(!segment.look_up(key(7, 2)).unwrap().unwrap().common());
    assert_eq!((segment.keys, segment.places), (2, 5_001));
}

#[test]
fn keys_of_one_hash_are_found_across_blocks() {
    // Long lists, so that each block holds few keys.
    let filed: Vec<_> = (0..40_u16).flat_map(|check| (0..2_000_u64).map(move |place| (key(9, check), place * 1_000_003))).collect();
    let bytes = write(filed, 2_000);
    let segment = Segment::open(&bytes[..]).unwrap();
    assert!(segment.firsts.len() > 10);
    for check in 0..40 {
        assert_eq!(segment.look_up(key(9, check)).unwrap().unwrap().count, 2_000, "{check}");
    }
    assert_eq!(segment.look_up(key(9, 40)), Ok(None));
    assert_eq!(segment.look_up(key(8, 0)), Ok(None));
}

#[test]
fn what_is_out_of_order_is_refused() {
    let (mut writer, mut out) = (Writer::new(10), Vec::new());
    let one = Places { kept: vec![1], count: 1 };
    writer.push(key(5, 0), &one, &mut out).unwrap();
    assert_eq!(writer.push(key(5, 0), &one, &mut out), Err(WriteError::Order));
    for (kept, count) in [(vec![], 0), (vec![2, 1], 2), (vec![1, 1], 2), (vec![1, 2], 1)] {
        assert_eq!(writer.push(key(6, 0), &Places { kept, count }, &mut out), Err(WriteError::Places));
    }
}

#[test]
fn an_empty_segment_is_one_and_nothing_is_none() {
    let bytes = write(Vec::new(), 10);
    assert_eq!(Segment::open(&bytes[..]).unwrap().look_up(key(1, 1)), Ok(None));
    assert!(matches!(Segment::open(&b""[..]), Err(SegmentError::NotASegment)));
    let mut newer = bytes.clone();
    newer[MAGIC.len()] = 2;
    assert!(matches!(Segment::open(&newer[..]), Err(SegmentError::Version(2))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_was_filed_is_found_and_nothing_else(filed in filed(), most in 1_u32..20, asked in prop::collection::vec((0_u64..50, 0_u16..4), 0..20)) {
        let bytes = write(filed.clone(), most);
        let segment = Segment::open(&bytes[..]).unwrap();
        let plain = plainly(&filed);
        for key in plain.keys().copied().chain(asked.into_iter().map(|(hash, check)| key(hash, check))) {
            let found = segment.look_up(key).unwrap();
            let want = plain.get(&key).map(|all| Places { kept: all[all.len().saturating_sub(most as usize)..].to_vec(), count: all.len() as u64 });
            prop_assert_eq!(found, want);
        }
        let mut scan = segment.scan();
        let mut keys = Vec::new();
        while let Some((key, _)) = scan.next().unwrap() {
            keys.push(key);
        }
        prop_assert_eq!(keys, plain.keys().copied().collect::<Vec<_>>());
    }

    #[test]
    fn merged_segments_are_the_segment_of_all(parts in prop::collection::vec(filed(), 0..5)) {
        let written: Vec<Vec<u8>> = parts.iter().map(|part| write(part.clone(), MOST_KEPT)).collect();
        let segments: Vec<_> = written.iter().map(|bytes| Segment::open(&bytes[..]).unwrap()).collect();
        let mut merged: Vec<u8> = Vec::new();
        merge(&segments.iter().collect::<Vec<_>>(), MOST_KEPT, |bytes| merged.extend(bytes)).unwrap();
        prop_assert_eq!(merged, write(parts.concat(), MOST_KEPT));
    }

    #[test]
    fn a_changed_byte_is_seen(filed in filed(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = write(filed.clone(), 10);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let read = || -> Result<usize, SegmentError<Beyond>> {
            let segment = Segment::open(&bytes[..])?;
            let mut scan = segment.scan();
            let mut keys = 0;
            while scan.next()?.is_some() {
                keys += 1;
            }
            Ok(keys)
        };
        prop_assert!(read().is_err());
    }

    #[test]
    fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), blocks in 0_u64..4) {
        // With a footer that fits, so that more than the magic is read.
        bytes.splice(0..0, *MAGIC);
        bytes.extend([1_u32.to_le_bytes(), 5_u32.to_le_bytes()].concat());
        bytes.extend([blocks, 3, 3].map(u64::to_le_bytes).concat());
        let index_at = bytes.len().saturating_sub(32 + blocks as usize * ENTRY);
        let check = blake3::hash(&bytes[index_at..]);
        bytes.extend(check.as_bytes());
        if let Ok(segment) = Segment::open(&bytes[..]) {
            let _ = segment.look_up(key(u64::MAX, 0));
            let mut scan = segment.scan();
            while let Ok(Some(_)) = scan.next() {}
        }
    }
}
