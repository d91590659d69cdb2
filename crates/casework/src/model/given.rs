//! In which feed does what an outside party gives of its own accord stand?
//!
//! In one of its own, whatever it or its records say. Events are the same only within a feed, so what it gives is never told apart by what
//! others gave; nobody speaks in the name of a feed of ours; and its silence is no proof that a threat is gone: whoever is asked to end
//! something does not verify that it ended ([`crate::verify::watching`]).

use super::party::PartyId;

const GIVEN_BY: &str = "given by ";

/// The feed of what a party gives.
pub fn feed_of(party: &PartyId) -> String {
    format!("{GIVEN_BY}{party}")
}

/// It is the feed of what some outside party gives.
pub fn is_given(feed: &str) -> bool {
    feed.starts_with(GIVEN_BY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties_have_feeds_of_their_own() {
        let feed = |id: &str| feed_of(&id.parse().unwrap());
        assert_ne!(feed("isp"), feed("isp.jp"));
        assert!(is_given(&feed("isp")) && !is_given("shadowserver"));
        // No party can be called so that two of them share a feed.
        assert!("isp given by".parse::<PartyId>().is_err());
    }
}
