//! In which feed does what an outside party gives of its own accord stand?
//!
//! In one of its own, whatever it or its records say. Events are the same only within a feed, so what it gives is never told apart by what
//! others gave; nobody speaks in the name of a feed of ours; and its silence is no proof that a threat is gone: whoever is asked to end
//! something does not verify that it ended ([`crate::verify::watching`]).

//!
//! What was given may be put under stricter terms afterwards, by its giver and at any time; never under looser ones ([`tighter`]): somebody may
//! have counted on them meanwhile.

use thiserror::Error;

use super::party::PartyId;
use super::terms::Terms;

const GIVEN_BY: &str = "given by ";

/// The feed of what a party gives.
pub fn feed_of(party: &PartyId) -> String {
    format!("{GIVEN_BY}{party}")
}

/// It is the feed of what some outside party gives.
pub fn is_given(feed: &str) -> bool {
    feed.starts_with(GIVEN_BY)
}

/// Why terms cannot take the place of those that something was given under.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum NotTighter {
    /// In this component, as the text of terms names it.
    #[error("{0} would be looser than it is: what was given can only be put under stricter terms")]
    Looser(&'static str),
    #[error("it is under these terms already")]
    Same,
}

/// Terms may only become stricter: `after` is at least as strict as `before` in every component, and in one it is stricter.
///
/// # Errors
/// With the first component that would be looser, or when nothing would change.
pub fn tighter(before: &Terms, after: &Terms) -> Result<(), NotTighter> {
    let least = before.join(after);
    let components = [
        ("tlp", least.tlp == after.tlp),
        ("pap", least.pap == after.pap),
        ("act", least.action == after.action),
        ("notify", least.notify == after.notify),
        ("attribution", least.attribution == after.attribution),
        ("resale", least.resale == after.resale),
        ("encrypt", least.encryption == after.encryption),
        ("embargo", least.embargo == after.embargo),
        ("expiry", least.expiry == after.expiry),
        ("audience", least.audience == after.audience),
        ("community", least.community == after.community),
        ("to", least.recipients == after.recipients),
        ("victims", least.victims == after.victims),
    ];
    if let Some((name, _)) = components.iter().find(|(_, holds)| !holds) {
        return Err(NotTighter::Looser(name));
    }
    if before == after { Err(NotTighter::Same) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_become_stricter_or_stay() {
        let terms = |text: &str| text.parse::<Terms>().unwrap();
        for (before, after, said) in [
            ("tlp:green", "tlp:amber", Ok(())),
            ("tlp:amber", "tlp:amber attribution:must-not", Ok(())),
            ("tlp:red to:isp,cert", "tlp:red to:isp", Ok(())),
            ("tlp:amber", "tlp:amber embargo:2026-12-01", Ok(())),
            ("tlp:amber", "tlp:green", Err(NotTighter::Looser("tlp"))),
            ("tlp:amber attribution:must-not", "tlp:red", Err(NotTighter::Looser("attribution"))),
            ("tlp:red to:isp", "tlp:red to:isp,cert", Err(NotTighter::Looser("to"))),
            ("tlp:amber audience:isp", "tlp:red", Err(NotTighter::Looser("audience"))),
            ("tlp:amber", "tlp:amber", Err(NotTighter::Same)),
        ] {
            assert_eq!(tighter(&terms(before), &terms(after)), said, "{before} to {after}");
        }
    }

    #[test]
    fn what_may_take_the_place_of_terms_is_what_the_lattice_says() {
        let all: Vec<Terms> = [
            "tlp:clear",
            "tlp:green",
            "tlp:amber+strict",
            "tlp:red",
            "tlp:green pap:red",
            "tlp:amber notify:must-not",
            "tlp:green community:a",
            "tlp:green community:a,b",
        ]
        .map(|text| text.parse().unwrap())
        .into();
        for before in &all {
            for after in &all {
                assert_eq!(tighter(before, after).is_ok(), before != after && before.leq(after), "{before} to {after}");
            }
        }
    }

    #[test]
    fn parties_have_feeds_of_their_own() {
        let feed = |id: &str| feed_of(&id.parse().unwrap());
        assert_ne!(feed("isp"), feed("isp.jp"));
        assert!(is_given(&feed("isp")) && !is_given("shadowserver"));
        // No party can be called so that two of them share a feed.
        assert!("isp given by".parse::<PartyId>().is_err());
    }
}
