//! Is a DNS message from somebody who holds the key, and not from another time? Transaction signatures (TSIG, RFC 8945).
//!
//! A signature is the last record of a message and covers all before it as it travels, so messages are looked at as bytes. An answer covers
//! the signature of the question too, and each further message of a zone transfer that of the one before: none can be left out.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Sha256, Sha512};

/// Bytes of a name at most (RFC 1035 §2.3.4).
const LONGEST_NAME: usize = 255;
/// Bytes of a secret.
const LONGEST_SECRET: usize = 512;
const TSIG: u16 = 250;
const ANY: u16 = 255;
/// Seconds by which clocks may differ (RFC 8945 §10: recommended).
const FUDGE: u16 = 300;

/// How signatures are made (RFC 8945 §6: these two are the ones to use).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    HmacSha256,
    HmacSha512,
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        match name.trim_end_matches('.').to_ascii_lowercase().as_str() {
            "hmac-sha256" => Some(Self::HmacSha256),
            "hmac-sha512" => Some(Self::HmacSha512),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha512 => "hmac-sha512",
        }
    }
}

/// A key that two share.
#[derive(Clone, Eq, PartialEq)]
pub struct Key {
    /// As it travels: labels with their lengths, in lower case.
    name: Vec<u8>,
    algorithm: Algorithm,
    secret: Vec<u8>,
}

/// The secret stays one.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &self.name()).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Why a key cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadKey {
    #[error("no key as tsig-keygen writes it: key \"name\" {{ algorithm hmac-sha256; secret \"base64\"; }};")]
    Form,
    #[error("{0:?} is not the name of a key")]
    Name(String),
    #[error("{0:?} is not hmac-sha256 or hmac-sha512")]
    Algorithm(String),
    #[error("the secret is not base64, or not 16 to {LONGEST_SECRET} bytes")]
    Secret,
}

impl Key {
    /// # Errors
    /// When the name is none in DNS, or the secret is shorter than 16 bytes.
    pub fn new(name: &str, algorithm: Algorithm, secret: &[u8]) -> Result<Self, BadKey> {
        if !(16..=LONGEST_SECRET).contains(&secret.len()) {
            return Err(BadKey::Secret);
        }
        let name = wire(name).ok_or_else(|| BadKey::Name(name.chars().take(LONGEST_NAME).collect()))?;
        Ok(Self { name, algorithm, secret: secret.to_vec() })
    }

    /// Reads a key as `tsig-keygen` writes it, and as BIND, `dig -k` and others read it.
    ///
    /// ```
    /// use formats::tsig::Key;
    /// let key = Key::read("key \"musubi-alpha\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0IG9mIGEgdGVzdCEh\";\n};\n")?;
    /// assert_eq!(key.name(), "musubi-alpha");
    /// # Ok::<(), formats::tsig::BadKey>(())
    /// ```
    ///
    /// # Errors
    /// Says what is missing or wrong; never repeats the secret.
    pub fn read(text: &str) -> Result<Self, BadKey> {
        // A secret may hold what begins a comment: only whole lines are comments here.
        let lines = text.lines().filter(|line| !line.trim_start().starts_with(['#', '/']));
        let text: String = lines.collect::<Vec<_>>().join(" ");
        let rest = text.trim_start().strip_prefix("key").ok_or(BadKey::Form)?;
        let (name, rest) = rest.split_once('{').ok_or(BadKey::Form)?;
        let (inside, _) = rest.split_once('}').ok_or(BadKey::Form)?;
        let said = |word: &str| {
            let mut statements = inside.split(';').map(str::trim);
            statements.find_map(|one| one.strip_prefix(word).filter(|rest| rest.starts_with([' ', '\t', '"'])).map(plain))
        };
        let algorithm = said("algorithm").ok_or(BadKey::Form)?;
        let algorithm = Algorithm::named(algorithm).ok_or_else(|| BadKey::Algorithm(algorithm.chars().take(40).collect()))?;
        let secret = STANDARD.decode(said("secret").ok_or(BadKey::Form)?).map_err(|_| BadKey::Secret)?;
        Self::new(plain(name), algorithm, &secret)
    }

    /// Its name, without the dot at the end.
    pub fn name(&self) -> String {
        let (mut text, mut at) = (String::new(), 0);
        while let Some(length) = self.name.get(at).map(|n| usize::from(*n)).filter(|n| *n > 0) {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(&String::from_utf8_lossy(self.name.get(at + 1..at + 1 + length).unwrap_or_default()));
            at += 1 + length;
        }
        text
    }

    fn mac(&self, parts: &[&[u8]]) -> Vec<u8> {
        macro_rules! over {
            ($hash:ty) => {{
                let mut mac = Hmac::<$hash>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
                parts.iter().for_each(|part| mac.update(part));
                mac.finalize().into_bytes().to_vec()
            }};
        }
        match self.algorithm {
            Algorithm::HmacSha256 => over!(Sha256),
            Algorithm::HmacSha512 => over!(Sha512),
        }
    }

    /// In a time that does not tell how much of it was right.
    fn is_mac(&self, parts: &[&[u8]], said: &[u8]) -> bool {
        macro_rules! over {
            ($hash:ty) => {{
                let mut mac = Hmac::<$hash>::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
                parts.iter().for_each(|part| mac.update(part));
                mac.verify_slice(said).is_ok()
            }};
        }
        match self.algorithm {
            Algorithm::HmacSha256 => over!(Sha256),
            Algorithm::HmacSha512 => over!(Sha512),
        }
    }
}

fn plain(text: &str) -> &str {
    text.trim().trim_matches('"').trim()
}

/// A name as it travels, in lower case.
fn wire(name: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for label in name.trim_end_matches('.').split('.') {
        let fits = !label.is_empty() && label.len() < 64 && label.bytes().all(|c| c.is_ascii_graphic());
        out.push(u8::try_from(label.len()).ok().filter(|_| fits)?);
        out.extend(label.bytes().map(|c| c.to_ascii_lowercase()));
    }
    out.push(0);
    (out.len() <= LONGEST_NAME).then_some(out)
}

/// What is wrong with a signature (RFC 8945 §3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wrong {
    /// The secret is another, or something was changed on the way.
    Signature,
    /// Nobody here knows the key, or not for this algorithm.
    Key,
    /// It was made too long ago, or the clocks differ.
    Time,
    /// Cut shorter than is safe (RFC 8945 §5.2.2.1).
    Truncated,
}

impl Wrong {
    fn code(self) -> u16 {
        match self {
            Self::Signature => 16,
            Self::Key => 17,
            Self::Time => 18,
            Self::Truncated => 22,
        }
    }
}

/// A message whose records cannot be told apart, or with a signature where none may be: FORMERR.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the message or its signature is malformed")]
pub struct Malformed;

/// Two who talk under a key: what the next message must cover.
#[derive(Clone, Debug)]
pub struct Conversation<'k> {
    key: Option<&'k Key>,
    /// As they travel.
    key_name: Vec<u8>,
    algorithm_name: Vec<u8>,
    id: u16,
    /// The signature before.
    before: Vec<u8>,
    /// Nothing was answered yet: the next message is covered with all that its signature says.
    first: bool,
    wrong: Option<Wrong>,
    asked_at: u64,
}

impl<'k> Conversation<'k> {
    /// Begins one: the first message is a question.
    ///
    /// ```
    /// use formats::tsig::{Algorithm, Conversation, Key, check};
    /// let key = Key::new("ours", Algorithm::HmacSha512, &[7; 64])?;
    /// let mut message = vec![0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    /// Conversation::begin(&key, 1).sign(&mut message, 1_700_000_000);
    /// let heard = check(&message, [&key], 1_700_000_010).unwrap().expect("it is signed");
    /// assert_eq!((heard.key().map(Key::name), heard.wrong()), (Some("ours".to_owned()), None));
    /// # Ok::<(), formats::tsig::BadKey>(())
    /// ```
    pub fn begin(key: &'k Key, id: u16) -> Self {
        let algorithm_name = wire(key.algorithm.name()).unwrap_or_default();
        let (key_name, before) = (key.name.clone(), Vec::new());
        Self { key: Some(key), key_name, algorithm_name, id, before, first: true, wrong: None, asked_at: 0 }
    }

    /// The key, once the signature is right.
    pub fn key(&self) -> Option<&'k Key> {
        self.key.filter(|_| self.wrong.is_none())
    }

    /// Why it is not; the answer is NOTAUTH (RFC 8945 §5.2), signed as far as that is possible.
    pub fn wrong(&self) -> Option<Wrong> {
        self.wrong
    }

    /// Signs the next message. Times are seconds since 1970.
    pub fn sign(&mut self, message: &mut Vec<u8>, now: u64) {
        let Some(more) = message.get(10..12).map(|two| u16::from_be_bytes([two[0], two[1]]).saturating_add(1)) else { return };
        let now48 = |time: u64| time.to_be_bytes()[2..].to_vec();
        // RFC 8945 §5.2.3: the time that was asked with, and ours beside it.
        let (time, other) = match self.wrong {
            Some(Wrong::Time) => (now48(self.asked_at), now48(now)),
            _ => (now48(now), Vec::new()),
        };
        let error = self.wrong.map_or(0, Wrong::code);
        let said = Said { time: &time, fudge: FUDGE, error, other: &other };
        let mac = match (self.key, self.wrong) {
            // RFC 8945 §5.2.1, §5.2.2: whoever cannot prove that it holds the key is proven nothing.
            (None, _) | (_, Some(Wrong::Key | Wrong::Signature)) => Vec::new(),
            (Some(key), _) => {
                let before = match self.before.as_slice() {
                    [] => Vec::new(),
                    before => [&u16::try_from(before.len()).unwrap_or(u16::MAX).to_be_bytes()[..], before].concat(),
                };
                let covered = if self.first { said.all(&self.key_name, &self.algorithm_name) } else { said.timers() };
                key.mac(&[&before, message, &covered])
            }
        };
        message[10..12].copy_from_slice(&more.to_be_bytes());
        let mut data = self.algorithm_name.clone();
        data.extend(&time);
        data.extend(FUDGE.to_be_bytes());
        data.extend(u16::try_from(mac.len()).unwrap_or(0).to_be_bytes());
        data.extend(&mac);
        data.extend(self.id.to_be_bytes());
        data.extend(error.to_be_bytes());
        data.extend(u16::try_from(other.len()).unwrap_or(0).to_be_bytes());
        data.extend(&other);
        message.extend(&self.key_name);
        message.extend(TSIG.to_be_bytes());
        message.extend(ANY.to_be_bytes());
        message.extend([0; 4]);
        message.extend(u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
        message.extend(data);
        self.before = mac;
        self.first = false;
    }
}

/// What a signature says beside itself.
struct Said<'a> {
    /// 48 bits.
    time: &'a [u8],
    fudge: u16,
    error: u16,
    other: &'a [u8],
}

impl Said<'_> {
    /// RFC 8945 §4.3.3.
    fn all(&self, key: &[u8], algorithm: &[u8]) -> Vec<u8> {
        let other = u16::try_from(self.other.len()).unwrap_or(u16::MAX);
        let head = [key, &ANY.to_be_bytes(), &[0; 4], algorithm].concat();
        [&head, &*self.timers(), &self.error.to_be_bytes(), &other.to_be_bytes(), self.other].concat()
    }

    /// RFC 8945 §5.3.1: all that further messages cover.
    fn timers(&self) -> Vec<u8> {
        [self.time, &self.fudge.to_be_bytes()].concat()
    }
}

/// Looks whether a question is signed, and whether rightly; `None` when it is not signed.
///
/// ```
/// let question = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// assert!(formats::tsig::check(&question, [], 0)?.is_none());
/// # Ok::<(), formats::tsig::Malformed>(())
/// ```
///
/// # Errors
/// When records cannot be told apart, or the signature is not the last of them.
pub fn check<'k>(message: &[u8], keys: impl IntoIterator<Item = &'k Key>, now: u64) -> Result<Option<Conversation<'k>>, Malformed> {
    let Some(record) = signature(message)? else { return Ok(None) };
    let Record { start, key_name, data } = record;
    let mut at = 0;
    let algorithm_name = read_name(data, &mut at)?;
    let mut take = |length: usize| {
        let taken = data.get(at..at + length).ok_or(Malformed)?;
        at += length;
        Ok::<_, Malformed>(taken)
    };
    let number = |two: &[u8]| u16::from_be_bytes([two[0], two[1]]);
    let time = take(6)?;
    let fudge = number(take(2)?);
    let length = number(take(2)?);
    let mac = take(length.into())?;
    let id = number(take(2)?);
    let error = number(take(2)?);
    let length = number(take(2)?);
    let other = take(length.into())?;
    if at != data.len() {
        return Err(Malformed);
    }
    let asked_at = time.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let key = keys.into_iter().find(|key| key.name == key_name && wire(key.algorithm.name()).as_ref() == Some(&algorithm_name));
    let mut heard = Conversation { key, key_name, algorithm_name, id, before: mac.to_vec(), first: true, wrong: None, asked_at };
    let Some(key) = key else {
        heard.wrong = Some(Wrong::Key);
        return Ok(Some(heard));
    };
    // As it was before it was signed: with the number it was sent under first, and one record fewer (RFC 8945 §4.3.2).
    let mut unsigned = message[..start].to_vec();
    unsigned[..2].copy_from_slice(&id.to_be_bytes());
    let fewer = number(&message[10..12]).saturating_sub(1);
    unsigned[10..12].copy_from_slice(&fewer.to_be_bytes());
    let covered = Said { time, fudge, error, other }.all(&heard.key_name, &heard.algorithm_name);
    let whole = key.mac(&[&unsigned, &covered]).len();
    if mac.len() > whole || mac.len() < 10.max(whole / 2) {
        return Err(Malformed);
    }
    heard.wrong = if mac.len() < whole {
        Some(Wrong::Truncated)
    } else if !key.is_mac(&[&unsigned, &covered], mac) {
        Some(Wrong::Signature)
    } else if now.abs_diff(asked_at) > u64::from(fudge) {
        Some(Wrong::Time)
    } else {
        None
    };
    if heard.wrong == Some(Wrong::Truncated) {
        // It proves too little to be answered under the key.
        heard.key = None;
    }
    Ok(Some(heard))
}

struct Record<'m> {
    start: usize,
    key_name: Vec<u8>,
    data: &'m [u8],
}

/// The signature at the end of a message.
fn signature(message: &[u8]) -> Result<Option<Record<'_>>, Malformed> {
    let number = |at: usize| message.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]])).ok_or(Malformed);
    let (questions, additional) = (number(4)?, number(10)?);
    let records = usize::from(number(6)?) + usize::from(number(8)?) + usize::from(additional);
    let mut at = 12;
    for _ in 0..questions {
        read_name(message, &mut at)?;
        at += 4;
    }
    for left in (0..records).rev() {
        let start = at;
        let key_name = read_name(message, &mut at)?;
        let (kind, class, length) = (number(at)?, number(at + 2)?, number(at + 8)?);
        let life = message.get(at + 4..at + 8).ok_or(Malformed)?;
        let data = message.get(at + 10..at + 10 + usize::from(length)).ok_or(Malformed)?;
        at += 10 + usize::from(length);
        if kind == TSIG {
            // RFC 8945 §5.1 and §4.2: the last record, of the additional ones; of class ANY, to be kept by nobody.
            let last = left == 0 && additional > 0 && at == message.len() && class == ANY && life == [0; 4];
            return if last { Ok(Some(Record { start, key_name, data })) } else { Err(Malformed) };
        }
    }
    Ok(None)
}

/// A name, as it travels uncompressed and in lower case; `at` moves behind it.
fn read_name(message: &[u8], at: &mut usize) -> Result<Vec<u8>, Malformed> {
    let mut name = Vec::new();
    let mut place = *at;
    let mut behind = None;
    loop {
        let length = *message.get(place).ok_or(Malformed)?;
        match length {
            0 => break,
            1..64 => {
                let label = message.get(place..place + 1 + usize::from(length)).ok_or(Malformed)?;
                name.extend(label.iter().map(u8::to_ascii_lowercase));
                place += label.len();
            }
            192.. => {
                let low = *message.get(place + 1).ok_or(Malformed)?;
                let to = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                behind.get_or_insert(place + 2);
                // Only backwards: then it ends.
                if to >= place {
                    return Err(Malformed);
                }
                place = to;
            }
            _ => return Err(Malformed),
        }
        if name.len() >= LONGEST_NAME {
            return Err(Malformed);
        }
    }
    name.push(0);
    *at = behind.unwrap_or(place + 1);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_795_000_000;

    fn key() -> Key {
        Key::new("Musubi.Alpha.", Algorithm::HmacSha256, b"sixteen bytes or more").unwrap()
    }

    /// A question for the SOA of `rpz.musubi`, number 258.
    fn question() -> Vec<u8> {
        let mut message = vec![1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        message.extend(wire("rpz.musubi").unwrap());
        message.extend([0, 6, 0, 1]);
        message
    }

    fn signed(key: &Key, at: u64) -> Vec<u8> {
        let mut message = question();
        Conversation::begin(key, 258).sign(&mut message, at);
        message
    }

    #[test]
    fn only_who_holds_the_key_and_only_now_is_believed() {
        let key = key();
        let message = signed(&key, NOW);
        let wrong = |message: &[u8], keys: &[&Key], now| check(message, keys.iter().copied(), now).unwrap().unwrap().wrong();
        assert_eq!(wrong(&message, &[&key], NOW + 300), None);
        assert_eq!(wrong(&message, &[&key], NOW + 301), Some(Wrong::Time));
        assert_eq!(wrong(&message, &[&key], NOW - 301), Some(Wrong::Time));
        assert_eq!(wrong(&message, &[], NOW), Some(Wrong::Key));
        let other = Key::new("musubi.alpha", Algorithm::HmacSha256, b"sixteen other bytes!").unwrap();
        assert_eq!(wrong(&message, &[&other], NOW), Some(Wrong::Signature));
        let longer = Key::new("musubi.alpha", Algorithm::HmacSha512, b"sixteen bytes or more").unwrap();
        assert_eq!(wrong(&message, &[&longer], NOW), Some(Wrong::Key), "a key is for one algorithm");
        // Who forwards a question gives it a number of its own.
        let forwarded = [&[9, 9], &message[2..]].concat();
        assert_eq!(wrong(&forwarded, &[&key], NOW), None);
        assert!(check(&question(), [&key], NOW).unwrap().is_none());
    }

    #[test]
    fn answers_cover_the_question_and_what_was_answered_before() {
        let key = key();
        let mut heard = check(&signed(&key, NOW), [&key], NOW).unwrap().unwrap();
        let asked = heard.before.clone();
        let (mut one, mut two) = (question(), question());
        heard.sign(&mut one, NOW);
        let first = heard.before.clone();
        heard.sign(&mut two, NOW + 1);
        let time = |now: u64| now.to_be_bytes()[2..].to_vec();
        let covered = |now, all: bool| {
            let time = time(now);
            let said = Said { time: &time, fudge: 300, error: 0, other: &[] };
            if all { said.all(&key.name, &wire("hmac-sha256").unwrap()) } else { said.timers() }
        };
        assert_eq!(first, key.mac(&[&[0, 32], &asked, &question(), &covered(NOW, true)]));
        assert_eq!(heard.before, key.mac(&[&[0, 32], &first, &question(), &covered(NOW + 1, false)]));
        assert_ne!(one, two);
    }

    #[test]
    fn a_refusal_is_signed_when_the_key_was_proven_and_says_what_time_it_is() {
        let key = key();
        let mac_of = |mut heard: Conversation<'_>| {
            let mut answer = question();
            heard.sign(&mut answer, NOW);
            let record = signature(&answer).unwrap().unwrap();
            (heard.before.len(), record.data[record.data.len() - 6..].to_vec())
        };
        let late = check(&signed(&key, NOW - 1000), [&key], NOW).unwrap().unwrap();
        assert_eq!(mac_of(late), (32, NOW.to_be_bytes()[2..].to_vec()));
        let unknown = check(&signed(&key, NOW), [], NOW).unwrap().unwrap();
        assert_eq!(mac_of(unknown).0, 0);
    }

    #[test]
    fn a_signature_anywhere_but_at_the_end_is_malformed() {
        let key = key();
        let mut message = signed(&key, NOW);
        message.push(0);
        assert_eq!(check(&message, [&key], NOW).unwrap_err(), Malformed);
        let twice = {
            let mut message = signed(&key, NOW);
            Conversation::begin(&key, 258).sign(&mut message, NOW);
            message
        };
        assert_eq!(check(&twice, [&key], NOW).unwrap_err(), Malformed);
    }

    #[test]
    fn keys_are_read_as_tsig_keygen_writes_them() {
        let text = |algorithm: &str, secret: &str| format!("key \"a.b\" {{\n\talgorithm {algorithm};\n\tsecret \"{secret}\";\n}};\n");
        let good = STANDARD.encode([1; 32]);
        let key = Key::read(&text("HMAC-SHA512", &good)).unwrap();
        assert_eq!((key.name().as_str(), key.algorithm), ("a.b", Algorithm::HmacSha512));
        assert!(!format!("{key:?}").contains(&good) && !format!("{key:?}").contains("[1, 1"));
        assert_eq!(Key::read(&text("hmac-md5", &good)), Err(BadKey::Algorithm("hmac-md5".into())));
        assert_eq!(Key::read(&text("hmac-sha256", "c2hvcnQ=")), Err(BadKey::Secret));
        assert_eq!(Key::read("zone {};"), Err(BadKey::Form));
        assert_eq!(Key::read(&text("hmac-sha256", &good).replace("a.b", "a..b")), Err(BadKey::Name("a..b".into())));
    }

    proptest! {
        #[test]
        fn whatever_is_changed_is_found_out(at in any::<prop::sample::Index>(), with in 1..=255u8) {
            let key = key();
            let mut message = signed(&key, NOW);
            let at = at.index(message.len());
            message[at] ^= with;
            // The number may change; letters of the names are the same in either case.
            if at > 1 && with != 0x20 {
                let heard = check(&message, [&key], NOW);
                prop_assert!(!matches!(heard, Ok(Some(ref heard)) if heard.wrong().is_none()), "{at} {heard:?}");
            }
        }

        #[test]
        fn no_bytes_make_it_panic(message in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = check(&message, [&key()], NOW);
            let _ = Key::read(&String::from_utf8_lossy(&message));
        }
    }
}
