//! How similar are two files, by their fuzzy hashes alone? And by which pieces are similar ones found without comparing all?
//!
//! ssdeep: two hashes score above 0 only if strings of one block size share seven letters in a row (unless they are equal), so the
//! runs of seven letters are the pieces. TLSH: a distance below 16 cannot touch all of the 16 pieces of a body, so one is the same.

use std::collections::BTreeSet;

/// Letters of a run that two ssdeep hashes must share.
const RUN: usize = 7;

/// 0 (nothing in common) to 100, as ssdeep counts. `None` when either is no ssdeep hash.
///
/// ```
/// use casework::correlate::similar::ssdeep_score;
/// let (one, other) = ("3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C", "3:AXGBicFlIHBGcL6wCrFQEv:AXGH6xLsr2Cx");
/// assert_eq!(ssdeep_score(one, other), Some(22));
/// ```
pub fn ssdeep_score(one: &str, other: &str) -> Option<u8> {
    let ((size, first, second), (other_size, other_first, other_second)) = (ssdeep_parts(one)?, ssdeep_parts(other)?);
    if size == other_size && first == other_first && second == other_second {
        return Some(100);
    }
    let double = size.checked_mul(2)?;
    Some(if size == other_size {
        strings_score(&first, &other_first, size).max(strings_score(&second, &other_second, double))
    } else if other_size == double {
        strings_score(&second, &other_first, other_size)
    } else if other_size.checked_mul(2) == Some(size) {
        strings_score(&first, &other_second, size)
    } else {
        0
    })
}

/// Block size and both strings, without long runs and without the name of a file behind them.
fn ssdeep_parts(hash: &str) -> Option<(u64, Vec<u8>, Vec<u8>)> {
    let mut parts = hash.splitn(3, ':');
    let size: u64 = parts.next()?.parse().ok().filter(|size| *size >= 3)?;
    let (first, rest) = (parts.next()?, parts.next()?);
    let second = rest.split(',').next()?;
    let letters = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
    (letters(first) && letters(second)).then(|| (size, without_long_runs(first), without_long_runs(second)))
}

/// How alike two strings of one block size are (Kornblum 2006): nothing without seven letters in common; else by the weighted distance, a
/// changed letter being one taken away and one put in, on a scale of 100. Short strings of small blocks prove little: they are capped.
fn strings_score(one: &[u8], other: &[u8], size: u64) -> u8 {
    let common = one.windows(RUN).any(|run| other.windows(RUN).any(|theirs| theirs == run));
    if !common {
        return 0;
    }
    let mut row: Vec<u32> = (0..=other.len() as u32).collect();
    for (at, letter) in one.iter().enumerate() {
        let mut corner = row[0];
        row[0] = at as u32 + 1;
        for (place, theirs) in other.iter().enumerate() {
            let above = row[place + 1];
            let kept = corner + if letter == theirs { 0 } else { 2 };
            row[place + 1] = kept.min(above + 1).min(row[place] + 1);
            corner = above;
        }
    }
    let distance = row[other.len()];
    let scaled = distance * 64 / (one.len() + other.len()) as u32 * 100 / 64;
    let score = 100_u32.saturating_sub(scaled);
    let shorter = one.len().min(other.len()) as u64;
    let cap = (size / 3).saturating_mul(shorter);
    u8::try_from(u64::from(score).min(cap)).unwrap_or(100)
}

/// What an ssdeep hash is filed under: block size and seven letters, for each place in both strings.
pub fn ssdeep_pieces(hash: &str) -> BTreeSet<String> {
    let mut parts = hash.splitn(3, ':');
    let (Some(size), Some(one), Some(two)) = (parts.next(), parts.next(), parts.next()) else { return BTreeSet::new() };
    let Ok(size) = size.parse::<u64>() else { return BTreeSet::new() };
    let mut pieces = BTreeSet::new();
    for (size, letters) in [(size, one), (size.saturating_mul(2), two)] {
        let letters = without_long_runs(letters);
        pieces.extend(letters.windows(RUN).map(|run| format!("{size}:{}", String::from_utf8_lossy(run))));
    }
    pieces
}

/// Of more than three equal letters in a row three stay, as ssdeep compares. At most 64 letters: no hash has more.
fn without_long_runs(letters: &str) -> Vec<u8> {
    let mut kept: Vec<u8> = Vec::new();
    for letter in letters.bytes().take(4_096) {
        if kept.len() < 3 || kept[kept.len() - 3..] != [letter; 3] {
            kept.push(letter);
        }
    }
    kept.truncate(64);
    kept
}

/// The distance of TLSH (Oliver, Cheng and Chen 2013), 0 for the same; lengths of the files count. `None` when either is none.
///
/// ```
/// use casework::correlate::similar::tlsh_distance;
/// let one = format!("T1{}", "0".repeat(70));
/// assert_eq!(tlsh_distance(&one, &one), Some(0));
/// ```
pub fn tlsh_distance(one: &str, other: &str) -> Option<u32> {
    let (one, other) = (tlsh_bytes(one)?, tlsh_bytes(other)?);
    let mut distance = u32::from(one[0] != other[0]);
    // The nibbles of the header are written the wrong way round.
    let swapped = |byte: u8| byte.rotate_left(4);
    let length = around(swapped(one[1]), swapped(other[1]), 256);
    distance += if length <= 1 { length } else { length * 12 };
    for shift in [0, 4] {
        let ratio = around(one[2] >> shift & 15, other[2] >> shift & 15, 16);
        distance += if ratio <= 1 { ratio } else { (ratio - 1) * 12 };
    }
    for (one, other) in one[3..].iter().zip(&other[3..]) {
        for shift in [0, 2, 4, 6] {
            let differ = (one >> shift & 3).abs_diff(other >> shift & 3);
            distance += if differ == 3 { 6 } else { u32::from(differ) };
        }
    }
    Some(distance)
}

/// The shorter way around a circle of so many numbers.
fn around(one: u8, other: u8, circle: u32) -> u32 {
    let differ = u32::from(one.abs_diff(other));
    differ.min(circle - differ)
}

fn tlsh_bytes(hash: &str) -> Option<[u8; 35]> {
    let digits = hash.strip_prefix("T1").unwrap_or(hash).as_bytes();
    let mut bytes = [0; 35];
    if digits.len() != 70 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        let digit = |c: u8| char::from(c).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(bytes)
}

/// What a TLSH hash is filed under: each two bytes of its body, with their place.
pub fn tlsh_pieces(hash: &str) -> BTreeSet<String> {
    let Some(bytes) = tlsh_bytes(hash) else { return BTreeSet::new() };
    let (pairs, _) = bytes[3..].as_chunks::<2>();
    pairs.iter().enumerate().map(|(at, [one, two])| format!("{at}:{one:02x}{two:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_distance_counts_as_published() {
        // Two bits: 0-3 counts 6, else the difference; the header's nibbles are swapped; each part by itself.
        let hash = |header: &str, body: &str| format!("T1{header}{body}{}", "0".repeat(64 - body.len()));
        let base = hash("000000", "");
        for (other, want) in [
            (hash("010000", ""), 1),
            (hash("001000", ""), 1),
            (hash("002000", ""), 24),
            (hash("00f0ff", "").to_uppercase(), 12 * 15 + 2),
            (hash("000003", ""), 24),
            (hash("000000", "3"), 6),
            (hash("000000", "e"), 6 + 2),
            (hash("000000", "ffff"), 48),
        ] {
            assert_eq!(tlsh_distance(&base, &other), Some(want), "{other}");
        }
        assert_eq!(tlsh_distance(&base, "T1"), None);
        assert_eq!(tlsh_pieces(&base).len(), 16);
    }

    #[test]
    fn long_runs_count_as_three() {
        assert_eq!(without_long_runs("aaaaabbbbbba"), b"aaabbba");
        assert_eq!(ssdeep_pieces("3:abcdefgh:xxxx").len(), 2);
    }

    /// A hash of letters that could be one.
    fn hash() -> impl Strategy<Value = String> {
        (0_u32..4, "[ab+]{0,30}", "[ab+]{0,20}").prop_map(|(size, one, two)| format!("{}:{one}:{two}", 3_u64 << size))
    }

    proptest! {
        #[test]
        fn whatever_scores_shares_a_piece_or_is_the_same(one in hash(), other in hash()) {
            let score = ssdeep_score(&one, &other).unwrap();
            if score > 0 && score < 100 {
                prop_assert!(!ssdeep_pieces(&one).is_disjoint(&ssdeep_pieces(&other)), "{} {} {}", one, other, score);
            }
        }

        #[test]
        fn what_is_nearer_than_sixteen_shares_a_piece(bytes in prop::array::uniform32(any::<u8>()), changes in prop::collection::vec((0_usize..32, 0_u8..4, 0_u8..4), 0..20)) {
            let text = |bytes: &[u8]| format!("T1000000{}", bytes.iter().map(|b| format!("{b:02X}")).collect::<String>());
            let mut changed = bytes;
            for (at, place, to) in changes {
                changed[at] = changed[at] & !(3 << (2 * place)) | to << (2 * place);
            }
            let (one, other) = (text(&bytes), text(&changed));
            let distance = tlsh_distance(&one, &other).unwrap();
            prop_assert_eq!(tlsh_distance(&other, &one), Some(distance));
            prop_assert_eq!(distance == 0, one == other);
            if distance < 16 {
                prop_assert!(!tlsh_pieces(&one).is_disjoint(&tlsh_pieces(&other)));
            }
        }

        #[test]
        fn no_text_makes_it_panic(one in "\\PC{0,80}", other in "T1[0-9A-F]{70}") {
            let _ = (ssdeep_score(&one, &other), tlsh_distance(&one, &other), ssdeep_pieces(&one), tlsh_pieces(&one));
        }
    }
}
