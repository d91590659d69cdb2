//! May a witness sign that this log only grew? (C2SP tlog-witness, `add-checkpoint`)
//!
//! Decided here; whoever keeps the checkpoints looks up and writes within one transaction.

use super::note::Unsigned;
use super::tree::{EMPTY, verify_consistency};
use super::{Checkpoint, Hash, MOST_BYTES, MOST_HASHES, Malformed, Note, Verifier, decimal, shown};

/// Media type of the body of a 409.
pub const SIZE_TYPE: &str = "text/x.tlog.size";

/// The body of a request as read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// Size of the checkpoint that the log takes for the witness's latest.
    pub old: u64,
    pub proof: Vec<Hash>,
    pub note: Note,
    pub checkpoint: Checkpoint,
}

/// Why a witness does not sign.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Malformed(Malformed),
    #[error("the old size is larger than the checkpoint's")]
    Backwards,
    #[error("the log is not known here")]
    Unknown,
    #[error("checkpoint: {0}")]
    Unsigned(Unsigned),
    /// The witness has another latest size than the log believes.
    #[error("the latest checkpoint signed here is of size {0}")]
    Conflict(u64),
    #[error("the checkpoint does not continue the one signed before: {0}")]
    Inconsistent(String),
}

impl Refusal {
    /// Status code of HTTP.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::Backwards => 400,
            Self::Unsigned(_) => 403,
            Self::Unknown => 404,
            Self::Conflict(_) => 409,
            Self::Inconsistent(_) => 422,
        }
    }

    /// Body of the answer: a 409 tells the size, with [`SIZE_TYPE`]; the others say why.
    pub fn body(&self) -> String {
        match self {
            Self::Conflict(size) => format!("{size}\n"),
            other => format!("{other}\n"),
        }
    }
}

impl Request {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// With the line that is wrong.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        if body.len() > MOST_BYTES {
            return Err(Malformed::at(1, format!("{} bytes are too much for a request", body.len())));
        }
        let mut rest = body;
        let (mut old, mut proof, mut number) = (None, Vec::new(), 0);
        loop {
            number += 1;
            let end = rest.iter().position(|b| *b == b'\n').ok_or_else(|| Malformed::at(number, "the request ends here"))?;
            let line = std::str::from_utf8(&rest[..end]).map_err(|_| Malformed::at(number, "not UTF-8"))?;
            rest = &rest[end + 1..];
            if number == 1 {
                let size = line.strip_prefix("old ").and_then(decimal);
                old = Some(size.ok_or_else(|| Malformed::at(number, format!("{} instead of the old size", shown(line))))?);
            } else if line.is_empty() {
                break;
            } else if proof.len() == MOST_HASHES {
                return Err(Malformed::at(number, format!("more than {MOST_HASHES} hashes")));
            } else {
                proof.push(Hash::read(line).ok_or_else(|| Malformed::at(number, format!("{} is no hash", shown(line))))?);
            }
        }
        let below = |e: Malformed| Malformed::at(number + e.line, e.what);
        let note = Note::read(rest).map_err(below)?;
        let checkpoint = Checkpoint::read(&note.text).map_err(below)?;
        Ok(Self { old: old.unwrap_or(0), proof, note, checkpoint })
    }

    /// Decides whether to sign, for a witness that believes `keys` about this origin and signed `latest` last.
    ///
    /// # Errors
    /// The [`Refusal`] to answer with.
    pub fn check(&self, keys: &[Verifier], latest: Option<&Checkpoint>) -> Result<(), Refusal> {
        if keys.is_empty() {
            return Err(Refusal::Unknown);
        }
        self.note.signers(keys).map_err(Refusal::Unsigned)?;
        let new = self.checkpoint.head();
        if self.old > new.size {
            return Err(Refusal::Backwards);
        }
        let signed = latest.map_or(0, |latest| latest.size);
        if self.old != signed {
            return Err(Refusal::Conflict(signed));
        }
        if new.size == 0 && new.root != EMPTY {
            return Err(Refusal::Inconsistent("the empty tree has another root".into()));
        }
        match latest.filter(|latest| latest.size > 0) {
            Some(latest) => verify_consistency(latest.head(), new, &self.proof).map_err(|e| Refusal::Inconsistent(e.to_string())),
            None if self.proof.is_empty() => Ok(()),
            None => Err(Refusal::Inconsistent("nothing can be proved from the empty tree".into())),
        }
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tree::{Head, consistency, leaf, root};
    use super::super::{Edge, KeyKind, Signer, Tiles};
    use super::*;

    fn log() -> Signer {
        Signer::new("log.example", KeyKind::Note, &[7; 32]).unwrap()
    }

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf(&i.to_be_bytes())).collect()
    }

    fn checkpoint(size: u64) -> Checkpoint {
        Checkpoint::new("log.example", Head { size, root: root(&leaves(size)) })
    }

    fn request(old: u64, size: u64) -> Request {
        let (mut edge, mut tiles) = (Edge::default(), Tiles::default());
        leaves(size).into_iter().for_each(|leaf| edge.push(leaf, &mut |tile, hashes| tiles.insert(tile, hashes)));
        edge.unfinished().for_each(|(tile, hashes)| tiles.insert(tile, hashes.to_vec()));
        let proof = tiles.hashes(&consistency(old, size)).unwrap();
        let checkpoint = checkpoint(size);
        Request { old, proof, note: checkpoint.sign(&log(), 0), checkpoint }
    }

    #[test]
    fn each_reason_not_to_sign_has_the_status_of_the_standard() {
        let keys = [log().verifier().clone()];
        let status = |request: &Request, latest: Option<&Checkpoint>| request.check(&keys, latest).map_err(|refusal| refusal.status());
        let five = checkpoint(5);
        assert_eq!(status(&request(0, 5), None), Ok(()));
        assert_eq!(status(&request(5, 9), Some(&five)), Ok(()));
        assert_eq!(status(&request(5, 5), Some(&five)), Ok(()));
        assert_eq!(status(&request(0, 0), None), Ok(()));
        assert_eq!(request(5, 9).check(&[], Some(&five)), Err(Refusal::Unknown));
        assert_eq!(Refusal::Unknown.status(), 404);
        assert_eq!(status(&Request { old: 10, ..request(5, 9) }, Some(&five)), Err(400));
        let conflict = request(0, 9).check(&keys, Some(&five)).unwrap_err();
        assert_eq!((conflict.status(), conflict.body()), (409, "5\n".to_owned()));
        assert_eq!(status(&Request { proof: vec![], ..request(5, 9) }, Some(&five)), Err(422));
        assert_eq!(status(&Request { proof: vec![EMPTY], ..request(0, 9) }, None), Err(422));
        let mut forked = checkpoint(5);
        forked.root = EMPTY;
        assert_eq!(status(&request(5, 5), Some(&forked)), Err(422));
        let nothing = Checkpoint { size: 0, ..five.clone() };
        let claimed = Request { note: nothing.sign(&log(), 0), checkpoint: nothing, old: 0, proof: vec![] };
        assert_eq!(status(&claimed, None), Err(422));
        let mut changed = request(5, 9);
        changed.note.signatures[0].bytes[3] ^= 1;
        assert_eq!(status(&changed, Some(&five)), Err(403));
        changed.note.signatures[0].key_id ^= 1;
        assert_eq!(status(&changed, Some(&five)), Err(403));
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_line() {
        let good = request(5, 9).to_string();
        assert_eq!(Request::read(good.as_bytes()), Ok(request(5, 9)));
        for (bad, line) in [
            (String::new(), 1),
            (good.replace("old 5", "old 05"), 1),
            (good.replace("old 5", "new 5"), 1),
            ("old 5\nx\n".into(), 2),
            ("old 5\n\n".into(), 3),
            (format!("old 5\n{}\n", format!("{EMPTY}\n").repeat(64)), 65),
            (good.replace("\n9\n", "\nnine\n"), 9),
        ] {
            assert_eq!(Request::read(bad.as_bytes()).map_err(|e| e.line), Err(line), "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// Whatever is asked in whatever order, what a witness has signed is one growing tree.
        #[test]
        fn a_witness_never_signs_two_trees(asked in prop::collection::vec((0_u64..40, 0_u64..40, any::<bool>()), 1..12)) {
            let keys = [log().verifier().clone()];
            let mut latest: Option<Checkpoint> = None;
            for (old, size, fork) in asked {
                let mut request = request(old.min(size), size);
                if fork {
                    request.checkpoint.root = leaf(b"fork");
                    request.note = request.checkpoint.sign(&log(), 0);
                }
                if request.check(&keys, latest.as_ref()).is_ok() {
                    let before = latest.as_ref().map_or(0, |c| c.size);
                    prop_assert!(request.checkpoint.size >= before);
                    // From nothing a witness believes the first thing it is told; afterwards only what continues it.
                    prop_assert!(!fork || before == 0);
                    if fork { break }
                    latest = Some(request.checkpoint);
                }
            }
        }
    }
}
