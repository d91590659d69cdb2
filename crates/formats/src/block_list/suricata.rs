//! How is Suricata told what to watch for?
//!
//! Two ways. [`rules`]: a rule for each entry, with its reason in the alert, for up to some ten thousand. [`bulk`]: a handful of rules that look values up in
//! files (datasets, lists of hashes, IP reputation), for millions; the alert then names only the list. Everything alerts, nothing drops.
//!
//! A rule keeps its `sid` as long as it stands for the same thing: the number comes from a hash of that, and where two meet, the
//! one that was there before keeps it. `rev` rises when the words of a rule change. Both need the file that was given out before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{Entry, Head, Left, LeftOut, Value, Written, chosen, head, hexadecimal, why, written_network};
use crate::value;

/// Longest that one `content` may be.
const CONTENT_LIMIT: usize = 200;

/// The numbers that rules of ours have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sids {
    pub first: u32,
    pub count: u32,
}

/// Far above what is given to others (sidallocation.org), and so wide that two rules seldom meet.
impl Default for Sids {
    fn default() -> Self {
        Self { first: 3_000_000_000, count: 1_000_000_000 }
    }
}

/// How rules are made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    pub sids: Sids,
    /// Where the id of an indicator can be opened, without `https://`: `node.example/indicator`.
    pub reference: Option<&'a str>,
    /// The rules that were given out before, if any.
    pub before: Option<&'a str>,
}

/// A file that lies beside the rules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct File {
    pub name: &'static str,
    pub text: String,
}

/// Rules, and what they look up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Files {
    pub rules: Written,
    pub beside: Vec<File>,
}

/// Why no rules are made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("sids {first} and {count} more: there are none, fewer than rules, or more than 4294967295")]
    Sids { first: u32, count: u32 },
}

/// Files of hashes, and what a rule does with them.
const HASHES: [(&str, &str); 3] = [("filemd5", "musubi-md5.list"), ("filesha1", "musubi-sha1.list"), ("filesha256", "musubi-sha256.list")];
/// Names, for [`bulk`].
pub const NAMES: &str = "musubi-names.lst";
pub const CATEGORIES: &str = "musubi-categories.txt";
pub const REPUTATION: &str = "musubi-reputation.list";
/// The two ways, so that a rule about a list has another number in each.
const RULES: &str = "rules";
const BULK: &str = "bulk";
/// The name of the reputation category, and its number.
const CATEGORY: (&str, u8) = ("Musubi", 1);

/// A rule for each address, network, name, URL and certificate; hashes of files in lists beside.
///
/// ```
/// use formats::block_list::{Entry, Head, Value, suricata};
/// let value = Value::Name("evil.example");
/// let entry = Entry { value, id: [0; 16], because: &[], confidence: 80, expires: jiff::Timestamp::MAX, marked: false };
/// let files = suricata::rules(&[entry], suricata::Wish::default(), Head::default())?;
/// assert!(files.rules.text.contains("dns.query; dotprefix; content:\".evil.example\"; nocase; endswith;"));
/// assert_eq!(files.rules.text.lines().count(), 2); // when it is asked for, and when it is met in TLS
/// # Ok::<(), suricata::Error>(())
/// ```
///
/// # Errors
/// When there are not enough sids.
pub fn rules(entries: &[Entry<'_>], wish: Wish<'_>, top: Head<'_>) -> Result<Files, Error> {
    let mut left_out = Left::new();
    let some = chosen(entries, |value| !matches!(value, Value::MailAddress(_) | Value::FileName(_) | Value::Other { .. }), &mut left_out);
    let mut drafts = Vec::with_capacity(some.len() * 2);
    let mut hashes = [String::new(), String::new(), String::new()];
    let mut said = 0;
    for entry in some {
        said += 1;
        match entry.value {
            Value::Network(network) => {
                let there = written_network(network);
                let limit = "threshold:type limit, track by_src, seconds 3600, count 1;";
                drafts.push(Draft::about(entry, wish, "ip", format!("alert ip $HOME_NET any <> {there} any"), limit.into()));
            }
            Value::Name(name) => {
                let matches = format!("dotprefix; content:\".{name}\"; nocase; endswith;");
                let header = |protocol| format!("alert {protocol} $HOME_NET any -> any any");
                drafts.push(Draft::about(entry, wish, "dns", header("dns"), format!("dns.query; {matches}")));
                drafts.push(Draft::about(entry, wish, "tls", header("tls"), format!("tls.sni; {matches}")));
            }
            Value::Url(url) => match of_url(url) {
                Some((header, matches)) => drafts.push(Draft::about(entry, wish, "http", header, matches)),
                None => {
                    said -= 1;
                    *left_out.entry(LeftOut::Kind).or_default() += 1;
                }
            },
            // The engine knows certificates by SHA-1 only.
            Value::Certificate(print) if print.len() == 40 => {
                let pairs: Vec<&str> = print.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok()).collect();
                let matches = format!("tls.cert_fingerprint; content:\"{}\";", pairs.join("|3a|"));
                drafts.push(Draft::about(entry, wish, "cert", "alert tls any any -> any any".into(), matches));
            }
            Value::Md5(hash) => line(&mut hashes[0], hash),
            Value::Sha1(hash) => line(&mut hashes[1], hash),
            Value::Sha256(hash) => line(&mut hashes[2], hash),
            Value::Certificate(_) | Value::MailAddress(_) | Value::FileName(_) | Value::Other { .. } => {
                said -= 1;
                *left_out.entry(LeftOut::Kind).or_default() += 1;
            }
        }
    }
    let beside = of_hashes(RULES, hashes, &mut drafts);
    Ok(Files { rules: Written { text: numbered(drafts, wish, top)?, entries: said, left_out }, beside })
}

/// A few rules for all: names exactly as listed (not what is below), addresses and networks by reputation, hashes of files.
/// The settings that reputation needs stand in `docs/block-lists.md`.
///
/// ```
/// use formats::block_list::{Entry, Head, Value, suricata};
/// let value = Value::Name("evil.example");
/// let entry = Entry { value, id: [0; 16], because: &[], confidence: 80, expires: jiff::Timestamp::MAX, marked: false };
/// let files = suricata::bulk(&[entry], suricata::Wish::default(), Head::default())?;
/// assert_eq!((files.beside[0].name, files.beside[0].text.as_str()), (suricata::NAMES, "ZXZpbC5leGFtcGxl\n"));
/// # Ok::<(), suricata::Error>(())
/// ```
///
/// # Errors
/// When there are not enough sids.
pub fn bulk(entries: &[Entry<'_>], wish: Wish<'_>, top: Head<'_>) -> Result<Files, Error> {
    let mut left_out = Left::new();
    let sayable =
        |value: &Value<'_>| matches!(value, Value::Network(_) | Value::Name(_) | Value::Md5(_) | Value::Sha1(_) | Value::Sha256(_));
    let some = chosen(entries, sayable, &mut left_out);
    let (mut names, mut reputation) = (String::new(), String::new());
    let mut hashes = [String::new(), String::new(), String::new()];
    for entry in &some {
        match entry.value {
            Value::Name(name) => {
                STANDARD.encode_string(name, &mut names);
                names.push('\n');
            }
            Value::Network(network) => {
                let score = (u32::from(entry.confidence.min(100)) * 127 / 100).max(1);
                let _ = writeln!(reputation, "{},{},{score}", written_network(network), CATEGORY.1);
            }
            Value::Md5(hash) => line(&mut hashes[0], hash),
            Value::Sha1(hash) => line(&mut hashes[1], hash),
            Value::Sha256(hash) => line(&mut hashes[2], hash),
            _ => {}
        }
    }
    let (mut drafts, mut beside) = (Vec::new(), Vec::new());
    if !names.is_empty() {
        for (protocol, buffer) in [("dns", "dns.query"), ("tls", "tls.sni"), ("http", "http.host")] {
            let matches = format!("{buffer}; dataset:isset,musubi-names,type string,load {NAMES},memcap 512mb,hashsize 65536;");
            let header = format!("alert {protocol} $HOME_NET any -> any any");
            drafts.push(Draft::list(BULK, protocol, &format!("a name of the list {NAMES}"), header, matches));
        }
        beside.push(File { name: NAMES, text: names });
    }
    if !reputation.is_empty() {
        let matches = format!("iprep:any,{},>,0; threshold:type limit, track by_both, seconds 3600, count 1;", CATEGORY.0);
        drafts.push(Draft::list(
            BULK,
            "iprep",
            &format!("an address of the list {REPUTATION}"),
            "alert ip any any -> any any".into(),
            matches,
        ));
        beside.push(File { name: CATEGORIES, text: format!("{},{},Addresses of indicators\n", CATEGORY.1, CATEGORY.0) });
        beside.push(File { name: REPUTATION, text: reputation });
    }
    beside.extend(of_hashes(BULK, hashes, &mut drafts));
    Ok(Files { rules: Written { text: numbered(drafts, wish, top)?, entries: some.len(), left_out }, beside })
}

/// The names as a dataset of type `sha256`, for `dns.query; to_sha256; dataset:isset,…`: who watches for them need not be told what they are.
///
/// ```
/// use formats::block_list::{Entry, Value, suricata};
/// let value = Value::Name("evil.example");
/// let entry = Entry { value, id: [0; 16], because: &[], confidence: 80, expires: jiff::Timestamp::MAX, marked: false };
/// assert!(suricata::hashed_names(&[entry]).text.starts_with("9c180de0cd699ee7"));
/// ```
pub fn hashed_names(entries: &[Entry<'_>]) -> Written {
    let mut left_out = Left::new();
    let some = chosen(entries, |value| matches!(value, Value::Name(_)), &mut left_out);
    let mut hashes: Vec<[u8; 32]> = some.iter().map(|entry| Sha256::digest(entry.value.written().as_bytes()).into()).collect();
    // The order of the names would tell something of them.
    hashes.sort_unstable();
    let mut text = String::with_capacity(hashes.len() * 65);
    for hash in &hashes {
        hexadecimal(hash, &mut text);
        text.push('\n');
    }
    Written { text, entries: hashes.len(), left_out }
}

/// A rule without its number.
struct Draft {
    /// Of what it matches: names the rule from one file to the next.
    key: u64,
    /// Everything before `sid`.
    body: String,
}

impl Draft {
    fn about(entry: &Entry<'_>, wish: Wish<'_>, by: &str, header: String, matches: String) -> Self {
        let value = entry.value.written();
        let key = key(by, &value);
        let mut body = header;
        body.push_str(" (msg:\"Musubi ");
        let because = why(entry);
        let _ = write!(body, "{} ", entry.value.kind());
        message(&value, 120, &mut body);
        if !because.is_empty() {
            body.push_str(" - ");
            message(&because, super::WHY_LIMIT, &mut body);
        }
        let _ = write!(body, "\"; {matches} ");
        if let Some(place) =
            wish.reference.filter(|place| !place.is_empty() && place.bytes().all(|b| b.is_ascii_alphanumeric() || b"./-_:".contains(&b)))
        {
            let _ = write!(body, "reference:url,{place}/");
            hexadecimal(&entry.id, &mut body);
            body.push_str("; ");
        }
        let priority = match entry.confidence {
            _ if entry.marked => 3,
            80.. => 1,
            50..80 => 2,
            ..50 => 3,
        };
        let _ = write!(body, "priority:{priority}; metadata:musubi_key {key:016x}, indicator ");
        hexadecimal(&entry.id, &mut body);
        let expires = entry.expires.to_zoned(jiff::tz::TimeZone::UTC).date();
        let _ =
            write!(body, ", confidence {}, expires {:04}_{:02}_{:02};", entry.confidence, expires.year(), expires.month(), expires.day());
        Self { key, body }
    }

    fn list(file: &str, by: &str, what: &str, header: String, matches: String) -> Self {
        let key = key(file, by);
        Self { key, body: format!("{header} (msg:\"Musubi {what}\"; {matches} metadata:musubi_key {key:016x};") }
    }
}

fn key(by: &str, value: &str) -> u64 {
    let mut hash = Sha256::new();
    hash.update(by);
    hash.update([0]);
    hash.update(value);
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    u64::from_be_bytes(first)
}

fn of_hashes(file: &str, hashes: [String; 3], drafts: &mut Vec<Draft>) -> Vec<File> {
    let mut beside = Vec::new();
    for ((keyword, name), text) in HASHES.into_iter().zip(hashes) {
        if !text.is_empty() {
            let matches = format!("{keyword}:{name};");
            drafts.push(Draft::list(file, keyword, &format!("a file of the list {name}"), "alert tcp any any -> any any".into(), matches));
            beside.push(File { name, text });
        }
    }
    beside
}

fn line(list: &mut String, value: &str) {
    list.push_str(value);
    list.push('\n');
}

/// Host and path, exactly as they are sent. Of `https` they are seen only where TLS is opened.
fn of_url(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "http" | "https") {
        return None;
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let path = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let host = value::host_of(url)?.trim_end_matches('.');
    let port = value::port_of(url).map_or("any".to_owned(), |port| port.to_string());
    let mut matches = String::from("http.host; content:\"");
    content(host.as_bytes(), &mut matches);
    // An IPv6 address stands in brackets there, or does not.
    matches.push_str(if host.contains(':') { "\"; " } else { "\"; startswith; endswith; " });
    matches.push_str("http.uri.raw; content:\"");
    let bytes = path.as_bytes();
    if bytes.len() <= CONTENT_LIMIT {
        content(bytes, &mut matches);
        matches.push_str("\"; startswith; endswith;");
    } else {
        content(&bytes[..CONTENT_LIMIT], &mut matches);
        matches.push_str("\"; startswith; content:\"");
        content(&bytes[bytes.len() - CONTENT_LIMIT..], &mut matches);
        let _ = write!(matches, "\"; endswith; bsize:{};", bytes.len());
    }
    Some((format!("alert http $HOME_NET any -> any {port}"), matches))
}

/// Between the quotes of `content`: all but letters, digits and what cannot mean anything as bytes in hexadecimal.
fn content(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/' | b'-' | b'_' | b'=' | b'&' | b'?' | b'%' | b'+' | b'~') {
            out.push(byte as char);
        } else {
            let _ = write!(out, "|{byte:02x}|");
        }
    }
}

/// Between the quotes of `msg`: what ends an option there becomes what looks alike.
fn message(text: &str, most: usize, out: &mut String) {
    let mut one = String::new();
    super::words(text, most, &mut one);
    for c in one.chars() {
        out.push(match c {
            '"' => '\'',
            ';' => ',',
            '\\' => '/',
            c => c,
        });
    }
}

/// Gives each draft its number.
fn numbered(mut drafts: Vec<Draft>, wish: Wish<'_>, top: Head<'_>) -> Result<String, Error> {
    let Sids { first, count } = wish.sids;
    let wrong = || Error::Sids { first, count };
    if first == 0 || first.checked_add(count).is_none() || drafts.len() > count as usize {
        return Err(wrong());
    }
    drafts.sort_by(|a, b| (a.key, &a.body).cmp(&(b.key, &b.body)));
    drafts.dedup_by_key(|draft| draft.key);
    let before = known(wish.before.unwrap_or_default());
    let ours = |sid: u32| (first..first + count).contains(&sid);
    let kept = |draft: &Draft| before.get(&draft.key).filter(|known| ours(known.sid));
    let mut taken: BTreeSet<u32> = drafts.iter().filter_map(|draft| Some(kept(draft)?.sid)).collect();
    // A file that somebody edited may have one number twice: the first keeps it.
    let mut given = BTreeSet::new();
    let mut lines = Vec::with_capacity(drafts.len());
    for draft in &drafts {
        let (sid, rev) = match kept(draft) {
            Some(known) if given.insert(known.sid) => {
                (known.sid, if known.body == draft.body { known.rev } else { known.rev.saturating_add(1) })
            }
            _ => {
                let mut sid = first + (draft.key % u64::from(count)) as u32;
                while !taken.insert(sid) {
                    sid = if sid - first + 1 == count { first } else { sid + 1 };
                }
                (sid, 1)
            }
        };
        lines.push((sid, rev, draft));
    }
    let mut text = String::with_capacity(lines.iter().map(|(_, _, draft)| draft.body.len() + 32).sum());
    head("#", top, &mut text);
    lines.sort_unstable_by_key(|(sid, ..)| *sid);
    for (sid, rev, draft) in lines {
        let _ = writeln!(text, "{} sid:{sid}; rev:{rev};)", draft.body);
    }
    Ok(text)
}

struct Known<'t> {
    sid: u32,
    rev: u32,
    body: &'t str,
}

/// The rules of ours in a file that [`rules`] or [`bulk`] wrote; whatever else is in it is passed over.
fn known(text: &str) -> BTreeMap<u64, Known<'_>> {
    let one = |line| -> Option<(u64, Known<'_>)> {
        let (body, numbers) = str::rsplit_once(line, " sid:")?;
        let (sid, rev) = numbers.strip_suffix(";)")?.split_once("; rev:")?;
        let (_, key) = body.rsplit_once("metadata:musubi_key ")?;
        let key = u64::from_str_radix(key.get(..16)?, 16).ok()?;
        Some((key, Known { sid: sid.parse().ok()?, rev: rev.parse().ok()?, body }))
    };
    text.lines().take(2 * super::ENTRIES_LIMIT).filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::made_up;
    use super::*;

    fn entry<'a>(value: Value<'a>, because: &'a [String]) -> Entry<'a> {
        Entry { value, id: [1; 16], because, confidence: 50, expires: jiff::Timestamp::from_second(1_800_000_000).unwrap(), marked: false }
    }

    fn numbers(text: &str) -> Vec<(u64, u32, u32)> {
        known(text).into_iter().map(|(key, known)| (key, known.sid, known.rev)).collect()
    }

    #[test]
    fn a_rule_keeps_its_number_and_counts_its_changes() {
        let (old, new) = (["one".to_owned()], ["two".to_owned()]);
        let sids = Sids { first: 10, count: 8 };
        let names: Vec<String> = (0..4).map(|n| format!("n{n}.example")).collect();
        let wish = Wish { sids, ..Wish::default() };
        let three: Vec<_> = names[..3].iter().map(|name| entry(Value::Name(name), &old)).collect();
        let first = rules(&three, wish, Head::default()).unwrap().rules.text;
        assert_eq!(numbers(&first).len(), 6);
        let mut four: Vec<_> = names.iter().map(|name| entry(Value::Name(name), &old)).collect();
        four[0].because = &new;
        let second = rules(&four, Wish { before: Some(&first), ..wish }, Head::default()).unwrap().rules.text;
        let (before, after) = (numbers(&first), numbers(&second));
        assert_eq!(after.len(), 8);
        let of = |key: u64| after.iter().find(|(other, ..)| *other == key).unwrap();
        assert!(before.iter().all(|(key, sid, _)| of(*key).1 == *sid));
        assert_eq!(before.iter().filter(|(key, _, rev)| of(*key).2 == rev + 1).count(), 2);
        let all: BTreeSet<u32> = after.iter().map(|(_, sid, _)| *sid).collect();
        assert_eq!(all, (10..18).collect());
        assert!(matches!(rules(&four, Wish { sids: Sids { first: 1, count: 7 }, ..wish }, Head::default()), Err(Error::Sids { .. })));
    }

    #[test]
    fn a_url_is_matched_as_it_is_sent() {
        let of = |url| of_url(url).unwrap();
        assert_eq!(
            of("http://evil.example").1,
            "http.host; content:\"evil.example\"; startswith; endswith; http.uri.raw; content:\"/\"; startswith; endswith;"
        );
        assert!(of("http://u@evil.example:81/a;b\"|c#d").1.ends_with("content:\"/a|3b|b|22||7c|c\"; startswith; endswith;"));
        assert!(of("http://u@evil.example:81/").0.ends_with("-> any 81"));
        assert!(of(&format!("http://e.example/{}", "a".repeat(500))).1.ends_with("endswith; bsize:501;"));
        assert_eq!(of_url("ftp://evil.example/"), None);
    }

    proptest! {
        #[test]
        fn every_rule_is_one_line_with_one_end(owned in made_up::entries(), reversed: bool) {
            let mut entries: Vec<_> = owned.iter().map(made_up::Owned::entry).collect();
            let wish = Wish { reference: Some("node.example/indicator"), ..Wish::default() };
            let files = rules(&entries, wish, Head::default()).unwrap();
            prop_assert_eq!(files.rules.entries as u64 + files.rules.left_out.values().sum::<u64>(), entries.len() as u64);
            let text = &files.rules.text;
            prop_assert_eq!(known(text).len(), text.lines().count());
            for line in text.lines() {
                prop_assert!(line.starts_with("alert ") && line.ends_with(";)"));
                // Outside of quotes nothing but options; inside of them nothing that ends one.
                for (number, part) in line.split('"').enumerate() {
                    prop_assert!(number % 2 == 0 || !part.contains([';', '\\', '\n']), "{}", line);
                }
                prop_assert_eq!(line.matches('"').count() % 2, 0);
            }
            prop_assert_eq!(&rules(&entries, Wish { before: Some(text), ..wish }, Head::default()).unwrap(), &files);
            if reversed {
                entries.reverse();
                prop_assert_eq!(&rules(&entries, wish, Head::default()).unwrap().rules.text, text);
            }
            let bulk = bulk(&entries, wish, Head::default()).unwrap();
            prop_assert_eq!(bulk.rules.entries as u64 + bulk.rules.left_out.values().sum::<u64>(), entries.len() as u64);
        }
    }
}
