//! What is said of evidence beside its bytes, and who may say what?
//!
//! Our own people say of whom it is, to which feed it belongs and under which terms it was given, or leave it to what is known of feed and
//! giver. An outside party gives in its own name, into the feed of what it gives (`casework::model::given`), and under terms it names: until
//! it has, nothing is taken, so that nothing is ever held under wider ones. Only what is [`Bound`] to whoever gives it can be begun.

use casework::model::given;
use casework::model::party::PartyId;
use casework::model::terms::{Attribution, Terms};

use super::{Asked, Operation};
use crate::console::visit::{Fault, Who};
use crate::receive::parts;

/// The names under which it is said.
pub(super) const SAID: [&str; 6] = ["feed", "tlp", "unnamed", "from", "format", "name"];

/// Parameters of an operation that takes evidence.
pub(super) fn parameters(operation: Operation) -> Operation {
    operation
        .text("feed", "Name of the feed it belongs to; an outside party has one of its own")
        .text("tlp", "Terms it was given under: a TLP label, or more; an outside party must name them")
        .flag("unnamed", "Whoever gave it is not to be named to others: the terms say so then")
        .text("from", "Who gave it; an outside party gives in its own name")
        .text("format", "Insist on a format")
        .text("name", "Name of the file")
}

/// A word that says yes or no; nothing is no.
pub(super) fn yes(text: Option<&str>) -> Result<bool, Fault> {
    match text {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(text) => Err(Fault::Wrong(format!("unnamed: {text:?} is neither true nor false"))),
    }
}

/// What somebody says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) name: Option<String>,
    pub(crate) feed: Option<String>,
    pub(crate) terms: Option<String>,
    /// Whoever gave it is not to be named.
    pub(crate) unnamed: bool,
    pub(crate) from: Option<String>,
    pub(crate) format: Option<String>,
}

/// What may be said so by whoever gives it.
#[derive(Clone, Debug)]
pub(crate) struct Bound(Said);

impl Bound {
    pub(super) fn said(&self) -> &Said {
        &self.0
    }
}

impl Said {
    /// What stands in the query.
    pub(super) fn asked(asked: &Asked) -> Result<Self, Fault> {
        let text = |name: &str| asked.text(name).map(str::to_owned);
        let unnamed = asked.flag("unnamed")?;
        Self { name: text("name"), feed: text("feed"), terms: text("tlp"), unnamed, from: text("from"), format: text("format") }.checked()
    }

    /// # Errors
    /// What is wrong with it: nothing is taken under terms that cannot be read.
    pub(crate) fn checked(self) -> Result<Self, Fault> {
        let short = |name: &str, text: &Option<String>, most: usize| match text {
            Some(text) if text.chars().count() > most || text.chars().any(char::is_control) => {
                Err(Fault::Wrong(format!("{name}: at most {most} characters on one line")))
            }
            _ => Ok(()),
        };
        short("name", &self.name, 255)?;
        short("feed", &self.feed, 100)?;
        if let Some(terms) = &self.terms {
            let read: Result<Terms, _> = terms.parse();
            read.map_err(|error| Fault::Wrong(format!("tlp: {error}")))?;
        }
        if let Some(from) = &self.from {
            let read: Result<PartyId, _> = from.parse();
            read.map_err(|error| Fault::Wrong(format!("from: {error}")))?;
        }
        if let Some(format) = &self.format
            && parts::by_name(format).is_none()
        {
            return Err(Fault::Wrong(format!("format: {format:?} is none that is known")));
        }
        Ok(self)
    }

    /// As whoever gives it may say it.
    ///
    /// # Errors
    /// When an outside party names no terms, or says more than is for it to say.
    pub(crate) fn by(self, who: &Who) -> Result<Bound, Fault> {
        let mut said = self.checked()?;
        if said.unnamed {
            let terms = said.terms.as_deref().and_then(|terms| terms.parse::<Terms>().ok());
            let mut terms = terms.ok_or_else(|| Fault::Wrong("unnamed: only beside tlp".to_owned()))?;
            terms.attribution = terms.attribution.join(Attribution::MUST_NOT);
            said.terms = Some(terms.to_string());
        }
        if !who.role.is_partner() {
            return Ok(Bound(said));
        }
        let (party, feed) = (who.party.to_string(), given::feed_of(&who.party));
        if said.terms.is_none() {
            return Err(Fault::Wrong("tlp: under which terms do you give it? Nothing is taken without them".to_owned()));
        }
        if said.from.as_ref().is_some_and(|from| *from != party) {
            return Err(Fault::Wrong(format!("from: you give in your own name, {party}")));
        }
        if said.feed.as_ref().is_some_and(|named| *named != feed) {
            return Err(Fault::Wrong(format!("feed: what you give stands in the feed {feed:?}")));
        }
        Ok(Bound(Said { feed: Some(feed), from: Some(party), ..said }))
    }
}

#[cfg(test)]
mod tests {
    use casework::model::rights::Role;

    use super::*;

    fn who(role: Role) -> Who {
        Who {
            id: "token:1".into(),
            shown: "token:1".into(),
            party: "isp".parse().unwrap(),
            role,
            reads_only: false,
            session: None,
            how: "token".into(),
        }
    }

    #[test]
    fn what_cannot_be_is_refused_before_a_byte_is_taken() {
        for bad in [
            Said { terms: Some("purple".into()), ..Said::default() },
            Said { from: Some("No Party".into()), ..Said::default() },
            Said { format: Some("no-such".into()), ..Said::default() },
            Said { name: Some("a\nb".into()), ..Said::default() },
        ] {
            assert!(bad.clone().checked().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_outside_party_gives_in_its_own_name_under_terms_it_names() {
        let amber = || Said { terms: Some("amber".into()), ..Said::default() };
        let ours = Said::default().by(&who(Role::Analyst)).unwrap();
        assert_eq!((&ours.said().feed, &ours.said().from), (&None, &None));
        for role in [Role::Partner, Role::PartnerAdministrator] {
            let bound = amber().by(&who(role)).unwrap();
            assert_eq!((bound.said().feed.as_deref(), bound.said().from.as_deref()), (Some("given by isp"), Some("isp")));
            let unnamed = Said { unnamed: true, ..amber() }.by(&who(role)).unwrap();
            assert_eq!(unnamed.said().terms.as_deref(), Some("tlp:amber attribution:must-not"));
            for bad in [
                Said::default(),
                Said { from: Some("us".into()), ..amber() },
                Said { unnamed: true, ..Said::default() },
                Said { feed: Some("sensor".into()), ..amber() },
                Said { feed: Some("given by other".into()), ..amber() },
            ] {
                assert!(bad.clone().by(&who(role)).is_err(), "{bad:?}");
            }
        }
    }
}
