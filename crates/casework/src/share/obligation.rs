//! What must the recipient do, and not do, with what it is given? Obligations travel with it.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;

use crate::model::agreement::Purpose;
use crate::model::terms::{Attribution, Encryption, Leave, Pap, PermittedAction, Terms, Tlp};

/// One thing that the recipient is bound to.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Obligation {
    /// It holds it under this label.
    Tlp(Tlp),
    /// The community that the label means.
    Community(BTreeSet<String>),
    /// No action above this.
    Pap(Pap),
    Act(PermittedAction),
    /// For this and nothing else.
    Purpose(Purpose),
    /// Name the provider.
    AttributeProvider,
    /// Do not name the provider.
    HideProvider,
    DoNotResell,
    EncryptInTransit,
    DoNotNotifyAffected,
    /// Delete it by then.
    DeleteBy(Timestamp),
}

impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tlp(tlp) => write!(f, "tlp:{}", tlp.label().to_ascii_lowercase()),
            Self::Community(names) => write!(f, "community:{}", names.iter().map(String::as_str).collect::<Vec<_>>().join(",")),
            Self::Pap(pap) => write!(f, "pap<={}", pap.label()),
            Self::Act(action) => write!(f, "act<={}", action.as_str()),
            Self::Purpose(purpose) => write!(f, "purpose:{}", purpose.as_str()),
            Self::AttributeProvider => f.write_str("attribute-provider"),
            Self::HideProvider => f.write_str("hide-provider"),
            Self::DoNotResell => f.write_str("do-not-resell"),
            Self::EncryptInTransit => f.write_str("encrypt-in-transit"),
            Self::DoNotNotifyAffected => f.write_str("do-not-notify-affected"),
            Self::DeleteBy(time) => write!(f, "delete-by:{time}"),
        }
    }
}

/// What holds for whoever holds something under these terms; `purpose` is the one for which an agreement let it pass.
pub fn obligations(held: &Terms, purpose: Option<Purpose>) -> Vec<Obligation> {
    let mut all = vec![Obligation::Tlp(held.tlp), Obligation::Pap(held.pap), Obligation::Act(held.action)];
    if let (Tlp::Green, Some(community)) = (held.tlp, &held.community) {
        all.push(Obligation::Community(community.clone()));
    }
    all.extend(purpose.map(Obligation::Purpose));
    match held.attribution {
        Attribution::MUST => all.push(Obligation::AttributeProvider),
        Attribution::MUST_NOT => all.push(Obligation::HideProvider),
        _ => {}
    }
    all.extend((held.resale == Leave::MustNot).then_some(Obligation::DoNotResell));
    all.extend((held.encryption == Encryption::Must).then_some(Obligation::EncryptInTransit));
    all.extend((held.notify == Leave::MustNot).then_some(Obligation::DoNotNotifyAffected));
    all.extend(held.expiry.map(Obligation::DeleteBy));
    all
}
