//! Which sentence of ours is this, and with which values?
//!
//! Reasons stand in the register and in the log of releases as sentences in English: the log is signed, and files, the command line and
//! other programs read them. A page says them in the language of whoever looks, so it must know a sentence again: each is listed here
//! once, as it is written, with names where its values stand. What no sentence of ours fits was written by a person and stays as it is.
//! Mail servers write in their own words, but beside a code whose meaning is known ([`relay`]): that is said, and their words are quoted.

mod rejection;
mod relay;

/// A sentence of ours, known again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    /// The same for every sentence of this kind: `no-agreement`.
    pub key: &'static str,
    pub values: Vec<(&'static str, String)>,
}

/// Where a sentence was found: only what is written there is looked for, so that what people write elsewhere is left alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// Why something was given, or not.
    Policy,
    /// Why a notice stands as it stands.
    Notice,
    /// Why a takedown stands as it stands.
    Takedown,
    /// What was changed.
    Audit,
    /// How work ended.
    Job,
    /// Why a row or a report was set aside.
    Rejection,
}

type Sentence = (&'static str, &'static str);

/// `share::explain`: the grounds, what is hidden, and the denials.
const POLICY: &[Sentence] = &[
    ("ground-named", "the source named {to} as a recipient"),
    ("ground-consent", "the source gave explicit permission for {to}"),
    ("ground-same", "{tlp} may be known inside {me}"),
    ("ground-client", "{to} receives cybersecurity services from {me}, and {tlp} may reach clients"),
    ("ground-community", "{me} and {to} are both in the community {community}, and {tlp} may reach it"),
    ("ground-clear", "{tlp}: there is no limit on disclosure"),
    ("agreement", "agreement {agreement} is in force and covers {tlp} for purpose {purpose}"),
    ("hides-provider", "the provider must not be named"),
    ("hides-victim", "who is affected is told to nobody but themselves"),
    ("hides-personal", "single hosts and persons are told to nobody but those affected"),
    ("denied-expiry", "the terms ended at {at}, and it is {now}"),
    ("denied-public", "{to} is the public, and {tlp} is above TLP:CLEAR: not even a client or a named recipient may publish it"),
    ("denied-embargo", "not before {at}, and it is {now}"),
    ("denied-attribution", "its sources disagree: one demands that the provider be named, another forbids it"),
    ("denied-red", "{tlp} is for individual recipients only, and the source did not name {to}"),
    ("denied-strict", "{tlp} stays inside {me}, and {to} is another organisation"),
    ("denied-amber", "{tlp} may reach {me} and its clients, and {to} is neither"),
    ("denied-green", "{tlp} may reach the community ({community}), and {to} is not in it"),
    ("denied-audience", "only for {audience}, and {to} is not among them"),
    ("denied-agreement", "no agreement in force between {me} and {to} covers {tlp} for purpose {purpose} by {channel}"),
    ("denied-resale", "it must not be sold, and {to} pays"),
    ("denied-encryption", "it must be encrypted in transit, and {channel} is not"),
    ("denied-affected", "affected parties must not be told, and {to} may be one of them"),
    ("denied-unknown", "the recipient is not a known party"),
    // Of releases: what was given, and for each of its terms why.
    ("step", "{effect} {code}: {sentence}"),
    ("terms-own", "terms {terms}: given by the recipient itself"),
    ("terms-agreement-without", "terms {terms}: {rule}, agreement {agreement}, without {hidden}"),
    ("terms-agreement", "terms {terms}: {rule}, agreement {agreement}"),
    ("terms-without", "terms {terms}: {rule}, without {hidden}"),
    ("terms", "terms {terms}: {rules}"),
    ("given-bundle", "STIX bundle"),
    ("given-list", "block list as {format}: {count} entries"),
    ("given-code", "a code to prove that {value} is of {party}"),
    ("given-feed", "MISP: feed of collection {collection} as a folder"),
    ("given-push", "TAXII: given to collection of {party} from {collection}"),
    ("given-taxii", "TAXII: {what} of collection {collection}"),
    ("given-misp", "MISP: {what} of collection {collection}"),
    ("given-file", "portal: {format} file of {count} events, asked for by {who}"),
    ("given-notice", "portal: notice {notice}, asked for by {who}"),
    ("given-portal", "portal: {what}, asked for by {who}"),
    ("given-api", "API: {what}"),
];

const NOTICE: &[Sentence] = &[
    ("below-threshold", "below the threshold"),
    ("nothing-left", "nothing is left to tell"),
    ("not-taken", "nothing shows that it was taken"),
    ("given-up", "given up after {count} attempts: {why}"),
    ("tightened", "its giver has put what it tells under stricter terms"),
    ("connecting", "connecting: {words}"),
];

/// `verify`: what the network says.
const TAKEDOWN: &[Sentence] = &[
    ("quiet", "quiet for {days} days while watched: {sentences}"),
    ("quiet-so-far", "quiet so far, {days} of {needed} days watched: {sentences}"),
    ("seen-again-by", "seen again at {at} by {feed}"),
    ("seen-again", "seen again at {at}"),
    ("seen", "seen at {at}; no whole day is known since"),
    ("unwatched", "unknown, nobody watches: {sentence}"),
    ("unwatched-days", "unknown, nobody watched from {from} to {through}: {sentence}"),
    ("sensor-place", "{feed} reported this day after day (by {day})"),
    ("sensor-network", "{feed} reported the same kind in this network day after day (by {day})"),
    ("no-sensor", "no feed has shown that it would see this"),
    ("silent", "the feeds that would see this delivered nothing"),
    ("sighting", "{count} events by {feed} until {at}"),
];

const AUDIT: &[Sentence] = &[
    ("claim-proved", "{value} by {way}: proved"),
    ("claim-contested", "{value} by {way}: proved; another party holds it"),
    ("claim-not-shown", "{value} by {way}: not shown"),
    ("claim-not-reached", "{value} by {way}: not reached"),
    ("claim-no-more", "{value} by {way}: not tried any more"),
    ("claim-made", "{value} by {way}"),
    ("claim-moved", "{value} is of {party}, no longer of {others}"),
    ("claim-accepted", "{value} is of {party}"),
    ("claim-ended", "{value} of {party} ended"),
    ("token-of", "{token}: {role} of {party}"),
    ("role-of", "{role} of {party}"),
    ("token-made", "token {token}"),
    ("invited", "invited a {role}"),
    ("sessions-ended", "{count} sessions"),
    ("other-sessions-ended", "other sessions were ended"),
    ("party-changed", "{party}: {claims} claims, {count} contacts"),
    ("agreement-made", "{agreement} up to {tlp} for {purposes}"),
    ("template-again", "template {template}: built-in again"),
    ("template", "template {template}"),
];

const JOB: &[Sentence] = &[("server-ended", "the server ended before it was done")];

/// Longer texts are nobody's sentence, and looking costs what it may cost.
const LONGEST: usize = 2000;
const STEPS: u32 = 10_000;

impl Place {
    /// The sentences that are written there.
    pub fn sentences(self) -> &'static [&'static [Sentence]] {
        match self {
            Self::Policy => &[POLICY],
            // A notice is withheld for the reason of a policy.
            Self::Notice => &[NOTICE, POLICY],
            Self::Takedown => &[TAKEDOWN],
            Self::Audit => &[AUDIT],
            Self::Job => &[JOB],
            Self::Rejection => &[rejection::REJECTION],
        }
    }
}

/// Values that are words of ours: by the name of the value. Whoever says a sentence anew has a word for each.
pub fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
    let each = |name, all: &'static [&'static str]| all.iter().map(move |word| (name, *word));
    each("expected", rejection::EXPECTED).chain(each("nothing", rejection::NONE_OF)).chain(relay::meanings().map(|key| ("meaning", key)))
}

/// Knows a sentence again; `None` for what a person or another program wrote.
///
/// ```
/// use casework::told::{Place, read};
/// let told = read(Place::Policy, "TLP:AMBER stays inside us, and isp is another organisation").unwrap();
/// assert_eq!(told.key, "denied-strict");
/// assert_eq!(told.values[2], ("to", "isp".to_owned()));
/// assert_eq!(read(Place::Policy, "they asked us by telephone"), None);
/// ```
pub fn read(place: Place, text: &str) -> Option<Told> {
    if text.len() > LONGEST {
        return None;
    }
    let ours =
        place.sentences().iter().copied().flatten().filter(|(key, _)| *key != "connecting").find_map(|sentence| known(sentence, text));
    match place {
        // What no sentence of ours is, a mail server may have said; nobody answering has no code.
        Place::Notice => ours.or_else(|| relay::read(text)).or_else(|| NOTICE.last().and_then(|sentence| known(sentence, text))),
        Place::Policy | Place::Takedown | Place::Audit | Place::Job | Place::Rejection => ours,
    }
}

fn known((key, pattern): &Sentence, text: &str) -> Option<Told> {
    let mut values = Vec::new();
    let mut steps = STEPS;
    fit(pattern, text, &mut values, &mut steps).then_some(Told { key, values })
}

/// A reason within a reason: one that holds no other. Each try costs as much as many others.
fn is_reason(text: &str, steps: &mut u32) -> bool {
    const COST: u32 = 200;
    let Some(left) = steps.checked_sub(COST) else { return false };
    *steps = left;
    rejection::REJECTION.iter().filter(|(_, pattern)| !pattern.contains("{reason}")).any(|(_, pattern)| {
        let mut few = COST;
        fit(pattern, text, &mut Vec::new(), &mut few)
    })
}

/// Whether a text is the sentence; then with its values, in order.
fn fit(pattern: &'static str, text: &str, values: &mut Vec<(&'static str, String)>, steps: &mut u32) -> bool {
    let Some((before, rest)) = pattern.split_once('{') else { return pattern == text };
    let Some(text) = text.strip_prefix(before) else { return false };
    let Some((name, after)) = rest.split_once('}') else { return false };
    let literal = after.split('{').next().unwrap_or_default();
    // The shortest value first; each place where what follows stands is one more try.
    let mut from = 0;
    loop {
        *steps = match steps.checked_sub(1) {
            Some(left) => left,
            None => return false,
        };
        let end = match literal.is_empty() {
            true => text.len(),
            false => match text[from..].find(literal) {
                Some(at) => from + at,
                None => return false,
            },
        };
        let value = &text[..end];
        if can_be(name, value) && (name != "reason" || is_reason(value, steps)) {
            values.push((name, value.to_owned()));
            if fit(after, &text[end..], values, steps) {
                return true;
            }
            values.pop();
        }
        if literal.is_empty() {
            return false;
        }
        from = end + literal.chars().next().map_or(1, char::len_utf8);
    }
}

/// A value that may stand under this name.
fn can_be(name: &str, value: &str) -> bool {
    let word = !value.is_empty() && !value.contains(char::is_whitespace);
    match name {
        "effect" => ["allow", "redact", "deny"].contains(&value),
        "way" => ["dns", "mail", "file"].contains(&value),
        "purpose" => crate::model::agreement::Purpose::read(value).is_some(),
        "channel" => crate::model::agreement::Channel::read(value).is_some(),
        // Of people, and of programs.
        "role" => crate::model::rights::Role::read(value).is_some() || ["reader", "member", "manager"].contains(&value),
        "expected" => rejection::EXPECTED.contains(&value),
        "nothing" => rejection::NONE_OF.contains(&value),
        "id" => word,
        "property" => !value.trim().is_empty() && value.len() <= 200,
        "count" | "days" | "needed" | "claims" | "terms" | "number" | "least" | "most" => word && value.bytes().all(|b| b.is_ascii_digit()),
        "tlp" => value.starts_with("TLP:") && word,
        "code" | "notice" | "rule" | "agreement" | "party" | "collection" | "token" | "format" | "value" | "at" | "now" | "day"
        | "from" | "through" => word,
        _ => !value.trim().is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const PLACES: [Place; 6] = [Place::Policy, Place::Notice, Place::Takedown, Place::Audit, Place::Job, Place::Rejection];

    /// A value that may stand there.
    fn example(name: &str) -> &'static str {
        match name {
            "effect" => "allow",
            "way" => "dns",
            "role" => "analyst",
            "purpose" | "purposes" => "notify",
            "channel" => "mail",
            "count" | "days" | "needed" | "claims" | "terms" | "number" | "least" | "most" => "7",
            "expected" => "an IP address",
            "nothing" => "object",
            "reason" => "line is longer than 7 bytes",
            "tlp" => "TLP:GREEN",
            _ => "x-1",
        }
    }

    #[test]
    fn every_sentence_is_known_again_as_itself() {
        let mut keys = BTreeSet::new();
        for place in PLACES {
            for (key, pattern) in place.sentences().iter().copied().flatten() {
                let mut text = String::new();
                for (at, part) in pattern.split(['{', '}']).enumerate() {
                    text.push_str(if at % 2 == 1 { example(part) } else { part });
                }
                let told = read(place, &text).unwrap_or_else(|| panic!("{text}"));
                // One may be a special case of another, which stands behind it.
                assert_eq!(told.key, *key, "{text}");
                keys.insert(*key);
            }
        }
        assert!(keys.len() > 60);
    }

    #[test]
    fn what_people_write_stays_theirs() {
        for text in [
            "",
            "sensor was wrong",
            "N-1A2B3C4D: closed by telephone",
            "see N-1 by mail",
            "terms of use",
            "allow: yes",
            "x by carrier pigeon",
        ] {
            for place in PLACES {
                assert_eq!(read(place, text), None, "{text}");
            }
        }
    }

    #[test]
    fn a_name_with_the_words_of_a_sentence_in_it_is_still_read() {
        let told = read(Place::Policy, "TLP:GREEN may reach the community (a, and b), and Bread, and is not in it, Inc is not in it")
            .expect("a sentence");
        assert_eq!(told.key, "denied-green");
        assert_eq!(told.values[1].1, "a, and b");
    }

    #[test]
    fn a_hostile_text_costs_little() {
        let text = format!("no agreement in force between {}", " and  covers  for purpose  by ".repeat(60));
        assert_eq!(read(Place::Policy, &text), None);
        assert_eq!(read(Place::Policy, &"TLP:".repeat(1000)), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            for place in PLACES {
                let _ = read(place, &text);
            }
        }
    }
}
