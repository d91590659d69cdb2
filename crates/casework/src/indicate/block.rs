//! What goes into the block list of a party, and what does not, and why?
//!
//! Policy has spoken before: `open` says for which terms the party may have it *and may block on it* (PAP:GREEN or freer, an IEP
//! action that allows it). Here the warning lists are asked again, because they may be newer than the indicator; what is too weak,
//! past or too much is left out and counted.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::decay::HalfLives;
use super::harm::Harm;
use super::indicator::{Indicator, IndicatorId, Standing, What};
use super::warning::{Kinds, Warnings};
use crate::model::observable::{Kind, Observable};

/// What the list is to hold.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Kinds that the program which reads it can block.
    pub kinds: Kinds,
    /// It can only block hosts: of a URL its host is taken, held against the warning lists as a host.
    pub hosts_of_urls: bool,
    pub least_score: u8,
    /// Of more entries than this the best are kept.
    pub most: usize,
    /// No entry is given for longer, however slowly it fades.
    pub longest: SignedDuration,
}

/// One entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    pub observable: Observable,
    /// The best of the indicators that it stands for.
    pub indicator: IndicatorId,
    pub score: u8,
    pub expires: Timestamp,
    /// Of class *warn* on a warning list: somebody should look.
    pub marked: bool,
    pub because: Vec<String>,
}

/// Why an indicator is not in the list.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LeftOut {
    /// Its terms are closed to the party.
    Closed,
    /// Not of a kind that the list can hold; patterns are of none.
    Kind,
    /// Revoked, expired, faded, disputed or not yet valid.
    NotActive,
    /// Below the least score.
    Weak,
    /// A warning list of class *never block*, a reserved address or a public suffix.
    NeverBlock,
    /// The list is full of better ones.
    Full,
}

impl LeftOut {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed-by-terms",
            Self::Kind => "other-kind",
            Self::NotActive => "not-active",
            Self::Weak => "too-weak",
            Self::NeverBlock => "never-block",
            Self::Full => "list-full",
        }
    }
}

/// A block list, by kind and value. The counts are for us: what is closed to the party is not to be told to it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BlockList {
    pub entries: Vec<Entry>,
    pub left_out: BTreeMap<LeftOut, u64>,
    /// What warning lists forbid, with the list: for the analyst, who may have been mistaken to make it an indicator.
    pub never_block: Vec<(Observable, String)>,
}

/// Makes the list. The same indicators in any order give the same.
pub fn block_list<'i>(
    indicators: impl IntoIterator<Item = &'i Indicator>,
    wanted: Wanted,
    open: impl Fn(i64) -> bool,
    warnings: &Warnings,
    half_lives: &HalfLives,
    now: Timestamp,
) -> BlockList {
    let mut list = BlockList::default();
    let mut entries: BTreeMap<Observable, Entry> = BTreeMap::new();
    for indicator in indicators {
        match entry(indicator, wanted, &open, warnings, half_lives, now) {
            Ok(entry) => match entries.get_mut(&entry.observable) {
                Some(known) => known.join(entry),
                None => _ = entries.insert(entry.observable.clone(), entry),
            },
            Err((why, forbidden)) => {
                *list.left_out.entry(why).or_default() += 1;
                list.never_block.extend(forbidden);
            }
        }
    }
    let mut entries: Vec<Entry> = entries.into_values().collect();
    if entries.len() > wanted.most {
        entries.sort_by(|a, b| (b.score, b.expires).cmp(&(a.score, a.expires)).then_with(|| a.observable.cmp(&b.observable)));
        list.left_out.insert(LeftOut::Full, (entries.len() - wanted.most) as u64);
        entries.truncate(wanted.most);
        entries.sort_by(|a, b| a.observable.cmp(&b.observable));
    }
    list.never_block.sort();
    list.never_block.dedup();
    list.entries = entries;
    list
}

type Refused = (LeftOut, Option<(Observable, String)>);

fn entry(
    indicator: &Indicator,
    wanted: Wanted,
    open: &impl Fn(i64) -> bool,
    warnings: &Warnings,
    half_lives: &HalfLives,
    now: Timestamp,
) -> Result<Entry, Refused> {
    let worth = indicator.worth(half_lives, now, open);
    let refused = |why| Err((why, None));
    match worth.standing {
        Standing::Active => {}
        Standing::Groundless => return refused(LeftOut::Closed),
        Standing::NotYet | Standing::Expired | Standing::Faded | Standing::Disputed | Standing::Revoked => {
            return refused(LeftOut::NotActive);
        }
    }
    let What::Value(observable) = indicator.what() else { return refused(LeftOut::Kind) };
    let (observable, of_url) = match observable.host() {
        Some(host) if observable.kind() == Kind::Url && wanted.hosts_of_urls => (host, Some(observable)),
        _ => (observable.clone(), None),
    };
    if !wanted.kinds.meets(Kinds::of(observable.kind())) {
        return refused(LeftOut::Kind);
    }
    let Some(until) = worth.holds_until(wanted.least_score) else { return refused(LeftOut::Weak) };
    let harm = Harm::of(&observable, warnings);
    if harm.never_block() {
        let because = harm.because.into_iter().next().unwrap_or_default();
        return Err((LeftOut::NeverBlock, Some((observable, because))));
    }
    let latest = now.checked_add(wanted.longest).unwrap_or(Timestamp::MAX);
    let marked = harm.mark().is_some() || !worth.marked.is_empty();
    let mut because = worth.reasons;
    because.extend(of_url.map(|url| format!("host of {}", url.value())));
    because.extend(harm.because);
    Ok(Entry { observable, indicator: indicator.id(), score: worth.score, expires: until.min(latest), marked, because })
}

impl Entry {
    /// Two indicators lead to the same entry: the better one counts, both are reasons.
    fn join(&mut self, other: Self) {
        let order = |entry: &Self| (entry.score, entry.expires, std::cmp::Reverse(entry.indicator));
        let (mut better, worse) = if order(self) >= order(&other) { (self.clone(), other) } else { (other, self.clone()) };
        better.expires = better.expires.max(worse.expires);
        better.marked |= worse.marked;
        better.because.extend(worse.because);
        // Sorted, so that it does not matter which came first.
        better.because.sort();
        better.because.dedup();
        *self = better;
    }
}

#[cfg(test)]
mod tests {
    use formats::warning_list::{Matching, read_text};
    use proptest::prelude::*;

    use super::super::class::Classes;
    use super::super::indicator::{Ruling, Said, Source, Support};
    use super::super::warning::Compiler;
    use super::*;

    fn day(number: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + number * 86_400).unwrap()
    }

    fn indicator(what: &str, confidence: u8, terms: i64) -> Indicator {
        let mut indicator = Indicator::new(what.parse().unwrap());
        let support = Support {
            reporter: "feed".into(),
            terms: vec![terms],
            events: Vec::new(),
            sighting: false,
            confidence,
            first: day(0),
            last: day(0),
            times: 1,
            valid_from: None,
            valid_until: None,
            class: None,
            malware: None,
            marked: None,
        };
        indicator.hear(Said::For(Source::Foreign("x".into()), support));
        indicator
    }

    const WANTED: Wanted =
        Wanted { kinds: Kinds::ALL, hosts_of_urls: false, least_score: 30, most: 100, longest: SignedDuration::from_hours(24 * 30) };

    fn list(indicators: &[Indicator], wanted: Wanted, warnings: &Warnings, at: i64) -> BlockList {
        block_list(indicators, wanted, |terms| terms == 1, warnings, &HalfLives::default(), day(at))
    }

    #[test]
    fn what_is_left_out_is_counted_by_its_reason() {
        let mut compiler = Compiler::new(Classes::read("never-block = ['never']").unwrap());
        compiler.add("never", &read_text(b"good.example.com", Matching::Hostname).unwrap()).unwrap();
        let warnings = compiler.finish().unwrap();
        let mut revoked = indicator("domain revoked.example.com", 80, 1);
        revoked.hear(Said::Ruled(Ruling { at: day(0), revoked: true, by: "x".into(), because: "y".into(), until: None }));
        let indicators = [
            indicator("address 9.0.0.1", 80, 1),
            indicator("domain www.good.example.com", 80, 1),
            indicator("domain secret.example.com", 80, 2),
            indicator("address 9.0.0.2", 20, 1),
            indicator("pattern [file:name = 'x']", 80, 1),
            revoked,
        ];
        let wanted = Wanted { kinds: Kinds::of(Kind::Address).and(Kinds::of(Kind::Domain)), ..WANTED };
        let made = list(&indicators, wanted, &warnings, 0);
        let values: Vec<_> = made.entries.iter().map(|entry| entry.observable.to_string()).collect();
        assert_eq!(values, ["address 9.0.0.1"]);
        let counts: Vec<_> = made.left_out.iter().map(|(why, number)| (why.as_str(), *number)).collect();
        assert_eq!(counts, [("closed-by-terms", 1), ("other-kind", 1), ("not-active", 1), ("too-weak", 1), ("never-block", 1)]);
        assert_eq!(made.never_block[0].1, "never: good.example.com (never-block)");
    }

    #[test]
    fn an_entry_expires_when_it_would_be_too_weak() {
        let c2 = [indicator("address 9.0.0.1", 80, 1)];
        // 80 falls below 30 after one half-life of five days and half of the next.
        let made = list(&c2, WANTED, &Warnings::none(), 0);
        assert_eq!(made.entries[0].expires.duration_since(day(0)).as_hours(), 24 * 7 + 12);
        assert_eq!(list(&c2, WANTED, &Warnings::none(), 8).left_out[&LeftOut::Weak], 1);
        let hash = [indicator("md5 44d88612fea8a8f36de82e1278abb02f", 80, 1)];
        assert_eq!(list(&hash, WANTED, &Warnings::none(), 0).entries[0].expires, day(30));
    }

    #[test]
    fn a_list_that_can_only_block_hosts_never_blocks_the_well_known_host_of_a_page() {
        let mut compiler = Compiler::new(Classes::read("never-block = ['never']").unwrap());
        compiler.add("never", &read_text(b"good.example.com", Matching::Hostname).unwrap()).unwrap();
        let warnings = compiler.finish().unwrap();
        let pages = [
            indicator("url http://good.example.com/evil", 80, 1),
            indicator("url http://evil.example.com/a", 80, 1),
            indicator("url http://evil.example.com/b", 70, 1),
        ];
        assert_eq!(list(&pages, WANTED, &warnings, 0).entries.len(), 3);
        let made = list(&pages, Wanted { hosts_of_urls: true, ..WANTED }, &warnings, 0);
        assert_eq!((made.entries.len(), made.entries[0].observable.to_string()), (1, "domain evil.example.com".into()));
        assert!(made.entries[0].because.iter().any(|reason| reason == "host of http://evil.example.com/b"));
        assert_eq!(made.left_out[&LeftOut::NeverBlock], 1);
    }

    #[test]
    fn of_too_many_the_best_are_kept() {
        let many: Vec<_> = (1..=9).map(|n| indicator(&format!("address 9.0.0.{n}"), 40 + n, 1)).collect();
        let made = list(&many, Wanted { most: 2, ..WANTED }, &Warnings::none(), 0);
        let values: Vec<_> = made.entries.iter().map(|entry| entry.observable.value()).collect();
        assert_eq!((values, made.left_out[&LeftOut::Full]), (vec!["9.0.0.8", "9.0.0.9"], 7));
    }

    proptest! {
        #[test]
        fn order_changes_nothing_and_everything_is_accounted_for(
            some in prop::collection::vec((0_u8..8, 1_u8..=100, 0_i64..3, 0_usize..3), 0..20), most in 0_usize..10, at in 0_i64..20, hosts: bool,
        ) {
            let mut all: Vec<_> = some
                .iter()
                .map(|(n, confidence, terms, kind)| {
                    let what = [format!("address 9.0.0.{n}"), format!("url http://h{n}.example.com/{confidence}"), format!("domain h{n}.example.com")];
                    indicator(&what[*kind], *confidence, *terms)
                })
                .collect();
            let wanted = Wanted { most, hosts_of_urls: hosts, ..WANTED };
            let made = list(&all, wanted, &Warnings::none(), at);
            prop_assert!(made.entries.len() <= most);
            prop_assert!(made.entries.is_sorted_by(|a, b| a.observable < b.observable));
            prop_assert!(made.entries.iter().all(|entry| entry.expires > day(at) && entry.score >= 30));
            all.reverse();
            prop_assert_eq!(list(&all, wanted, &Warnings::none(), at), made);
        }
    }
}
