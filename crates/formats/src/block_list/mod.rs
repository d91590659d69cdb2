//! How do resolvers, firewalls and detection engines want to be told what to block or watch for?
//!
//! One [`Entry`] is what all of them need; each file here writes one format. What comes from outside (values, reasons) can end no
//! line, quote or rule: values are checked for what they claim to be, words lose what could be read as anything but words. The same entries in any
//! order give the same bytes, so a hash of the file says whether anything changed; therefore no file tells when it was made.
//!
//! [`rpz`] for DNS resolvers ([`rpz_read`] reads it back, [`zone_serial`] and [`zone_transfer`] let it be served), [`suricata`] and [`zeek_intel`]
//! for detection, [`nftables`] for firewalls, [`hosts`] for single machines, [`text`] for everything else.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::value::{self, Network};

pub mod hosts;
pub mod intervals;
pub mod nftables;
pub mod rpz;
pub mod rpz_read;
pub mod suricata;
pub mod text;
pub mod zeek_intel;
pub mod zone_serial;
pub mod zone_transfer;

/// Entries that one file takes.
pub const ENTRIES_LIMIT: usize = 5_000_000;
/// Characters of the reasons that stand beside an entry.
pub const WHY_LIMIT: usize = 160;
/// Lines of the head, and characters of each.
const HEAD_LINES: usize = 20;
const HEAD_LIMIT: usize = 300;

/// What is to be blocked or watched for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Value<'a> {
    /// A lone address is a network of one.
    Network(Network),
    /// A host name of at least two labels, as [`value::fqdn`] writes it.
    Name(&'a str),
    Url(&'a str),
    MailAddress(&'a str),
    /// Hashes of files, in hexadecimal.
    Md5(&'a str),
    Sha1(&'a str),
    Sha256(&'a str),
    FileName(&'a str),
    /// Fingerprint of an X.509 certificate, in hexadecimal without colons; its length tells the hash.
    Certificate(&'a str),
    /// What only lists for people can say.
    Other {
        kind: &'a str,
        value: &'a str,
    },
}

/// One of the list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry<'a> {
    pub value: Value<'a>,
    /// Of the indicator: the same as long as it stands for the same.
    pub id: [u8; 16],
    /// In words, the decisive one first.
    pub because: &'a [String],
    /// 0 to 100.
    pub confidence: u8,
    pub expires: Timestamp,
    /// Somebody should look before it is blocked.
    pub marked: bool,
}

/// What stands at the top of a file, as comments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    pub title: &'a str,
    /// For whom, under which terms, whom to ask.
    pub notes: &'a [String],
}

/// Why an entry is not in a file.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LeftOut {
    /// The format has no word for its kind.
    Kind,
    /// It is not what its kind says, or has characters that the format cannot carry.
    Malformed,
    /// It, or it with the name of the zone, is longer than the format allows.
    TooLong,
    /// Another entry says it too: nothing is lost.
    Covered,
    /// Its time is over.
    Expired,
    /// There are [`ENTRIES_LIMIT`] already.
    Full,
}

impl LeftOut {
    /// ```
    /// use formats::block_list::LeftOut;
    /// assert_eq!(LeftOut::Covered.as_str(), "covered");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "no-such-kind",
            Self::Malformed => "malformed",
            Self::TooLong => "too-long",
            Self::Covered => "covered",
            Self::Expired => "expired",
            Self::Full => "file-full",
        }
    }
}

/// How many are not in a file, by reason.
pub type Left = BTreeMap<LeftOut, u64>;

/// A file, and what is in it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Written {
    pub text: String,
    pub entries: usize,
    pub left_out: Left,
}

impl Value<'_> {
    /// What it is, in the words of our indicators.
    ///
    /// ```
    /// use formats::block_list::Value;
    /// assert_eq!(Value::Name("evil.example").kind(), "domain");
    /// ```
    pub fn kind(&self) -> &str {
        match self {
            Self::Network(network) if is_address(*network) => "address",
            Self::Network(_) => "network",
            Self::Name(_) => "domain",
            Self::Url(_) => "url",
            Self::MailAddress(_) => "mail-address",
            Self::Md5(_) => "md5",
            Self::Sha1(_) => "sha1",
            Self::Sha256(_) => "sha256",
            Self::FileName(_) => "file-name",
            Self::Certificate(_) => "certificate",
            Self::Other { kind, .. } => kind,
        }
    }

    /// As it stands in a list: a lone address has no length.
    ///
    /// ```
    /// use formats::block_list::Value;
    /// use formats::value::network;
    /// assert_eq!(Value::Network(network("192.0.2.1").unwrap()).written(), "192.0.2.1");
    /// ```
    pub fn written(&self) -> Cow<'_, str> {
        match *self {
            Self::Network(network) => Cow::Owned(written_network(network)),
            Self::Name(text) | Self::Url(text) | Self::MailAddress(text) | Self::FileName(text) | Self::Certificate(text) => text.into(),
            Self::Md5(text) | Self::Sha1(text) | Self::Sha256(text) | Self::Other { value: text, .. } => text.into(),
        }
    }

    /// It is what it says, in the one spelling in which we write it.
    fn well_formed(&self) -> bool {
        let hexadecimal =
            |text: &str, digits: &[usize]| digits.contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match self {
            Self::Network(_) => true,
            // A name without a dot is a machine at home or a whole top-level domain.
            Self::Name(name) => name.contains('.') && is_name(name),
            Self::Url(url) => value::url(url).is_some_and(|known| known == *url) && !url.contains(breaks),
            Self::MailAddress(address) => address.contains('@') && !address.contains(|c: char| breaks(c) || c.is_whitespace()),
            Self::Md5(hash) => hexadecimal(hash, &[32]),
            Self::Sha1(hash) => hexadecimal(hash, &[40]),
            Self::Sha256(hash) => hexadecimal(hash, &[64]),
            Self::Certificate(hash) => hexadecimal(hash, &[32, 40, 64]),
            Self::FileName(name) => !name.is_empty() && !name.contains(breaks),
            Self::Other { kind, value } => !value.is_empty() && !value.contains(breaks) && !kind.contains(breaks),
        }
    }
}

fn is_address(network: Network) -> bool {
    network.length() == if network.address().is_ipv4() { 32 } else { 128 }
}

fn written_network(network: Network) -> String {
    if is_address(network) { network.address().to_string() } else { network.to_string() }
}

fn is_name(name: &str) -> bool {
    matches!(value::fqdn(name), Some(Cow::Borrowed(known)) if known.len() == name.len())
}

/// Ends a line somewhere, or turns the direction in which it is read.
fn breaks(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Words of others on one line: what [`breaks`] becomes a space, after so many characters it ends with an ellipsis.
fn words(text: &str, most: usize, out: &mut String) {
    for (number, c) in text.trim().chars().enumerate() {
        if number == most {
            out.push('…');
            return;
        }
        out.push(if breaks(c) { ' ' } else { c });
    }
}

/// The reasons of an entry on one line.
fn why(entry: &Entry<'_>) -> String {
    let mut all = String::new();
    for (number, reason) in entry.because.iter().take(16).enumerate() {
        if number > 0 {
            all.push_str("; ");
        }
        all.extend(reason.chars().take(WHY_LIMIT + 1));
    }
    let mut one = String::new();
    words(&all, WHY_LIMIT, &mut one);
    one
}

/// The head, each line behind this mark.
fn head(mark: &str, head: Head<'_>, out: &mut String) {
    for line in std::iter::once(head.title).chain(head.notes.iter().map(String::as_str)).take(HEAD_LINES) {
        if line.trim().is_empty() {
            continue;
        }
        out.push_str(mark);
        out.push(' ');
        words(line, HEAD_LIMIT, out);
        out.push('\n');
    }
}

fn hexadecimal(bytes: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)] as char);
        out.push(DIGITS[usize::from(byte & 15)] as char);
    }
}

/// What a format can say of a list: sorted, each value once with its latest expiry, the rest counted.
fn chosen<'e, 'a>(entries: &'e [Entry<'a>], sayable: impl Fn(&Value<'a>) -> bool, left_out: &mut Left) -> Vec<&'e Entry<'a>> {
    let mut count = |why| *left_out.entry(why).or_default() += 1;
    let mut chosen: Vec<&Entry<'a>> = Vec::with_capacity(entries.len().min(ENTRIES_LIMIT));
    for entry in entries {
        if !sayable(&entry.value) {
            count(LeftOut::Kind);
        } else if !entry.value.well_formed() {
            count(LeftOut::Malformed);
        } else {
            chosen.push(entry);
        }
    }
    // Everything takes part in the order, so that the order in which they came cannot.
    chosen.sort_by(|a, b| {
        let order = |entry: &Entry<'a>| (std::cmp::Reverse(entry.expires), entry.marked, std::cmp::Reverse(entry.confidence), entry.id);
        a.value.cmp(&b.value).then_with(|| order(a).cmp(&order(b))).then_with(|| a.because.cmp(b.because))
    });
    let before = chosen.len();
    chosen.dedup_by(|a, b| a.value == b.value);
    for _ in chosen.len()..before {
        count(LeftOut::Covered);
    }
    for _ in ENTRIES_LIMIT..chosen.len() {
        count(LeftOut::Full);
    }
    chosen.truncate(ENTRIES_LIMIT);
    chosen
}

#[cfg(test)]
pub(crate) mod made_up {
    //! Entries for the tests of all formats.

    use proptest::prelude::*;

    use super::*;

    /// The parts of an entry, owned.
    #[derive(Clone, Debug)]
    pub(crate) struct Owned {
        pub(crate) kind: u8,
        pub(crate) value: String,
        pub(crate) because: Vec<String>,
        pub(crate) confidence: u8,
        pub(crate) hours: i64,
        pub(crate) marked: bool,
    }

    impl Owned {
        pub(crate) fn entry(&self) -> Entry<'_> {
            let text = self.value.as_str();
            let value = match (self.kind, value::network(text)) {
                (0, Some(network)) => Value::Network(network),
                (0 | 1, _) => Value::Name(text),
                (2, _) => Value::Url(text),
                (3, _) => Value::MailAddress(text),
                (4, _) => Value::Md5(text),
                (5, _) => Value::Sha1(text),
                (6, _) => Value::Sha256(text),
                (7, _) => Value::FileName(text),
                (8, _) => Value::Certificate(text),
                _ => Value::Other { kind: "ssdeep", value: text },
            };
            let mut id = [0; 16];
            id.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
            let expires = Timestamp::from_second(1_800_000_000 + self.hours * 3_600).unwrap();
            Entry { value, id, because: &self.because, confidence: self.confidence, expires, marked: self.marked }
        }
    }

    pub(crate) fn entries() -> impl Strategy<Value = Vec<Owned>> {
        let name = "[a-c]{1,2}(\\.[a-c]{1,2}){0,3}\\.example";
        let texts = prop_oneof![
            "10\\.[0-3]\\.[0-3]\\.[0-9]{1,2}(/(8|16|22|23|24|30|31|32))?",
            "2001:db8:[0-3]::[0-3](/(32|48|64|127))?",
            name,
            "https?://[a-c]{1,2}\\.example(:8080)?(/[a-z;\"\\\\|:%]{0,6})?",
            "[0-9a-f]{32}",
            "[0-9a-f]{40}",
            "[0-9a-f]{64}",
            "\\PC{0,40}",
            "[ -~\\n\\r\\t\\x00\u{2028}]{0,30}",
        ];
        let because = prop::collection::vec("[ -~\\n\\r\\t\u{2028}日é]{0,40}", 0..3);
        let one = (0_u8..10, texts, because, 0_u8..=100, 1_i64..100, any::<bool>());
        let one =
            one.prop_map(|(kind, value, because, confidence, hours, marked)| Owned { kind, value, because, confidence, hours, marked });
        prop::collection::vec(one, 0..20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_stay_on_their_line() {
        let mut out = String::new();
        words(" a\r\nb\u{2028}c\u{202e}d\u{0}", 6, &mut out);
        assert_eq!(out, "a  b c…");
    }

    #[test]
    fn what_is_not_what_it_claims_to_be_is_left_out() {
        for value in [
            Value::Name("evil.example\nok.example"),
            Value::Name("Evil.example"),
            Value::Name("evil.example."),
            Value::Name(" evil.example"),
            Value::Name("localhost"),
            Value::Url("http://evil.example/\u{2028}"),
            Value::Url("evil.example"),
            Value::Md5("44D88612FEA8A8F36DE82E1278ABB02F"),
            Value::FileName("a\tb"),
            Value::FileName(""),
        ] {
            assert!(!value.well_formed(), "{value:?}");
        }
    }
}
