//! Logs that cannot be rewritten: Merkle trees (RFC 6962, RFC 9162) in the formats of C2SP, as Go's checksum database,
//! certificate transparency and sigsum use them.
//!
//! [`tree`] hashes, grows and proves; [`tile`] lays a tree out as static files; a [`note`] is a signed text, a [`checkpoint`] the
//! note in which a log says how large it is and what its root is; a [`proof`] shows that an entry is in a log to somebody
//! who has nothing but a [`policy`] of keys; a [`witness`] signs that a log only ever grew.
//!
//! Texts: c2sp.org signed-note, tlog-checkpoint, tlog-tiles, tlog-cosignature, tlog-proof, tlog-policy, tlog-witness
//! (July 2026). Ed25519 only; signatures by keys of other kinds are kept and passed on.

pub mod checkpoint;
pub mod note;
pub mod policy;
pub mod proof;
pub mod tile;
pub mod tree;
pub mod witness;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

pub use checkpoint::Checkpoint;
pub use note::{KeyKind, Note, Signature, Signer, Verifier};
pub use policy::Policy;
pub use proof::Proof;
pub use tile::{Level, Tile};
pub use tree::{Edge, Tiles};

/// Largest text read as a note, proof, policy or request, in bytes; Go reads notes up to the same size.
pub const MOST_BYTES: usize = 1_000_000;

/// Most hashes a proof can have: a tree has fewer than 2^63 leaves.
pub const MOST_HASHES: usize = 63;

/// SHA-256 of a leaf or of a part of the tree. Prints as base64 (RFC 4648 §4), as checkpoints and proofs write it.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Reads 44 characters of base64.
    pub fn read(text: &str) -> Option<Self> {
        BASE64.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not what it should be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Malformed {
    /// Counted from 1.
    pub line: usize,
    pub what: String,
}

impl Malformed {
    pub(crate) fn at(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }
}

/// A decimal number without sign and without leading zeros, below 2^63.
fn decimal(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|n| plain && *n < 1 << 63)
}

/// A text from outside, short enough to stand in an error.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_in_one_way_only() {
        assert_eq!((decimal("0"), decimal("70000")), (Some(0), Some(70_000)));
        assert_eq!(decimal("9223372036854775807"), Some(i64::MAX as u64));
        for bad in ["", "00", "01", "+1", "-1", " 1", "1 ", "0x1", "9223372036854775808", "99999999999999999999"] {
            assert_eq!(decimal(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_hash_is_written_in_one_way_only() {
        let hash = Hash([7; 32]);
        assert_eq!(Hash::read(&hash.to_string()), Some(hash));
        let text = hash.to_string();
        for bad in [&text[..43], &format!("{text}="), &text.replace("=", ""), &text.replace("Bwc=", "Bwd="), ""] {
            assert_eq!(Hash::read(bad), None, "{bad}");
        }
    }
}
