//! Reads a response policy zone from a master file (RFC 1035 §5): ours back again, and those of others as far as they say what we can say.
//!
//! Rules that lead to records of their own (`A`, `AAAA`), that look at who asks or at name servers, and whatever is no rule, are set aside with their
//! line; the rest of the file is read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::rpz::{Action, NAME_LIMIT, Reasons, Rule, Soa, Trigger, WHY_LABEL, Zone};
use super::{ENTRIES_LIMIT, is_name};
use crate::value::{self, Network};

/// Bytes of the longest file that is read.
pub const FILE_LIMIT: usize = 1 << 30;
/// Bytes of one record, and its words.
const RECORD_LIMIT: usize = 8_192;
const WORDS_LIMIT: usize = 64;
/// Set aside and named; more are only counted.
const NAMED_LIMIT: usize = 1_000;

/// What was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Read {
    pub zone: Zone,
    pub set_aside: Vec<SetAside>,
    /// More were set aside than are named.
    pub set_aside_more: u64,
}

/// A record that is no rule of ours.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct SetAside {
    /// From 1.
    pub line: usize,
    pub reason: &'static str,
}

/// Why a file is no zone.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("a file of {0} bytes, more than {FILE_LIMIT} are not read")]
    TooLong(usize),
    #[error("no text: byte {0} is not UTF-8")]
    NotText(usize),
    #[error("line {line}: a record of more than {RECORD_LIMIT} bytes or {WORDS_LIMIT} words")]
    Record { line: usize },
    #[error("line {line}: a quote or bracket that is not closed, or is not open")]
    Open { line: usize },
    #[error("line {line}: no name of the zone: neither $ORIGIN nor an absolute name before the SOA")]
    Origin { line: usize },
    #[error("line {line}: the SOA cannot be read")]
    Soa { line: usize },
    #[error("no SOA record: not a zone")]
    NoSoa,
    #[error("more than {} rules", 2 * ENTRIES_LIMIT)]
    TooMany,
}

/// ```
/// use formats::block_list::rpz::{Action, Trigger};
/// use formats::block_list::rpz_read::read;
/// let text = b"$ORIGIN rpz.example.\n@ SOA localhost. root.localhost. 7 1h 600 1w 60\n\n*.evil.example CNAME . ; why\n32.1.2.0.192.rpz-ip CNAME *.\n";
/// let zone = read(text)?.zone;
/// assert_eq!((zone.soa.serial, zone.soa.expire), (7, 604_800));
/// assert_eq!(zone.rules[0].trigger, Trigger::Below("evil.example".into()));
/// assert_eq!(zone.rules[1].action, Action::Nodata);
/// # Ok::<(), formats::block_list::rpz_read::Error>(())
/// ```
///
/// # Errors
/// When it is no zone, or too much of one.
pub fn read(file: &[u8]) -> Result<Read, Error> {
    if file.len() > FILE_LIMIT {
        return Err(Error::TooLong(file.len()));
    }
    let text = std::str::from_utf8(file).map_err(|error| Error::NotText(error.valid_up_to()))?;
    let mut records = Records { text, line: 1 };
    let mut reader = Reader::default();
    while let Some(record) = records.next()? {
        reader.record(&record)?;
    }
    let (Some(origin), Some(soa)) = (reader.zone, reader.soa) else { return Err(Error::NoSoa) };
    let zone = Zone {
        origin,
        soa,
        name_server: reader.name_server.unwrap_or_else(|| "localhost".into()),
        ttl: reader.ttl.unwrap_or(0),
        rules: reader.rules,
        reasons: if reader.told { Reasons::Txt } else { Reasons::Comments },
    };
    Ok(Read { zone, set_aside: reader.set_aside, set_aside_more: reader.set_aside_more })
}

/// One record or directive, in words.
struct Record {
    line: usize,
    /// It begins with blanks: the owner is that of the record before.
    same_owner: bool,
    words: Vec<Word>,
}

struct Word {
    text: String,
    quoted: bool,
}

struct Records<'t> {
    text: &'t str,
    line: usize,
}

impl Records<'_> {
    fn next(&mut self) -> Result<Option<Record>, Error> {
        loop {
            let Some(record) = self.one()? else { return Ok(None) };
            if !record.words.is_empty() {
                return Ok(Some(record));
            }
        }
    }

    /// To the end of the line, or of the line where the last bracket closes.
    fn one(&mut self) -> Result<Option<Record>, Error> {
        if self.text.is_empty() {
            return Ok(None);
        }
        let bytes = self.text.as_bytes();
        let mut record = Record { line: self.line, same_owner: matches!(bytes[0], b' ' | b'\t'), words: Vec::new() };
        let (mut at, mut brackets) = (0, 0_u32);
        let open = |line| Error::Open { line };
        while at < bytes.len() {
            match bytes[at] {
                b'\n' => {
                    self.line += 1;
                    at += 1;
                    if brackets == 0 {
                        break;
                    }
                }
                b';' => at += memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at),
                b'(' => (brackets, at) = (brackets + 1, at + 1),
                b')' => (brackets, at) = (brackets.checked_sub(1).ok_or(open(self.line))?, at + 1),
                b' ' | b'\t' | b'\r' => at += 1,
                b'"' => {
                    let (text, length) = unquoted(&bytes[at + 1..]).ok_or(open(self.line))?;
                    record.words.push(Word { text, quoted: true });
                    at += length + 1;
                }
                _ => {
                    let end = bytes[at..].iter().position(|b| matches!(b, b'\n' | b';' | b'(' | b')' | b' ' | b'\t' | b'\r' | b'"'));
                    let end = end.map_or(bytes.len(), |length| at + length);
                    if end - at > RECORD_LIMIT {
                        return Err(Error::Record { line: record.line });
                    }
                    record.words.push(Word { text: self.text[at..end].to_owned(), quoted: false });
                    at = end;
                }
            }
            if record.words.len() > WORDS_LIMIT || brackets > 1_000 {
                return Err(Error::Record { line: record.line });
            }
        }
        if brackets > 0 {
            return Err(open(record.line));
        }
        self.text = &self.text[at..];
        Ok(Some(record))
    }
}

/// What stands before the closing quote, and how many bytes that and the quote are. `\DDD` is a byte, `\X` is X.
fn unquoted(bytes: &[u8]) -> Option<(String, usize)> {
    let (mut out, mut at) = (Vec::new(), 0);
    loop {
        match (*bytes.get(at)?, out.len()) {
            (b'"', _) => return Some((String::from_utf8_lossy(&out).into_owned(), at + 1)),
            (b'\n', _) | (_, RECORD_LIMIT..) => return None,
            (b'\\', _) => {
                let digits = bytes.get(at + 1..at + 4).filter(|digits| digits.iter().all(u8::is_ascii_digit));
                match digits {
                    Some(digits) => {
                        let number = digits.iter().fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
                        out.push(u8::try_from(number).ok()?);
                        at += 4;
                    }
                    None => {
                        out.push(*bytes.get(at + 1).filter(|&&b| b != b'\n')?);
                        at += 2;
                    }
                }
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
}

#[derive(Default)]
struct Reader {
    /// What relative names are relative to, and the name of the zone, both without the root's dot.
    origin: Option<String>,
    zone: Option<String>,
    owner: Option<String>,
    soa: Option<Soa>,
    name_server: Option<String>,
    ttl: Option<u32>,
    rules: Vec<Rule>,
    told: bool,
    set_aside: Vec<SetAside>,
    set_aside_more: u64,
}

impl Reader {
    fn record(&mut self, record: &Record) -> Result<(), Error> {
        let line = record.line;
        let mut words = record.words.iter();
        let first = &record.words[0];
        if first.text.starts_with('$') && !first.quoted {
            let argument = record.words.get(1).map(|word| word.text.as_str());
            match (first.text.as_str(), argument) {
                ("$ORIGIN", Some(name)) => match self.absolute(name) {
                    Some(name) => self.origin = Some(name),
                    None => return Err(Error::Origin { line }),
                },
                ("$TTL", Some(time)) => self.ttl = seconds(time),
                _ => self.aside(line, "a directive that is not known here"),
            }
            return Ok(());
        }
        if !record.same_owner {
            let Some(owner) = words.next().and_then(|word| self.absolute(&word.text)) else {
                if self.soa.is_none() {
                    return Err(Error::Origin { line });
                }
                self.owner = None;
                self.aside(line, "a name that cannot be read");
                return Ok(());
            };
            self.owner = Some(owner);
        }
        // TTL and class may stand in any order, or not at all.
        let mut rest = words.as_slice();
        while let Some(word) = rest.first()
            && (word.text.eq_ignore_ascii_case("in") || seconds(&word.text).is_some())
        {
            rest = &rest[1..];
        }
        let (Some(owner), Some((kind, data))) = (self.owner.clone(), rest.split_first()) else {
            self.aside(line, "not a whole record");
            return Ok(());
        };
        match kind.text.to_ascii_uppercase().as_str() {
            "SOA" => self.start(owner, data, line),
            "NS" => {
                if Some(&owner) == self.zone.as_ref()
                    && self.name_server.is_none()
                    && let Some(server) = data.first().and_then(|word| self.absolute(&word.text)).filter(|server| is_name(server))
                {
                    self.name_server = Some(server);
                }
                Ok(())
            }
            "CNAME" => self.rule(&owner, data, line),
            "TXT" => {
                self.reason(&owner, data, line);
                Ok(())
            }
            _ => {
                self.aside(line, "a record of another type: local answers are not read");
                Ok(())
            }
        }
    }

    fn start(&mut self, owner: String, data: &[Word], line: usize) -> Result<(), Error> {
        if self.soa.is_some() {
            self.aside(line, "a second SOA");
            return Ok(());
        }
        let wrong = || Error::Soa { line };
        let [primary, mailbox, serial, times @ ..] = data else { return Err(wrong()) };
        let name = |word: &Word| self.absolute(&word.text).filter(|name| is_name(name)).ok_or_else(wrong);
        let times: Vec<u32> = times.iter().map_while(|word| seconds(&word.text)).collect();
        let [refresh, retry, expire, minimum] = times[..] else { return Err(wrong()) };
        let serial = serial.text.parse().map_err(|_| wrong())?;
        self.soa = Some(Soa { primary: name(primary)?, mailbox: name(mailbox)?, serial, refresh, retry, expire, minimum });
        if !is_name(&owner) {
            return Err(wrong());
        }
        self.origin.get_or_insert_with(|| owner.clone());
        self.zone = Some(owner);
        Ok(())
    }

    fn rule(&mut self, owner: &str, data: &[Word], line: usize) -> Result<(), Error> {
        let Some(inside) = self.inside(owner) else {
            self.aside(line, "a name outside of the zone");
            return Ok(());
        };
        let target = match data {
            [target] if target.text == "." || target.text == "*." => Some(target.text.clone()),
            [target] => self.absolute(&target.text).map(|name| name + "."),
            _ => None,
        };
        let Some(action) = target.as_deref().and_then(Action::of_target) else {
            self.aside(line, "a CNAME to what is no action of ours");
            return Ok(());
        };
        match trigger(inside) {
            Ok(trigger) if self.rules.len() < 2 * ENTRIES_LIMIT => self.rules.push(Rule { trigger, action, why: String::new() }),
            Ok(_) => return Err(Error::TooMany),
            Err(reason) => self.aside(line, reason),
        }
        Ok(())
    }

    /// Told of the rule before, as we write it.
    fn reason(&mut self, owner: &str, data: &[Word], line: usize) {
        let about = self.inside(owner).and_then(|name| name.strip_prefix(WHY_LABEL)?.strip_prefix('.')).map(str::to_owned);
        match (about, self.rules.last_mut()) {
            (Some(name), Some(rule)) if rule.trigger == Trigger::Name(name.clone()) => {
                rule.why = data.iter().map(|word| word.text.as_str()).collect();
                self.told = true;
            }
            _ => self.aside(line, "a text that is no reason of the rule before it"),
        }
    }

    /// Without the name of the zone.
    fn inside<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.strip_suffix(self.zone.as_deref()?)?.strip_suffix('.')
    }

    /// In lower case, without the root's dot.
    fn absolute(&self, name: &str) -> Option<String> {
        let name = name.to_ascii_lowercase();
        let whole = match (name.strip_suffix('.'), &self.origin) {
            (Some(whole), _) => whole.to_owned(),
            (None, Some(origin)) if name == "@" => origin.clone(),
            (None, Some(origin)) => format!("{name}.{origin}"),
            (None, None) => return None,
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'*');
        let labels = |whole: &str| whole.split('.').all(|label| (1..=63).contains(&label.len()) && label.bytes().all(plain));
        (whole.len() <= NAME_LIMIT && labels(&whole)).then_some(whole)
    }

    fn aside(&mut self, line: usize, reason: &'static str) {
        if self.set_aside.len() < NAMED_LIMIT {
            self.set_aside.push(SetAside { line, reason });
        } else {
            self.set_aside_more += 1;
        }
    }
}

fn trigger(owner: &str) -> Result<Trigger, &'static str> {
    if let Some(written) = owner.strip_suffix(".rpz-ip") {
        return network(written).map(Trigger::Answer).ok_or("no network before rpz-ip");
    }
    if owner.rsplit('.').next().is_some_and(|last| last.starts_with("rpz-")) {
        return Err("a rule for who asks or who answers");
    }
    let (name, below) = owner.strip_prefix("*.").map_or((owner, false), |name| (name, true));
    if !is_name(name) {
        return Err("no name that can be asked for");
    }
    Ok(if below { Trigger::Below(name.to_owned()) } else { Trigger::Name(name.to_owned()) })
}

/// `24.0.2.0.192` or `128.1.zz.db8.2001`.
fn network(written: &str) -> Option<Network> {
    let mut labels = written.split('.');
    let length: u8 = value::asn(labels.next()?).and_then(|length| u8::try_from(length).ok())?;
    let groups: Vec<&str> = labels.rev().collect();
    let address = match groups[..] {
        [a, b, c, d] if !groups.contains(&"zz") => {
            let octets = [a.parse().ok()?, b.parse().ok()?, c.parse().ok()?, d.parse().ok()?];
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        _ => {
            let group = |text: &&str| (text.len() <= 4).then(|| u16::from_str_radix(text, 16).ok()).flatten();
            let before: Vec<u16> = groups.iter().take_while(|text| **text != "zz").map(group).collect::<Option<_>>()?;
            let after: Vec<u16> = groups.iter().skip(before.len() + 1).map(group).collect::<Option<_>>()?;
            if before.len() == groups.len() {
                IpAddr::V6(Ipv6Addr::from(<[u16; 8]>::try_from(before).ok()?))
            } else {
                let mut all = [0; 8];
                let zeros = 8_usize.checked_sub(before.len() + after.len()).filter(|zeros| *zeros > 0)?;
                all[..before.len()].copy_from_slice(&before);
                all[before.len() + zeros..].copy_from_slice(&after);
                IpAddr::V6(Ipv6Addr::from(all))
            }
        }
    };
    // A rule whose host bits are not zero applies nowhere: resolvers refuse it.
    Network::new(address, length).filter(|network| network.address() == address)
}

/// `3600`, `1h`, `1w2d`: as BIND writes times.
fn seconds(text: &str) -> Option<u32> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) || text.len() > 20 {
        return None;
    }
    let (mut total, mut number, mut open) = (0_u32, 0_u32, true);
    for byte in text.bytes() {
        let unit = match byte.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => {
                number = number.checked_mul(10)?.checked_add(u32::from(digit - b'0'))?;
                open = true;
                continue;
            }
            _ if !open => return None,
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        (number, open) = (0, false);
    }
    total.checked_add(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Head;
    use super::super::zone_transfer::{difference, whole};
    use super::*;

    #[test]
    fn a_zone_of_somebody_else_is_read_and_what_we_cannot_say_is_named() {
        let text = "\
; theirs
$TTL 1h
rpz.their.example. 600 IN SOA ns.their.example. root.their.example. (
    2026112301 ; serial
    1h 15m 30d 2h )
  IN NS ns.their.example.
evil.example.rpz.their.example. 60 IN CNAME .
\tCNAME *.
WWW.Other.example CNAME garden.their.example.
*.x.example CNAME rpz-DROP.
local.example A 192.0.2.1
32.1.0.0.127.rpz-client-ip CNAME .
24.1.2.0.192.rpz-ip CNAME .
48.zz.1.db8.2001.rpz-ip CNAME rpz-tcp-only.
elsewhere.example. CNAME .
odd\\.name CNAME .
x.example CNAME *.garden.example.
";
        let found = read(text.as_bytes()).unwrap();
        assert_eq!((found.zone.origin.as_str(), found.zone.ttl), ("rpz.their.example", 3_600));
        assert_eq!((found.zone.soa.serial, found.zone.soa.expire), (2_026_112_301, 2_592_000));
        let rules: Vec<_> = found.zone.rules.iter().map(|rule| format!("{:?} {:?}", rule.trigger, rule.action)).collect();
        assert_eq!(rules.len(), 5, "{rules:?}");
        assert_eq!(rules[2], "Name(\"www.other.example\") Garden(\"garden.their.example\")");
        let lines: Vec<_> = found.set_aside.iter().map(|aside| aside.line).collect();
        assert_eq!(lines, [11, 12, 13, 15, 16, 17]);
    }

    #[test]
    fn what_is_no_zone_says_why() {
        for (text, wanted) in [
            ("", Error::NoSoa),
            ("evil.example CNAME .", Error::Origin { line: 1 }),
            ("$ORIGIN a.\n@ SOA b. c. 1 2 3", Error::Soa { line: 2 }),
            ("$ORIGIN a.\n@ SOA b. c. ( 1 2 3", Error::Open { line: 2 }),
            ("$ORIGIN a.\n@ TXT \"b", Error::Open { line: 2 }),
            ("$ORIGIN a.\n)", Error::Open { line: 2 }),
        ] {
            assert_eq!(read(text.as_bytes()), Err(wanted), "{text}");
        }
    }

    /// What a zone is made of, and what it is not.
    fn pieces() -> impl Strategy<Value = String> {
        let words = prop::sample::select(vec![
            "@",
            "a.example",
            "*.a",
            "A.b.",
            "rpz.",
            "www",
            "32.1.2.0.192.rpz-ip",
            "0.zz.rpz-ip",
            "128.zz.1.rpz-ip",
            "8.0.0.0.9.rpz-ip",
            "128.1.2.3.4.5.6.7.8.rpz-ip",
            "_why.www",
            "_why.a.example",
            "CNAME",
            "TXT",
            "SOA",
            "NS",
            "A",
            "IN",
            "60",
            "1w2d",
            ".",
            "*.",
            "rpz-passthru.",
            "rpz-drop.",
            "rpz-tcp-only.",
            "rpz-other.",
            "\"a\\\"b\\200;\"",
            "\"\"",
            "\"é\"",
            "\"",
            "(",
            ")",
            "; x",
            "\n",
            "\n",
            "\n",
            "\nwww CNAME .\n_why.www TXT \"a\"\n",
            "\n@ CNAME a.b.\n",
            "\\",
            "$ORIGIN",
            "$TTL",
            "$INCLUDE",
            "é",
        ]);
        prop::collection::vec((words, prop::sample::select(vec![" ", "\t", " ", ""])), 0..60)
            .prop_map(|words| words.into_iter().map(|(word, gap)| format!("{word}{gap}")).collect())
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_and_read_again_as_the_same(before: bool, text in pieces()) {
            let start = if before { "$ORIGIN rpz.\n@ SOA a. b. 7 1 2 3 4\n" } else { "" };
            let Ok(found) = read(format!("{start}{text}").as_bytes()) else { return Ok(()) };
            let again = read(found.zone.write(Head::default()).as_bytes()).unwrap();
            prop_assert!(again.set_aside.is_empty(), "{:?}", again.set_aside);
            let step = difference(&found.zone, &again.zone);
            prop_assert!(step.added.is_empty() && step.removed.is_empty(), "{:?}", step);
            prop_assert_eq!(whole(&found.zone), whole(&again.zone));
        }

        #[test]
        fn bytes_of_any_kind_are_no_trouble(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
