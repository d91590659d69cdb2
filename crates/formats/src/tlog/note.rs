//! A text with signatures under it (C2SP signed-note), and the keys that make and check them.
//!
//! Anyone may sign, so signatures of unknown keys are kept and ignored; a bad one of a known key spoils the note.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::{MOST_BYTES, Malformed, shown};

/// Most signatures read under one note; the standard asks for at least 16.
pub const MOST_SIGNATURES: usize = 100;

/// A signature line: whose it says it is, and its bytes, unchecked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature {
    pub name: String,
    pub key_id: u32,
    /// What follows the key id.
    pub bytes: Vec<u8>,
}

impl Signature {
    /// Reads one line, without its line break.
    fn read(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = BASE64.decode(encoded).ok()?;
        let (key_id, bytes) = bytes.split_first_chunk::<4>()?;
        let whole = is_key_name(name) && !bytes.is_empty();
        whole.then(|| Self { name: name.to_owned(), key_id: u32::from_be_bytes(*key_id), bytes: bytes.to_vec() })
    }

    /// Reads signature lines and nothing else, as a witness answers.
    ///
    /// # Errors
    /// With the first line that is none, or when there is none or too many.
    pub fn read_lines(text: &str) -> Result<Vec<Self>, Malformed> {
        lines(text, 1)
    }
}

impl fmt::Display for Signature {
    /// The line with its line break.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id.to_be_bytes()[..], &self.bytes].concat();
        writeln!(f, "— {} {}", self.name, BASE64.encode(bytes))
    }
}

fn lines(text: &str, first: usize) -> Result<Vec<Signature>, Malformed> {
    let mut signatures = Vec::new();
    for (at, line) in text.split_inclusive('\n').enumerate() {
        let number = first + at;
        if signatures.len() == MOST_SIGNATURES {
            return Err(Malformed::at(number, format!("there are more than {MOST_SIGNATURES} signatures")));
        }
        let signature = line.strip_suffix('\n').and_then(Signature::read);
        signatures.push(signature.ok_or_else(|| Malformed::at(number, format!("{} is no signature line", shown(line))))?);
    }
    if signatures.is_empty() { Err(Malformed::at(first, "there is no signature")) } else { Ok(signatures) }
}

/// Not empty, no space of any script, no plus.
fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c == '+' || c < ' ')
}

/// A signed text as read; **its text means nothing** until [`Note::signers`] has found a key that is trusted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// Ends with a line break.
    pub text: String,
    pub signatures: Vec<Signature>,
}

/// Why a note is not believed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unsigned {
    #[error("the signature of {0} is wrong: text or signature was changed")]
    Wrong(String),
    #[error("no key that is trusted has signed this")]
    Unknown,
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// With the line that does not belong there; also when the note is larger than [`MOST_BYTES`] or has more than [`MOST_SIGNATURES`].
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let line_of = |at: usize| bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
        if bytes.len() > MOST_BYTES {
            return Err(Malformed::at(1, format!("{} bytes are too much for a note", bytes.len())));
        }
        let text = std::str::from_utf8(bytes).map_err(|e| Malformed::at(line_of(e.valid_up_to()), "not UTF-8"))?;
        if let Some(at) = bytes.iter().position(|b| *b < b' ' && *b != b'\n') {
            return Err(Malformed::at(line_of(at), format!("control character {:#04x}", bytes[at])));
        }
        let end = text.rfind("\n\n").ok_or_else(|| Malformed::at(line_of(text.len()), "no empty line between text and signatures"))?;
        let (text, signatures) = (&text[..=end], &text[end + 2..]);
        Ok(Self { text: text.to_owned(), signatures: lines(signatures, line_of(end + 2))? })
    }

    /// Which of these keys have signed, by their place in the list.
    ///
    /// ```
    /// use formats::tlog::{Note, Verifier};
    /// let key: Verifier = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse().unwrap();
    /// let note = Note::read("This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n".as_bytes()).unwrap();
    /// assert_eq!(note.signers(&[key]), Ok(vec![0]));
    /// ```
    ///
    /// # Errors
    /// [`Unsigned::Wrong`] when a signature that one of these keys is said to have made is not right, [`Unsigned::Unknown`] when none has signed.
    pub fn signers(&self, keys: &[Verifier]) -> Result<Vec<usize>, Unsigned> {
        let mut found = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            for signature in self.signatures.iter().filter(|s| key.made(s)) {
                if !key.verifies(&self.text, signature) {
                    return Err(Unsigned::Wrong(key.name.clone()));
                }
                found.push(at);
            }
        }
        found.dedup();
        if found.is_empty() { Err(Unsigned::Unknown) } else { Ok(found) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| write!(f, "{signature}"))
    }
}

/// What an Ed25519 key signs.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum KeyKind {
    /// The text of the note.
    Note,
    /// A checkpoint with the time of signing (C2SP tlog-cosignature), as witnesses do.
    Cosignature,
}

impl KeyKind {
    /// The signature type identifier byte.
    fn byte(self) -> u8 {
        match self {
            Self::Note => 0x01,
            Self::Cosignature => 0x04,
        }
    }
}

/// A public key with its name, as `name+id+key` (C2SP signed-note, "Verifier keys").
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verifier {
    name: String,
    kind: KeyKind,
    key: VerifyingKey,
}

/// A text that is no key we can use.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{key} is no key: {why}")]
pub struct BadKey {
    key: String,
    why: &'static str,
}

impl Verifier {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The 32 bytes of the Ed25519 key (RFC 8032 §5.1.5).
    pub fn public_key(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// First four bytes of the SHA-256 of name and key.
    pub fn key_id(&self) -> u32 {
        let hash =
            Sha256::new().chain_update(&self.name).chain_update([b'\n', self.kind.byte()]).chain_update(self.key.as_bytes()).finalize();
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
    }

    /// A signature that says it was made by this key.
    pub fn made(&self, signature: &Signature) -> bool {
        signature.name == self.name && signature.key_id == self.key_id()
    }

    /// The signature is of this text and by this key.
    pub fn verifies(&self, text: &str, signature: &Signature) -> bool {
        let right =
            |message: &[u8], bytes: &[u8; 64]| self.key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(bytes)).is_ok();
        match self.kind {
            KeyKind::Note => signature.bytes.as_array().is_some_and(|bytes| right(text.as_bytes(), bytes)),
            KeyKind::Cosignature => self.time_of(signature).is_some_and(|time| {
                let bytes = signature.bytes.last_chunk::<64>();
                bytes.is_some_and(|bytes| right(cosigned(time, text).as_bytes(), bytes))
            }),
        }
    }

    /// When a cosignature says that it was made, in seconds since 1970; believe it only after [`Self::verifies`].
    pub fn time_of(&self, signature: &Signature) -> Option<u64> {
        let (time, _) = signature.bytes.split_first_chunk::<8>().filter(|(_, rest)| rest.len() == 64)?;
        Some(u64::from_be_bytes(*time)).filter(|time| self.kind == KeyKind::Cosignature && *time < 1 << 63)
    }
}

/// What a cosigner signs of a checkpoint.
fn cosigned(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

impl FromStr for Verifier {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let bad = |why| BadKey { key: shown(text), why };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("it must read name+id+key"));
        };
        if !is_key_name(name) {
            return Err(bad("its name is empty or has a space in it"));
        }
        let bytes = BASE64.decode(encoded).map_err(|_| bad("the last part is not base64"))?;
        let (kind, bytes) = match bytes.split_first() {
            Some((0x01, rest)) => (KeyKind::Note, rest),
            Some((0x04, rest)) => (KeyKind::Cosignature, rest),
            _ => return Err(bad("only Ed25519 keys (types 1 and 4) are known here")),
        };
        let bytes: &[u8; 32] = bytes.as_array().ok_or_else(|| bad("an Ed25519 key has 32 bytes"))?;
        let key =
            VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak()).ok_or_else(|| bad("it is no point that can be a key"))?;
        let verifier = Self { name: name.to_owned(), kind, key };
        if id != format!("{:08x}", verifier.key_id()) {
            return Err(bad("its id does not belong to name and key"));
        }
        Ok(verifier)
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.kind.byte()][..], self.key.as_bytes()].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.key_id(), BASE64.encode(key))
    }
}

/// A secret key with its name. Ed25519 needs no chance to sign: the same text gives the same signature.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    verifier: Verifier,
    id: u32,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, secret)", self.verifier)
    }
}

impl Signer {
    /// A key from its 32 secret bytes (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// When the name cannot be that of a key.
    pub fn new(name: &str, kind: KeyKind, secret: &[u8; 32]) -> Result<Self, BadKey> {
        if !is_key_name(name) {
            return Err(BadKey { key: shown(name), why: "a name has no space and no plus in it and is not empty" });
        }
        let key = SigningKey::from_bytes(secret);
        let verifier = Verifier { name: name.to_owned(), kind, key: key.verifying_key() };
        Ok(Self { id: verifier.key_id(), key, verifier })
    }

    /// Reads a key as [`Self::secret_text`] writes it.
    ///
    /// # Errors
    /// When it is none; the error does not repeat it.
    pub fn read(text: &str) -> Result<Self, BadKey> {
        let bad = |why| BadKey { key: "this secret text".into(), why };
        let mut parts =
            text.trim_end().strip_prefix("PRIVATE+KEY+").ok_or_else(|| bad("it does not begin with PRIVATE+KEY+"))?.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("it must read PRIVATE+KEY+name+id+key"));
        };
        let bytes = BASE64.decode(encoded).map_err(|_| bad("the last part is not base64"))?;
        let (kind, secret) = match bytes.split_first() {
            Some((0x01, secret)) => (KeyKind::Note, secret),
            Some((0x04, secret)) => (KeyKind::Cosignature, secret),
            _ => return Err(bad("only Ed25519 keys (types 1 and 4) are known here")),
        };
        let signer = Self::new(name, kind, secret.as_array().ok_or_else(|| bad("an Ed25519 key has 32 bytes"))?)?;
        if id != format!("{:08x}", signer.id) {
            return Err(bad("its id does not belong to name and key"));
        }
        Ok(signer)
    }

    /// The key as Go's `sumdb/note` writes it: `PRIVATE+KEY+name+id+key`. **Secret.**
    pub fn secret_text(&self) -> String {
        let key = [&[self.verifier.kind.byte()][..], self.key.as_bytes()].concat();
        format!("PRIVATE+KEY+{}+{:08x}+{}", self.verifier.name, self.id, BASE64.encode(key))
    }

    /// The 32 secret bytes, to derive other secrets from.
    pub fn secret(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The public half.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Signs a text, which ends with a line break. A cosigner's key signs that it saw this checkpoint at `time`, in seconds since 1970;
    /// a note's key signs the text alone.
    pub fn sign(&self, text: &str, time: u64) -> Signature {
        let bytes = match self.verifier.kind {
            KeyKind::Note => self.key.sign(text.as_bytes()).to_bytes().to_vec(),
            KeyKind::Cosignature => {
                let signature = self.key.sign(cosigned(time, text).as_bytes());
                [&time.to_be_bytes()[..], &signature.to_bytes()].concat()
            }
        };
        Signature { name: self.verifier.name.clone(), key_id: self.id, bytes }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn signer(kind: KeyKind) -> Signer {
        Signer::new("log.example/one", kind, &[7; 32]).unwrap()
    }

    fn signed(text: &str) -> Note {
        Note { text: text.into(), signatures: vec![signer(KeyKind::Note).sign(text, 0)] }
    }

    #[test]
    fn a_note_that_was_changed_is_not_believed() {
        let keys = [signer(KeyKind::Note).verifier().clone()];
        let mut note = signed("one\n");
        assert_eq!(note.signers(&keys), Ok(vec![0]));
        note.text = "two\n".into();
        assert_eq!(note.signers(&keys), Err(Unsigned::Wrong("log.example/one".into())));
        assert_eq!(note.signers(&[]), Err(Unsigned::Unknown));
    }

    #[test]
    fn a_wrong_signature_of_a_known_key_spoils_the_note_and_one_of_an_unknown_key_does_not() {
        let keys = [signer(KeyKind::Note).verifier().clone()];
        let mut note = signed("one\n");
        note.signatures.push(Signature { name: "log.example/one".into(), key_id: 1, bytes: vec![0; 64] });
        assert_eq!(note.signers(&keys), Ok(vec![0]));
        note.signatures.push(Signature { bytes: vec![0; 64], ..note.signatures[0].clone() });
        assert!(note.signers(&keys).is_err());
    }

    #[test]
    fn a_cosignature_is_of_one_time_and_not_a_signature_of_the_text() {
        let (witness, log) = (signer(KeyKind::Cosignature), signer(KeyKind::Note));
        let mut signature = witness.sign("origin\n1\nroot\n", 1_679_315_147);
        assert_eq!(witness.verifier().time_of(&signature), Some(1_679_315_147));
        assert!(witness.verifier().verifies("origin\n1\nroot\n", &signature));
        assert!(!log.verifier().made(&signature) && !log.verifier().verifies("origin\n1\nroot\n", &signature));
        signature.bytes[7] ^= 1;
        assert!(!witness.verifier().verifies("origin\n1\nroot\n", &signature));
        signature.bytes[0] = 0xff;
        assert_eq!(witness.verifier().time_of(&signature), None);
    }

    #[test]
    fn what_is_no_note_is_refused_with_its_line() {
        let line = |text: &str| Note::read(text.as_bytes()).map_err(|e| e.line).expect_err(text);
        let good = signed("one\n").to_string();
        assert!(Note::read(good.as_bytes()).is_ok());
        assert_eq!(line(""), 1);
        assert_eq!(line("one\ntwo\n"), 3);
        assert_eq!(line("one\n\n"), 3);
        assert_eq!(line(good.trim_end()), 3);
        assert_eq!(line(&good.replace("— ", "- ")), 3);
        assert_eq!(line(&format!("{good}— x\u{a0}y AAAAAAA=\n")), 4);
        assert_eq!(line(&format!("{good}— x+y AAAAAAA=\n")), 4);
        assert_eq!(line(&format!("{good}— xy AAAA\n")), 4);
        assert_eq!(line(&good.replace("one", "o\tne")), 1);
        assert_eq!(line(&good.replace('\n', "\r\n")), 1);
        assert_eq!(line(&(good.clone() + &"— xy AAAAAAA=\n".repeat(100))), 103);
        assert_eq!(Note::read(b"one\n\xff").unwrap_err().line, 2);
        assert_eq!(Note::read(&vec![b'a'; MOST_BYTES + 1]).unwrap_err().line, 1);
    }

    #[test]
    fn a_key_whose_name_was_changed_is_no_key() {
        let text = signer(KeyKind::Note).verifier().to_string();
        assert_eq!(text.parse::<Verifier>().unwrap().to_string(), text);
        for bad in [&text.replace("/one", "/two"), &text[1..], "", "a+b", "a+00000000+AQ==", &text.replace("+", " "), "a+b+c+d"] {
            assert!(bad.parse::<Verifier>().is_err(), "{bad}");
        }
        let weak = Verifier { name: "weak".into(), kind: KeyKind::Note, key: VerifyingKey::from_bytes(&[0; 32]).unwrap() };
        assert!(weak.to_string().parse::<Verifier>().unwrap_err().to_string().contains("no point"));
    }

    #[test]
    fn a_secret_key_is_read_back_and_never_printed() {
        for kind in [KeyKind::Note, KeyKind::Cosignature] {
            let signer = signer(kind);
            let text = signer.secret_text();
            assert_eq!(Signer::read(&format!("{text}\n")).unwrap().verifier(), signer.verifier());
            assert!(!format!("{signer:?}").contains(text.rsplit('+').next().unwrap()));
            assert!(Signer::read(&text.replace("/one", "/two")).is_err());
            assert!(!format!("{}", Signer::read("PRIVATE+KEY+a+b+SECRET!").unwrap_err()).contains("SECRET"));
        }
        assert!(Signer::new("two words", KeyKind::Note, &[0; 32]).is_err());
    }

    proptest! {
        #[test]
        fn a_note_is_read_back(text in "([^\\x00-\\x1f]{0,20}\n){1,6}", names in prop::collection::vec("[a-z./]{1,12}", 1..5), bytes in prop::collection::vec(any::<u8>(), 1..80)) {
            let signatures = names.into_iter().map(|name| Signature { name, key_id: 7, bytes: bytes.clone() }).collect();
            let note = Note { text, signatures };
            prop_assert_eq!(Note::read(note.to_string().as_bytes()), Ok(note));
        }

        #[test]
        fn what_is_read_is_written_the_same(bytes in "(a|\n|\n\n|— a AAAAAAA=\n|— | |\u{2003}|\\+){0,12}") {
            if let Ok(note) = Note::read(bytes.as_bytes()) {
                prop_assert_eq!(note.to_string(), bytes);
            }
        }
    }
}
