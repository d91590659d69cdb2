//! How is the block list of a party written, in the format that its program reads?
//!
//! `block` has chosen what the party gets; here each entry is put into the words of a format, and what the format cannot say is counted with its
//! reason. The one decision left is about URLs. **A host is never blocked for one page on it**: a page may lie on a host that thousands share or whose
//! owner was broken into. So where only hosts can be blocked, a URL counts only when it names nothing but its host (`http://evil.example/`); every
//! other URL is left out, and the host is listed when it is an indicator itself. An address is never taken out of a URL: what else
//! runs on that machine, the URL does not say.

use std::collections::BTreeMap;

use formats::block_list::zone_serial::{self, Version};
use formats::block_list::{self, Head, LeftOut, Value, Written, hosts, nftables, rpz, suricata, text, zeek_intel};
use formats::value;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::block::{BlockList, Entry, Wanted};
use super::warning::Kinds;
use crate::model::observable::{Kind, Observable};

/// What can be written.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Format {
    Rpz,
    /// A rule for each entry.
    Suricata,
    /// A few rules that look up files, for long lists.
    SuricataBulk,
    Zeek,
    Nftables,
    Hosts,
    Plain,
    Csv,
}

impl Format {
    pub const ALL: [Self; 8] =
        [Self::Rpz, Self::Suricata, Self::SuricataBulk, Self::Zeek, Self::Nftables, Self::Hosts, Self::Plain, Self::Csv];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rpz => "rpz",
            Self::Suricata => "suricata",
            Self::SuricataBulk => "suricata-bulk",
            Self::Zeek => "zeek",
            Self::Nftables => "nftables",
            Self::Hosts => "hosts",
            Self::Plain => "plain",
            Self::Csv => "csv",
        }
    }

    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == word)
    }

    /// The name of its main file.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Rpz => "musubi.rpz.zone",
            Self::Suricata => "musubi.rules",
            Self::SuricataBulk => "musubi-bulk.rules",
            Self::Zeek => "musubi.intel",
            Self::Nftables => "musubi.nft",
            Self::Hosts => "musubi.hosts",
            Self::Plain => "musubi.txt",
            Self::Csv => "musubi.csv",
        }
    }

    /// For HTTP.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Rpz => "text/dns",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Zeek => "text/tab-separated-values; charset=utf-8",
            Self::Suricata | Self::SuricataBulk | Self::Nftables | Self::Hosts | Self::Plain => "text/plain; charset=utf-8",
        }
    }

    /// It blocks whole hosts: of URLs only those that name no page can be said.
    fn only_hosts(self) -> bool {
        match self {
            Self::Rpz | Self::Hosts => true,
            Self::Suricata | Self::SuricataBulk | Self::Zeek | Self::Nftables | Self::Plain | Self::Csv => false,
        }
    }

    pub fn kinds(self) -> Kinds {
        let of = |kinds: &[Kind]| kinds.iter().fold(Kinds::NONE, |all, kind| all.and(Kinds::of(*kind)));
        let addresses = of(&[Kind::Address, Kind::Network]);
        let hashes = of(&[Kind::Md5, Kind::Sha1, Kind::Sha256]);
        match self {
            Self::Rpz => addresses.and(of(&[Kind::Domain, Kind::Url])),
            Self::Hosts => of(&[Kind::Domain, Kind::Url]),
            Self::Nftables => addresses,
            Self::SuricataBulk => addresses.and(hashes).and(of(&[Kind::Domain])),
            Self::Suricata => addresses.and(hashes).and(of(&[Kind::Domain, Kind::Url, Kind::Certificate])),
            Self::Zeek => addresses.and(hashes).and(of(&[Kind::Domain, Kind::Url, Kind::MailAddress, Kind::FileName, Kind::Certificate])),
            Self::Plain | Self::Csv => Kinds::ALL,
        }
    }

    /// What to ask [`super::block::block_list`] for. URLs stay URLs: [`write`] knows when their host may be blocked.
    pub fn wanted(self, least_score: u8, most: usize, longest: SignedDuration) -> Wanted {
        Wanted { kinds: self.kinds(), hosts_of_urls: false, least_score, most, longest }
    }
}

/// What a program does when it meets an entry, where the format can say it (RPZ, nftables); the others only tell.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Action {
    /// NXDOMAIN, packets dropped.
    #[default]
    Block,
    /// The name exists without addresses; packets are refused openly.
    Refuse,
    /// No answer; packets dropped.
    Silence,
    /// Logged or counted, nothing else.
    Watch,
    /// Whoever asks for a name is led to this host; packets dropped.
    Garden(String),
}

/// What happens to entries that somebody should look at first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Marked {
    /// They are told and do no harm: passed and logged in RPZ, of low priority in Suricata; not in `hosts`, nftables and plain lists, which cannot say so.
    #[default]
    Watch,
    /// As all others.
    Block,
    /// Left out.
    Leave,
}

/// What a party asks for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// At the top of each file.
    pub title: String,
    /// The same, one a line: for whom, under which terms, whom to ask.
    pub notes: Vec<String>,
    pub action: Action,
    pub marked: Marked,
    /// Names below a listed one too, where the format lets one choose (RPZ).
    pub below: bool,
    /// Reasons go along.
    pub reasons: bool,
    /// The zone, without a dot at its end.
    pub zone: String,
    /// The version of the zone that was served last: the same content keeps its serial, other content gets a newer one.
    pub served: Option<Version>,
    /// Of nftables.
    pub table: String,
    /// Of Suricata rules: a party that takes from two nodes gives each a range.
    pub sids: suricata::Sids,
    /// Where indicators can be opened, without `https://`.
    pub reference: Option<String>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            title: "Musubi block list".into(),
            notes: Vec::new(),
            action: Action::Block,
            marked: Marked::Watch,
            below: true,
            reasons: true,
            zone: "rpz.musubi".into(),
            served: None,
            table: "musubi".into(),
            sids: suricata::Sids::default(),
            reference: None,
        }
    }
}

/// Why an entry is not in the file.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Unsaid {
    /// A URL with a page, in a format that can only block its whole host.
    Page,
    /// Its host is an address, in a format that takes names out of URLs.
    AddressOfUrl,
    /// Marked, and the format could only block it, or the party wants none of these.
    Marked,
    Format(LeftOut),
}

impl Unsaid {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page-of-a-host",
            Self::AddressOfUrl => "address-of-a-url",
            Self::Marked => "marked",
            Self::Format(why) => why.as_str(),
        }
    }

    /// In a sentence, for who wonders.
    pub fn explained(self) -> &'static str {
        match self {
            Self::Page => "only the whole host could be blocked, and one page on it does not make the host bad",
            Self::AddressOfUrl => "what else runs at the address of a URL is not known",
            Self::Marked => "somebody should look before it is blocked",
            Self::Format(LeftOut::Kind) => "the format has no word for it",
            Self::Format(LeftOut::Malformed) => "it has characters that the format cannot carry",
            Self::Format(LeftOut::TooLong) => "it is longer than the format allows",
            Self::Format(LeftOut::Covered) => "another entry says it too",
            Self::Format(LeftOut::Expired) => "its time is over",
            Self::Format(LeftOut::Full) => "the file is full",
        }
    }
}

/// One of the files, by name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct File {
    pub name: &'static str,
    pub text: String,
}

/// A block list as files: the main one first, then those that lie beside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Files {
    pub files: Vec<File>,
    /// Entries of the list that are said.
    pub said: usize,
    pub unsaid: BTreeMap<Unsaid, u64>,
    /// Of RPZ: what is transferred, and the version to remember as [`Wish::served`].
    pub zone: Option<(rpz::Zone, Version)>,
}

/// Why nothing is written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Rpz(#[from] rpz::Error),
    #[error(transparent)]
    Suricata(#[from] suricata::Error),
    #[error(transparent)]
    Nftables(#[from] nftables::Error),
}

/// Writes the list. `before` is the main file that the party got last: only Suricata rules look at it, for their numbers. The same list
/// gives the same bytes; with `now` only the timeouts of nftables change, hour by hour, and the serial of a zone whose content does.
///
/// ```
/// use casework::indicate::block::BlockList;
/// use casework::indicate::lists::{Format, Wish, write};
/// let files = write(&BlockList::default(), Format::Rpz, &Wish::default(), None, "2026-11-23T00:00:00Z".parse()?)?;
/// assert!(files.files[0].text.contains("$ORIGIN rpz.musubi."));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the wish cannot be written: a zone, host or table that is no name.
pub fn write(list: &BlockList, format: Format, wish: &Wish, before: Option<&str>, now: Timestamp) -> Result<Files, Error> {
    let mut unsaid: BTreeMap<Unsaid, u64> = BTreeMap::new();
    let mut entries = Vec::with_capacity(list.entries.len());
    let hosts: Vec<Option<Observable>> = list.entries.iter().map(|entry| host_alone(entry, format)).collect();
    for (entry, host) in list.entries.iter().zip(&hosts) {
        match said(entry, host.as_ref(), format, wish, now) {
            Ok(one) => entries.push(one),
            Err(why) => *unsaid.entry(why).or_default() += 1,
        }
    }
    let head = Head { title: &wish.title, notes: &wish.notes };
    let mut beside = Vec::new();
    let mut made = None;
    let written = match format {
        Format::Rpz => {
            let (mut zone, left_out) = rpz::Zone::of(&entries, &zone_wish(wish))?;
            let hash = zone.content_hash();
            zone.soa.serial = zone_serial::next(wish.served, hash, now.to_zoned(TimeZone::UTC).date());
            let version = Version { serial: zone.soa.serial, hash };
            let said = entries.len() - left_out.values().sum::<u64>() as usize;
            let text = zone.write(head);
            made = Some((zone, version));
            Written { text, entries: said, left_out }
        }
        Format::Suricata | Format::SuricataBulk => {
            let wish = suricata::Wish { sids: wish.sids, reference: wish.reference.as_deref(), before };
            let make = if format == Format::Suricata { suricata::rules } else { suricata::bulk };
            let files = make(&entries, wish, head)?;
            beside = files.beside.into_iter().map(|file| File { name: file.name, text: file.text }).collect();
            files.rules
        }
        Format::Zeek => {
            let reference = wish.reference.as_ref().map(|place| format!("https://{place}"));
            zeek_intel::write(&entries, zeek_intel::Wish { source: "Musubi", reference: reference.as_deref(), notices: false }, head)
        }
        Format::Nftables => {
            let verdict = match wish.action {
                Action::Block | Action::Silence | Action::Garden(_) => nftables::Verdict::Drop,
                Action::Refuse => nftables::Verdict::Reject,
                Action::Watch => nftables::Verdict::Count,
            };
            nftables::write(&entries, nftables::Wish { table: &wish.table, verdict, made: now, reasons: wish.reasons }, head)?
        }
        Format::Hosts => hosts::write(&entries, wish.reasons, head),
        Format::Plain => text::plain(&entries, head),
        Format::Csv => text::csv(&entries),
    };
    for (why, number) in written.left_out {
        *unsaid.entry(Unsaid::Format(why)).or_default() += number;
    }
    let mut files = vec![File { name: format.file_name(), text: written.text }];
    files.append(&mut beside);
    Ok(Files { files, said: written.entries, unsaid, zone: made })
}

/// The name that a URL leads to, when it names nothing else and the format can only block hosts.
fn host_alone(entry: &Entry, format: Format) -> Option<Observable> {
    let url = &entry.observable;
    (format.only_hosts() && url.kind() == Kind::Url && names_only_its_host(url.value())).then(|| url.host()).flatten()
}

/// No path, query, user or port of its own.
fn names_only_its_host(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let usual = match value::port_of(url) {
        None => true,
        Some(port) => (scheme, port) == ("http", 80) || (scheme, port) == ("https", 443),
    };
    usual && !rest.contains(['/', '?', '#', '@'])
}

fn said<'a>(
    entry: &'a Entry,
    host: Option<&'a Observable>,
    format: Format,
    wish: &Wish,
    now: Timestamp,
) -> Result<block_list::Entry<'a>, Unsaid> {
    if entry.expires <= now {
        return Err(Unsaid::Format(LeftOut::Expired));
    }
    let only_blocks = matches!(format, Format::Hosts | Format::Plain) || (format == Format::Nftables && wish.action != Action::Watch);
    if entry.marked && (wish.marked == Marked::Leave || (wish.marked == Marked::Watch && only_blocks)) {
        return Err(Unsaid::Marked);
    }
    let observable = match host {
        Some(host) if host.kind() == Kind::Domain => host,
        Some(_) => return Err(Unsaid::AddressOfUrl),
        None if format.only_hosts() && entry.observable.kind() == Kind::Url => return Err(Unsaid::Page),
        None => &entry.observable,
    };
    let text = observable.value();
    let malformed = Unsaid::Format(LeftOut::Malformed);
    let value = match observable.kind() {
        Kind::Address | Kind::Network => Value::Network(value::network(text).ok_or(malformed)?),
        Kind::Domain => Value::Name(text),
        Kind::Url => Value::Url(text),
        Kind::MailAddress => Value::MailAddress(text),
        Kind::Md5 => Value::Md5(text),
        Kind::Sha1 => Value::Sha1(text),
        Kind::Sha256 => Value::Sha256(text),
        Kind::FileName => Value::FileName(text),
        Kind::Certificate => Value::Certificate(text),
        kind @ (Kind::Sha224
        | Kind::Sha384
        | Kind::Sha512
        | Kind::Ssdeep
        | Kind::Tlsh
        | Kind::AsNumber
        | Kind::PhoneNumber
        | Kind::Other) => Value::Other { kind: kind.as_str(), value: text },
    };
    let because: &[String] = if wish.reasons { &entry.because } else { &[] };
    Ok(block_list::Entry { value, id: entry.indicator.0, because, confidence: entry.score, expires: entry.expires, marked: entry.marked })
}

fn zone_wish(wish: &Wish) -> rpz::Wish {
    let mut zone = rpz::Wish::new(&wish.zone);
    zone.below = wish.below;
    zone.reasons = if wish.reasons { rpz::Reasons::Comments } else { rpz::Reasons::None };
    zone.action = match &wish.action {
        Action::Block => rpz::Action::Nxdomain,
        Action::Refuse => rpz::Action::Nodata,
        Action::Silence => rpz::Action::Drop,
        Action::Watch => rpz::Action::Passthru,
        Action::Garden(host) => rpz::Action::Garden(host.clone()),
    };
    zone.marked = match wish.marked {
        Marked::Watch => Some(rpz::Action::Passthru),
        Marked::Block | Marked::Leave => None,
    };
    zone
}

#[cfg(test)]
mod tests {
    use super::super::indicator::What;
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn list(values: &[&str]) -> BlockList {
        let entry = |text: &&str| {
            let (text, marked) = text.strip_prefix('!').map_or((*text, false), |rest| (rest, true));
            let what: What = text.parse().unwrap();
            let What::Value(observable) = what.clone() else { panic!("a pattern") };
            let expires = now() + SignedDuration::from_hours(5);
            Entry { observable, indicator: what.id(), score: 80, expires, marked, because: vec!["seen".into()] }
        };
        BlockList { entries: values.iter().map(entry).collect(), ..BlockList::default() }
    }

    fn text(values: &[&str], format: Format, wish: &Wish) -> (String, Vec<(&'static str, u64)>) {
        let files = write(&list(values), format, wish, None, now()).unwrap();
        assert_eq!(files.said as u64 + files.unsaid.values().sum::<u64>(), values.len() as u64);
        (files.files[0].text.clone(), files.unsaid.into_iter().map(|(why, number)| (why.as_str(), number)).collect())
    }

    #[test]
    fn a_host_is_never_blocked_for_a_page_on_it() {
        let values = [
            "url http://shared.example/evil",
            "url http://shared.example/?evil",
            "url http://shared.example:8080/",
            "url http://192.0.2.1/",
            "url https://evil.example/",
            "url http://other.example:80",
        ];
        for format in [Format::Rpz, Format::Hosts] {
            let (text, unsaid) = text(&values, format, &Wish::default());
            assert!(text.contains("evil.example") && text.contains("other.example"), "{text}");
            assert!(!text.contains("shared.example") && !text.contains("192.0.2.1"), "{text}");
            assert_eq!(unsaid, [("page-of-a-host", 3), ("address-of-a-url", 1)]);
        }
        let (rules, unsaid) = text(&values, Format::Suricata, &Wish::default());
        assert_eq!((rules.lines().filter(|line| line.starts_with("alert http")).count(), unsaid.len()), (6, 0));
    }

    #[test]
    fn what_is_marked_does_no_harm_unless_it_is_wished() {
        let values = ["!domain doubtful.example", "!address 9.0.0.1", "domain evil.example"];
        let (zone, _) = text(&values, Format::Rpz, &Wish::default());
        assert!(zone.contains("\ndoubtful.example CNAME rpz-passthru. ; seen\n") && zone.contains("\nevil.example CNAME . ; seen\n"));
        let (hosts, unsaid) = text(&values, Format::Hosts, &Wish::default());
        assert!(!hosts.contains("doubtful.example") && unsaid.contains(&("marked", 2)));
        let (nft, unsaid) = text(&values, Format::Nftables, &Wish::default());
        assert!(!nft.contains("9.0.0.1") && unsaid == [("marked", 2), ("no-such-kind", 1)]);
        let (nft, _) = text(&values, Format::Nftables, &Wish { marked: Marked::Block, ..Wish::default() });
        assert!(nft.contains("9.0.0.1 timeout 5h"));
        let (nft, _) = text(&values, Format::Nftables, &Wish { action: Action::Watch, ..Wish::default() });
        assert!(nft.contains("9.0.0.1 timeout 5h") && !nft.contains("drop"));
    }

    #[test]
    fn a_wish_that_is_no_name_is_refused() {
        let refused = |wish: &Wish, format| write(&list(&[]), format, wish, None, now()).unwrap_err().to_string();
        let wish = Wish { zone: "a b".into(), table: "a;b".into(), action: Action::Garden("x y".into()), ..Wish::default() };
        assert!(refused(&wish, Format::Rpz).contains("\"a b\""));
        assert!(refused(&Wish { zone: "rpz.example".into(), ..wish.clone() }, Format::Rpz).contains("\"x y\""));
        assert!(refused(&wish, Format::Nftables).contains("\"a;b\""));
    }

    #[test]
    fn a_zone_keeps_its_serial_while_its_content_is_the_same() {
        let version = |values: &[&str], served, day| {
            let now = now() + SignedDuration::from_hours(day);
            let mut list = list(values);
            list.entries.iter_mut().for_each(|entry| entry.expires = now + SignedDuration::from_hours(1));
            let (zone, version) = write(&list, Format::Rpz, &Wish { served, ..Wish::default() }, None, now).unwrap().zone.unwrap();
            assert_eq!(zone.soa.serial, version.serial);
            version
        };
        let first = version(&["domain evil.example"], None, 0);
        let same = version(&["domain evil.example"], Some(first), 48);
        let other = version(&["domain worse.example"], Some(same), 0);
        assert_eq!((first.serial, same.serial, other.serial), (2_027_011_500, 2_027_011_500, 2_027_011_501));
    }

    #[test]
    fn every_format_says_all_kinds_that_it_promises() {
        let values = [
            "address 9.0.0.1",
            "network 9.1.0.0/16",
            "domain evil.example",
            "url https://worse.example/",
            "mail-address a@evil.example",
            "md5 44d88612fea8a8f36de82e1278abb02f",
            "sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "file-name evil.exe",
            "certificate da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "as-number AS64496",
        ];
        for format in Format::ALL {
            assert_eq!(Format::read(format.as_str()), Some(format));
            let kinds = format.kinds();
            let promised: Vec<&str> = values
                .iter()
                .copied()
                .filter(|text| kinds.meets(Kinds::of(Kind::read(text.split(' ').next().unwrap()).unwrap())))
                .collect();
            let (_, unsaid) = text(&promised, format, &Wish::default());
            assert_eq!(unsaid, [], "{}", format.as_str());
        }
    }
}
