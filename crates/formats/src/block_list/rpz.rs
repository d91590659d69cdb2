//! What does a DNS resolver answer to those who ask for a bad name? A response policy zone (draft-vixie-dnsop-dns-rpz-00).
//!
//! A rule is a record: its owner says when it applies (a name, all names below one, an address in the answer), its CNAME what then happens.
//! A CNAME stands alone (RFC 1034 §3.6.2), so reasons cannot stand beside it: they are comments of the file, or, when wanted, TXT records at
//! `_why.NAME`, which the resolver then answers to whoever asks for them.
//!
//! What another rule does already is left out: under a blocked `*.evil.example` a rule for `www.evil.example` adds nothing, and without
//! it all resolvers agree, also those that apply wildcards as RFC 4592 has them.

use std::fmt::Write as _;
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use super::{Entry, Head, Left, LeftOut, Value, chosen, head, is_name, why, words};
use crate::value::Network;

/// Longest name, without the root's dot (RFC 1035 §3.1: 255 octets on the wire).
pub const NAME_LIMIT: usize = 253;
/// Where the reason for a rule can be asked.
pub const WHY_LABEL: &str = "_why";

/// When a rule applies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trigger {
    /// This name is asked for.
    Name(String),
    /// A name below this one is asked for.
    Below(String),
    /// An address in it is in the answer.
    Answer(Network),
}

/// What then happens.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Action {
    /// There is no such name.
    #[default]
    Nxdomain,
    /// There is, and nothing is known of it.
    Nodata,
    /// What would be answered without the zone; resolvers log it.
    Passthru,
    /// No answer at all.
    Drop,
    /// Only those who ask over TCP get what would be answered.
    TcpOnly,
    /// Whoever asks is led to this host, which tells why.
    Garden(String),
}

impl Action {
    /// What the CNAME points to, absolute.
    pub(super) fn target(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Self::Nxdomain => ".".into(),
            Self::Nodata => "*.".into(),
            Self::Passthru => "rpz-passthru.".into(),
            Self::Drop => "rpz-drop.".into(),
            Self::TcpOnly => "rpz-tcp-only.".into(),
            Self::Garden(host) => format!("{host}.").into(),
        }
    }

    /// What a CNAME to this absolute name means; `None` when it is nothing that we would write.
    pub(super) fn of_target(target: &str) -> Option<Self> {
        Some(match target {
            "." => Self::Nxdomain,
            "*." => Self::Nodata,
            "rpz-passthru." => Self::Passthru,
            "rpz-drop." => Self::Drop,
            "rpz-tcp-only." => Self::TcpOnly,
            host => Self::Garden(host.strip_suffix('.').filter(|host| is_name(host) && !host.starts_with("rpz-"))?.to_owned()),
        })
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    pub trigger: Trigger,
    pub action: Action,
    /// On one line; empty when nothing is told.
    pub why: String,
}

/// Start of authority (RFC 1035 §3.3.13); names without the root's dot, times in seconds.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Soa {
    pub primary: String,
    /// A mail address with a dot for its `@`.
    pub mailbox: String,
    pub serial: u32,
    pub refresh: u32,
    pub retry: u32,
    /// A secondary that hears nothing for so long stops blocking.
    pub expire: u32,
    /// How long "there is no such name" is remembered.
    pub minimum: u32,
}

/// Where reasons are told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Reasons {
    /// Only in the file: they are not transferred.
    #[default]
    Comments,
    /// Also as TXT records: whoever may ask the resolver may read them.
    Txt,
    None,
}

/// How the zone is made.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The name of the zone.
    pub origin: String,
    pub soa: Soa,
    pub name_server: String,
    pub ttl: u32,
    pub action: Action,
    /// What happens to marked entries; `None`: the same.
    pub marked: Option<Action>,
    /// Names below a listed name too.
    pub below: bool,
    pub reasons: Reasons,
}

impl Wish {
    /// A zone as most want it: NXDOMAIN for names and what is below, marked ones only logged, secondaries ask hourly and forget after a week.
    ///
    /// ```
    /// use formats::block_list::rpz::{Action, Wish};
    /// assert_eq!(Wish::new("rpz.example").marked, Some(Action::Passthru));
    /// ```
    pub fn new(origin: &str) -> Self {
        let soa = Soa {
            primary: "localhost".into(),
            mailbox: format!("hostmaster.{origin}"),
            serial: 1,
            refresh: 3_600,
            retry: 600,
            expire: 604_800,
            minimum: 300,
        };
        Self {
            origin: origin.into(),
            soa,
            name_server: "localhost".into(),
            ttl: 300,
            action: Action::Nxdomain,
            marked: Some(Action::Passthru),
            below: true,
            reasons: Reasons::Comments,
        }
    }
}

/// Why no zone is made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("{what} {name:?} is not a host name in lower case without a dot at its end")]
    Name { what: &'static str, name: String },
    #[error("zone {0:?}: its name leaves no room for the names in it")]
    Origin(String),
}

/// A zone. Rules are in the order of the file: names by label from the right (RFC 4034 §6.1), then networks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Zone {
    pub origin: String,
    pub soa: Soa,
    pub name_server: String,
    pub ttl: u32,
    pub rules: Vec<Rule>,
    /// Reasons are records of the zone, not only comments.
    pub reasons: Reasons,
}

impl Zone {
    /// ```
    /// use formats::block_list::rpz::{Wish, Zone};
    /// use formats::block_list::{Entry, Head, Value};
    /// let entry = Entry {
    ///     value: Value::Name("evil.example"),
    ///     id: [0; 16],
    ///     because: &["phishing".into()],
    ///     confidence: 80,
    ///     expires: jiff::Timestamp::MAX,
    ///     marked: false,
    /// };
    /// let (zone, left_out) = Zone::of(&[entry], &Wish::new("rpz.example"))?;
    /// assert!(zone.write(Head::default()).ends_with("evil.example CNAME . ; phishing\n*.evil.example CNAME .\n"));
    /// assert!(left_out.is_empty());
    /// # Ok::<(), formats::block_list::rpz::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a name of the wish is none.
    pub fn of(entries: &[Entry<'_>], wish: &Wish) -> Result<(Self, Left), Error> {
        let mut names = vec![
            ("zone", &wish.origin),
            ("primary", &wish.soa.primary),
            ("mailbox", &wish.soa.mailbox),
            ("name server", &wish.name_server),
        ];
        for action in [Some(&wish.action), wish.marked.as_ref()].into_iter().flatten() {
            if let Action::Garden(host) = action {
                names.push(("walled garden", host));
            }
        }
        for (what, name) in names {
            if !is_name(name) || (what == "walled garden" && name.starts_with("rpz-")) {
                return Err(Error::Name { what, name: name.chars().take(300).collect() });
            }
        }
        if wish.origin.len() > 160 {
            return Err(Error::Origin(wish.origin.clone()));
        }
        let mut left_out = Left::new();
        let some = chosen(entries, |value| matches!(value, Value::Name(_) | Value::Network(_)), &mut left_out);
        let mut zone = Self {
            origin: wish.origin.clone(),
            soa: wish.soa.clone(),
            name_server: wish.name_server.clone(),
            ttl: wish.ttl,
            rules: Vec::with_capacity(some.len() * 2),
            reasons: wish.reasons,
        };
        let action = |entry: &Entry<'_>| wish.marked.as_ref().filter(|_| entry.marked).unwrap_or(&wish.action);
        let reason = |entry: &Entry<'_>| if wish.reasons == Reasons::None { String::new() } else { why(entry) };

        let mut names: Vec<(Vec<u8>, &Entry<'_>, &str)> = Vec::new();
        let mut networks: Vec<(Network, &Entry<'_>)> = Vec::new();
        for entry in some {
            match entry.value {
                Value::Name(name) => names.push((from_the_right(name), entry, name)),
                Value::Network(network) => networks.push((network, entry)),
                _ => {}
            }
        }
        names.sort_by(|a, b| a.0.cmp(&b.0));
        // What is around the name in hand: all names below them have a rule already.
        let mut around: Vec<(&[u8], &Action)> = Vec::new();
        for (key, entry, name) in &names {
            while around.last().is_some_and(|(above, _)| !(key.starts_with(above) && key.get(above.len()) == Some(&0))) {
                around.pop();
            }
            let action = action(entry);
            if around.last().is_some_and(|(_, above)| *above == action) {
                *left_out.entry(LeftOut::Covered).or_default() += 1;
                continue;
            }
            if !zone.fits(name.len()) {
                *left_out.entry(LeftOut::TooLong).or_default() += 1;
                continue;
            }
            zone.rules.push(Rule { trigger: Trigger::Name((*name).to_owned()), action: action.clone(), why: reason(entry) });
            if wish.below && zone.fits(name.len() + 2) {
                zone.rules.push(Rule { trigger: Trigger::Below((*name).to_owned()), action: action.clone(), why: String::new() });
                around.push((key, action));
            }
        }
        let mut around: Vec<(Network, &Action)> = Vec::new();
        for (network, entry) in networks {
            while around.last().is_some_and(|(wide, _)| !wide.contains(network.address())) {
                around.pop();
            }
            let action = action(entry);
            if around.last().is_some_and(|(_, wide)| *wide == action) {
                *left_out.entry(LeftOut::Covered).or_default() += 1;
                continue;
            }
            around.push((network, action));
            zone.rules.push(Rule { trigger: Trigger::Answer(network), action: action.clone(), why: reason(entry) });
        }
        Ok((zone, left_out))
    }

    fn fits(&self, length: usize) -> bool {
        length + 1 + self.origin.len() <= NAME_LIMIT
    }

    /// The reason of a rule, where it is a record: the name it is asked at.
    pub(super) fn told<'r>(&self, rule: &'r Rule) -> Option<&'r str> {
        match &rule.trigger {
            Trigger::Name(name) if self.reasons == Reasons::Txt && !rule.why.is_empty() => {
                self.fits(WHY_LABEL.len() + 1 + name.len()).then_some(name)
            }
            _ => None,
        }
    }

    /// As a master file (RFC 1035 §5). Names are relative to `$ORIGIN`.
    ///
    /// ```
    /// use formats::block_list::Head;
    /// use formats::block_list::rpz::{Wish, Zone};
    /// let (zone, _) = Zone::of(&[], &Wish::new("rpz.example"))?;
    /// assert!(zone.write(Head { title: "ours", notes: &[] }).starts_with("; ours\n$ORIGIN rpz.example.\n"));
    /// # Ok::<(), formats::block_list::rpz::Error>(())
    /// ```
    pub fn write(&self, top: Head<'_>) -> String {
        let mut text = String::with_capacity(512 + self.rules.len() * 64);
        head(";", top, &mut text);
        let Soa { primary, mailbox, serial, refresh, retry, expire, minimum } = &self.soa;
        let _ = write!(
            text,
            "$ORIGIN {}.\n$TTL {}\n@ SOA {primary}. {mailbox}. {serial} {refresh} {retry} {expire} {minimum}\n@ NS {}.\n",
            self.origin, self.ttl, self.name_server,
        );
        for rule in &self.rules {
            owner(&rule.trigger, &mut text);
            text.push_str(" CNAME ");
            text.push_str(&rule.action.target());
            if let Some(name) = self.told(rule) {
                let _ = write!(text, "\n{WHY_LABEL}.{name} TXT ");
                quoted(&rule.why, &mut text);
            } else if self.reasons != Reasons::None && !rule.why.is_empty() {
                text.push_str(" ; ");
                words(&rule.why, super::WHY_LIMIT + 1, &mut text);
            }
            text.push('\n');
        }
        text
    }

    /// A hash of all that resolvers get, the serial left aside: as long as it is the same, so is the serial.
    ///
    /// ```
    /// use formats::block_list::rpz::{Wish, Zone};
    /// let (zone, _) = Zone::of(&[], &Wish::new("rpz.example"))?;
    /// let mut later = zone.clone();
    /// later.soa.serial += 1;
    /// assert_eq!(later.content_hash(), zone.content_hash());
    /// # Ok::<(), formats::block_list::rpz::Error>(())
    /// ```
    pub fn content_hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let Soa { primary, mailbox, serial: _, refresh, retry, expire, minimum } = &self.soa;
        hash.update(format!(
            "{} {primary} {mailbox} {refresh} {retry} {expire} {minimum} {} {}\n",
            self.origin, self.name_server, self.ttl
        ));
        let mut line = String::new();
        for rule in &self.rules {
            line.clear();
            owner(&rule.trigger, &mut line);
            line.push(' ');
            line.push_str(&rule.action.target());
            if self.told(rule).is_some() {
                line.push(' ');
                line.push_str(&rule.why);
            }
            line.push('\n');
            hash.update(&line);
        }
        hash.finalize().into()
    }
}

/// Labels from the right, so that what lies below a name comes right after it.
fn from_the_right(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len());
    for (number, label) in name.rsplit('.').enumerate() {
        if number > 0 {
            key.push(0);
        }
        key.extend_from_slice(label.as_bytes());
    }
    key
}

/// The owner of a rule's record, relative to the zone.
pub(super) fn owner(trigger: &Trigger, out: &mut String) {
    match trigger {
        Trigger::Name(name) => out.push_str(name),
        Trigger::Below(name) => {
            out.push_str("*.");
            out.push_str(name);
        }
        Trigger::Answer(network) => {
            let _ = write!(out, "{}", network.length());
            match network.address() {
                IpAddr::V4(v4) => v4.octets().iter().rev().for_each(|octet| _ = write!(out, ".{octet}")),
                IpAddr::V6(v6) => {
                    // draft §4.1.1: as RFC 5952 writes it, `zz` for `::`, from the last group to the first.
                    let groups = v6.segments();
                    let zeros = longest_zeros(groups);
                    let mut at = groups.len();
                    while at > 0 {
                        if zeros.end == at {
                            out.push_str(".zz");
                            at = zeros.start;
                        } else {
                            at -= 1;
                            let _ = write!(out, ".{:x}", groups[at]);
                        }
                    }
                }
            }
            out.push_str(".rpz-ip");
        }
    }
}

/// RFC 5952 §4.2: the longest run of two or more groups of zero, of equal ones the first; empty when there is none.
fn longest_zeros(groups: [u16; 8]) -> std::ops::Range<usize> {
    let mut best = 0..0;
    let mut start = 0;
    for (at, group) in groups.into_iter().enumerate() {
        if group != 0 {
            start = at + 1;
        } else if at + 1 - start > best.len().max(1) {
            best = start..at + 1;
        }
    }
    best
}

/// A character string (RFC 1035 §5.1), at most 255 octets; what is not plain ASCII as `\DDD`.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for &byte in cut(text).as_bytes() {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(byte as char);
            }
            b' '..=b'~' => out.push(byte as char),
            _ => _ = write!(out, "\\{byte:03}"),
        }
    }
    out.push('"');
}

/// What of a text fits a character string.
pub(super) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(255)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::made_up;
    use super::super::rpz_read::read;
    use super::*;

    fn entry<'a>(value: Value<'a>, because: &'a [String], marked: bool) -> Entry<'a> {
        Entry { value, id: [1; 16], because, confidence: 50, expires: jiff::Timestamp::MAX, marked }
    }

    fn network(text: &str) -> Value<'static> {
        Value::Network(crate::value::network(text).unwrap())
    }

    fn rules(entries: &[Entry<'_>], wish: &Wish) -> (Vec<String>, Left) {
        let (zone, left_out) = Zone::of(entries, wish).unwrap();
        (zone.write(Head::default()).lines().skip(4).map(str::to_owned).collect(), left_out)
    }

    #[test]
    fn addresses_are_written_backwards() {
        let some = ["192.0.2.0/24", "192.0.2.1", "2001:db8::1", "::1", "1:0:0:2::/64", "1:0:2::", "1:0:2:3:4:5:6:7"];
        let some = some.map(|text| entry(network(text), &[], false));
        let wanted = [
            "24.0.2.0.192.rpz-ip CNAME .",
            "128.1.zz.rpz-ip CNAME .",
            "128.zz.2.0.1.rpz-ip CNAME .",
            "64.zz.2.0.0.1.rpz-ip CNAME .",
            "128.7.6.5.4.3.2.0.1.rpz-ip CNAME .",
            "128.1.zz.db8.2001.rpz-ip CNAME .",
        ];
        let (mut found, left_out) = rules(&some, &Wish::new("rpz.example"));
        found.sort_unstable();
        let mut wanted = wanted.map(str::to_owned);
        wanted.sort_unstable();
        assert_eq!(found, wanted);
        assert_eq!(left_out[&LeftOut::Covered], 1);
    }

    #[test]
    fn what_another_rule_does_already_is_left_out_and_what_it_does_not_is_kept() {
        let because = ["why".to_owned()];
        let some = [
            entry(Value::Name("a.evil.example"), &because, false),
            entry(Value::Name("b.evil.example"), &because, true),
            entry(Value::Name("c.b.evil.example"), &because, true),
            entry(Value::Name("evil.example"), &because, false),
            entry(Value::Name("not-evil.example"), &because, false),
        ];
        let (found, left_out) = rules(&some, &Wish::new("rpz.example"));
        assert_eq!(
            found,
            [
                "evil.example CNAME . ; why",
                "*.evil.example CNAME .",
                "b.evil.example CNAME rpz-passthru. ; why",
                "*.b.evil.example CNAME rpz-passthru.",
                "not-evil.example CNAME . ; why",
                "*.not-evil.example CNAME ."
            ]
        );
        assert_eq!(left_out[&LeftOut::Covered], 2);
    }

    #[test]
    fn a_name_that_is_too_long_with_the_zone_is_left_out() {
        let long = format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(49));
        let (found, left_out) = rules(&[entry(Value::Name(&long), &[], false)], &Wish::new("rpz.example"));
        assert_eq!((found.len(), left_out.get(&LeftOut::TooLong)), (1, None), "{}", long.len());
        let (found, left_out) = rules(&[entry(Value::Name(&format!("{long}d")), &[], false)], &Wish::new("rpz.example"));
        assert_eq!((found.len(), left_out[&LeftOut::TooLong]), (0, 1));
    }

    #[test]
    fn a_wish_cannot_write_records() {
        for origin in ["rpz.example.\n@ A 1.2.3.4", "RPZ.example", "", "rpz.example."] {
            assert!(matches!(Zone::of(&[], &Wish::new(origin)), Err(Error::Name { what: "zone", .. })), "{origin:?}");
        }
        let garden = Wish { action: Action::Garden("rpz-drop".into()), ..Wish::new("rpz.example") };
        assert!(matches!(Zone::of(&[], &garden), Err(Error::Name { what: "walled garden", .. })));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(owned in made_up::entries(), txt: bool, below: bool) {
            let mut entries: Vec<_> = owned.iter().map(made_up::Owned::entry).collect();
            let reasons = if txt { Reasons::Txt } else { Reasons::Comments };
            let wish = Wish { reasons, below, ..Wish::new("rpz.example") };
            let (mut zone, left_out) = Zone::of(&entries, &wish).unwrap();
            let said = zone.rules.iter().filter(|rule| !matches!(rule.trigger, Trigger::Below(_))).count();
            prop_assert_eq!(said as u64 + left_out.values().sum::<u64>(), entries.len() as u64);
            let text = zone.write(Head { title: "a\nb", notes: &owned.iter().flat_map(|one| one.because.clone()).collect::<Vec<_>>() });
            let back = read(text.as_bytes()).unwrap();
            prop_assert!(back.set_aside.is_empty(), "{:?}", back.set_aside);
            prop_assert_eq!(back.zone.content_hash(), zone.content_hash());
            for rule in &mut zone.rules {
                rule.why = if txt && matches!(rule.trigger, Trigger::Name(_)) { cut(&rule.why).to_owned() } else { String::new() };
            }
            zone.reasons = back.zone.reasons;
            prop_assert_eq!(&back.zone, &zone);
            entries.reverse();
            prop_assert_eq!(Zone::of(&entries, &wish).unwrap().0.write(Head::default()), back_with(&owned, &wish));
        }
    }

    fn back_with(owned: &[made_up::Owned], wish: &Wish) -> String {
        let entries: Vec<_> = owned.iter().map(made_up::Owned::entry).collect();
        Zone::of(&entries, wish).unwrap().0.write(Head::default())
    }
}
