//! A proof that an entry is in a log, for somebody who is offline (C2SP tlog-proof): the receipt.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::policy::{Accepted, Distrust};
use super::tree::{Unproven, verify_inclusion};
use super::{Hash, MOST_BYTES, MOST_HASHES, Malformed, Note, Policy, decimal, shown};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// A proof as written; proves nothing until [`Proof::verify`] says so.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proof {
    /// What the application needs beside; not authenticated by itself.
    pub extra: Option<Vec<u8>>,
    /// Number of the entry in the log, from 0.
    pub index: u64,
    /// From the sibling of the leaf to the child of the root.
    pub hashes: Vec<Hash>,
    pub checkpoint: Note,
}

/// Why an entry is not taken to be in a log.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Doubt {
    #[error("checkpoint: {0}")]
    Distrust(#[from] Distrust),
    #[error("the entry is not in the log: {0}")]
    Unproven(#[from] Unproven),
}

impl Proof {
    /// Reads a `.tlog-proof` file.
    ///
    /// # Errors
    /// With the line that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > MOST_BYTES {
            return Err(Malformed::at(1, format!("{} bytes are too much for a proof", bytes.len())));
        }
        let mut rest = bytes;
        let mut number = 0;
        let mut next = || -> Result<(usize, &str), Malformed> {
            number += 1;
            let end = rest.iter().position(|b| *b == b'\n').ok_or_else(|| Malformed::at(number, "the proof ends here"))?;
            let line = std::str::from_utf8(&rest[..end]).map_err(|_| Malformed::at(number, "not UTF-8"))?;
            rest = &rest[end + 1..];
            Ok((number, line))
        };
        let (at, line) = next()?;
        if line != FIRST_LINE {
            return Err(Malformed::at(at, format!("{} instead of {FIRST_LINE:?}", shown(line))));
        }
        let (mut at, mut line) = next()?;
        let extra = match line.strip_prefix("extra ") {
            Some(encoded) => {
                let extra = BASE64.decode(encoded).map_err(|_| Malformed::at(at, "the extra data is not base64"))?;
                (at, line) = next()?;
                Some(extra)
            }
            None => None,
        };
        let index = line.strip_prefix("index ").and_then(decimal);
        let index = index.ok_or_else(|| Malformed::at(at, format!("{} instead of the index", shown(line))))?;
        let mut hashes = Vec::new();
        loop {
            (at, line) = next()?;
            if line.is_empty() {
                break;
            }
            if hashes.len() == MOST_HASHES {
                return Err(Malformed::at(at, format!("more than {MOST_HASHES} hashes")));
            }
            hashes.push(Hash::read(line).ok_or_else(|| Malformed::at(at, format!("{} is no hash", shown(line))))?);
        }
        let checkpoint = Note::read(rest).map_err(|e| Malformed::at(at + e.line, e.what))?;
        Ok(Self { extra, index, hashes, checkpoint })
    }

    /// Checks that the entry with this leaf hash is in a log that the policy trusts, seen by the witnesses that it asks for.
    ///
    /// # Errors
    /// [`Doubt`] says which of the steps failed.
    pub fn verify(&self, leaf: Hash, policy: &Policy) -> Result<Accepted, Doubt> {
        let accepted = policy.accept(&self.checkpoint)?;
        let head = accepted.checkpoint.head();
        verify_inclusion(self.index, head.size, leaf, &self.hashes, head.root)?;
        Ok(accepted)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", BASE64.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tree::{Head, leaf, node};
    use super::super::{Checkpoint, KeyKind, Signer};
    use super::*;

    /// A receipt for the second of two entries, and who is to be believed.
    fn receipt() -> (Proof, Policy) {
        let signer = Signer::new("log.example", KeyKind::Note, &[7; 32]).unwrap();
        let head = Head { size: 2, root: node(leaf(b"one"), leaf(b"two")) };
        let checkpoint = Checkpoint::new("log.example", head).sign(&signer, 0);
        let policy = Policy::read(format!("log {}\nquorum none\n", signer.verifier()).as_bytes()).unwrap();
        (Proof { extra: Some(b"two".to_vec()), index: 1, hashes: vec![leaf(b"one")], checkpoint }, policy)
    }

    #[test]
    fn a_receipt_holds_for_its_entry_only() {
        let (mut proof, policy) = receipt();
        assert_eq!(proof.verify(leaf(b"two"), &policy).unwrap().checkpoint.size, 2);
        assert_eq!(proof.verify(leaf(b"three"), &policy), Err(Doubt::Unproven(Unproven::Root)));
        proof.index = 2;
        assert_eq!(proof.verify(leaf(b"two"), &policy), Err(Doubt::Unproven(Unproven::Outside { index: 2, size: 2 })));
        proof.index = 1;
        proof.checkpoint.text = proof.checkpoint.text.replace("\n2\n", "\n3\n");
        assert!(matches!(proof.verify(leaf(b"two"), &policy), Err(Doubt::Distrust(_))));
    }

    #[test]
    fn what_is_no_proof_is_refused_with_its_line() {
        let good = receipt().0.to_string();
        assert_eq!(Proof::read(good.as_bytes()), Ok(receipt().0));
        let without = good.replace("extra dHdv\n", "");
        assert_eq!(Proof::read(without.as_bytes()).unwrap().extra, None);
        let hash = leaf(b"one").to_string();
        for (bad, line) in [
            (String::new(), 1),
            (good.replace("@v1", "@v2"), 1),
            (good.replace("extra dHdv", "extra dHd"), 2),
            (good.replace("index 1", "index 01"), 3),
            (good.replace("index 1\n", ""), 3),
            (good.replace(&hash, "x"), 4),
            (good.replace(&hash, &format!("{hash}\n").repeat(64)), 67),
            (good.replace("\n\nlog.example", "\nlog.example"), 5),
            (good.replace("— ", "- "), 10),
            (good[..60].to_owned(), 4),
        ] {
            assert_eq!(Proof::read(bad.as_bytes()).map_err(|e| e.line), Err(line), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_proof_is_read_back(extra in prop::option::of(prop::collection::vec(any::<u8>(), 0..60)), index in 0..1_u64 << 63, hashes in prop::collection::vec(any::<[u8; 32]>(), 0..=63)) {
            let proof = Proof { extra, index, hashes: hashes.into_iter().map(Hash).collect(), checkpoint: receipt().0.checkpoint };
            prop_assert_eq!(Proof::read(proof.to_string().as_bytes()), Ok(proof));
        }
    }
}
