//! Under which terms is what comes in held?

use crate::model::terms::{Terms, Tlp};

/// What is known of the terms of evidence before its records are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct TakenIn<'a> {
    /// Whoever brought it said so.
    pub stated: Option<&'a Terms>,
    /// The default of its feed.
    pub by_feed: Option<&'a Terms>,
    /// The default of whoever gave it.
    pub by_giver: Option<&'a Terms>,
}

impl TakenIn<'_> {
    /// The terms of a record that carries this label, or none: stated terms come first and a label in the record only tightens them;
    /// else the record's own label goes before that of the defaults, of which the rest holds; else the defaults, the stricter of
    /// both; else AMBER+STRICT.
    pub fn held_under(self, marking: Option<Tlp>) -> Terms {
        if let Some(stated) = self.stated {
            return Terms { tlp: stated.tlp.max(marking.unwrap_or(stated.tlp)), ..stated.clone() };
        }
        let default = match (self.by_feed, self.by_giver) {
            (Some(feed), Some(giver)) => Some(feed.join(giver)),
            (one, two) => one.or(two).cloned(),
        };
        let tlp = marking.or(default.as_ref().map(|d| d.tlp)).unwrap_or(Tlp::UNMARKED);
        Terms { tlp, ..default.unwrap_or_else(|| Terms::of(tlp)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Terms {
        text.parse().unwrap()
    }

    #[test]
    fn unmarked_evidence_takes_the_default_of_its_source_else_amber_strict() {
        let (feed, giver) = (terms("tlp:green pap:amber"), terms("tlp:amber"));
        let held = |by_feed, by_giver| TakenIn { stated: None, by_feed, by_giver }.held_under(None).to_string();
        assert_eq!(held(None, None), "tlp:amber+strict");
        assert_eq!(held(Some(&feed), None), "tlp:green pap:amber");
        assert_eq!(held(Some(&feed), Some(&giver)), "tlp:amber pap:amber");
    }

    #[test]
    fn a_label_in_the_record_goes_before_a_default_and_only_tightens_what_was_stated() {
        let (feed, stated) = (terms("tlp:amber pap:amber"), terms("tlp:amber"));
        let by_default = TakenIn { by_feed: Some(&feed), ..TakenIn::default() };
        assert_eq!(by_default.held_under(Some(Tlp::Green)).to_string(), "tlp:green pap:amber");
        assert_eq!(TakenIn::default().held_under(Some(Tlp::Clear)).to_string(), "tlp:clear");
        let stated = TakenIn { stated: Some(&stated), ..by_default };
        assert_eq!(stated.held_under(Some(Tlp::Green)).to_string(), "tlp:amber");
        assert_eq!(stated.held_under(Some(Tlp::Red)).to_string(), "tlp:red");
    }
}
