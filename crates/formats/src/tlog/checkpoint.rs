//! How large a log is and what its root is, as it signs it (C2SP tlog-checkpoint).

use std::fmt;

use super::tree::Head;
use super::{Hash, Malformed, Note, Signer, decimal, shown};

/// The text of a checkpoint, without its signatures.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// Which log: a URL without its scheme.
    pub origin: String,
    /// Entries in the log.
    pub size: u64,
    pub root: Hash,
    /// Further lines, whose meaning only that log knows.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint as we make them: without further lines.
    pub fn new(origin: impl Into<String>, head: Head) -> Self {
        Self { origin: origin.into(), size: head.size, root: head.root, extensions: Vec::new() }
    }

    /// Reads the text of a note.
    ///
    /// ```
    /// use formats::tlog::Checkpoint;
    /// let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    /// let checkpoint = Checkpoint::read(text).unwrap();
    /// assert_eq!((checkpoint.size, checkpoint.to_string()), (20_852_163, text.to_owned()));
    /// ```
    ///
    /// # Errors
    /// With the line that is wrong.
    pub fn read(text: &str) -> Result<Self, Malformed> {
        let Some(lines) = text.strip_suffix('\n') else { return Err(Malformed::at(1, "the last line has no end")) };
        let lines: Vec<&str> = lines.split('\n').collect();
        if let Some(empty) = lines.iter().position(|line| line.is_empty()) {
            return Err(Malformed::at(empty + 1, "an empty line"));
        }
        let line =
            |number: usize, what: &str| lines.get(number - 1).copied().ok_or_else(|| Malformed::at(number, format!("{what} is missing")));
        let (origin, size, root) = (line(1, "the origin")?, line(2, "the size")?, line(3, "the root hash")?);
        Ok(Self {
            origin: origin.to_owned(),
            size: decimal(size).ok_or_else(|| Malformed::at(2, format!("{} is no size of a tree", shown(size))))?,
            root: Hash::read(root).ok_or_else(|| Malformed::at(3, format!("{} is no hash", shown(root))))?,
            extensions: lines[3..].iter().map(|line| (*line).to_owned()).collect(),
        })
    }

    pub fn head(&self) -> Head {
        Head { size: self.size, root: self.root }
    }

    /// The checkpoint as a signed note.
    pub fn sign(&self, signer: &Signer, time: u64) -> Note {
        let text = self.to_string();
        Note { signatures: vec![signer.sign(&text, time)], text }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_checkpoint_is_refused_with_its_line() {
        let hash = Hash([1; 32]);
        for (text, line) in [
            (String::new(), 1),
            ("\n".into(), 1),
            ("origin\n".into(), 2),
            ("origin\n1\n".into(), 3),
            (format!("origin\n1\n{hash}"), 1),
            (format!("origin\n01\n{hash}\n"), 2),
            (format!("origin\n-1\n{hash}\n"), 2),
            (format!("origin\n9223372036854775808\n{hash}\n"), 2),
            ("origin\n1\nAAAA\n".into(), 3),
            (format!("origin\n1\n{hash}\n\nmore\n"), 4),
            (format!("origin\n1\n{hash} \n"), 3),
        ] {
            assert_eq!(Checkpoint::read(&text).map_err(|e| e.line), Err(line), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_checkpoint_is_read_back(origin in "[^\n]{1,40}", size in 0..1_u64 << 63, root: [u8; 32], extensions in prop::collection::vec("[^\n]{1,9}", 0..4)) {
            let checkpoint = Checkpoint { origin, size, root: Hash(root), extensions };
            prop_assert_eq!(Checkpoint::read(&checkpoint.to_string()), Ok(checkpoint));
        }
    }
}
