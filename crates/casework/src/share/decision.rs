//! What was decided, and by which rule. "No" is a value with a reason, not an error.

use super::universe::AgreementNumber;

/// Whether something may be given.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    Deny,
    AllowWithRedaction,
    Allow,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::AllowWithRedaction => "allow-with-redaction",
            Self::Allow => "allow",
        }
    }
}

/// The rule that denied. In the order in which they are asked; the first that denies is the decisive reason.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Denial {
    Expiry,
    Public,
    Embargo,
    AttributionConflict,
    TlpRed,
    TlpAmberStrict,
    TlpAmber,
    TlpGreen,
    Audience,
    Agreement,
    Resale,
    Encryption,
    AffectedParty,
    /// Not a party that is known here.
    Unknown,
}

impl Denial {
    pub const ALL: [Self; 14] = [
        Self::Expiry,
        Self::Public,
        Self::Embargo,
        Self::AttributionConflict,
        Self::TlpRed,
        Self::TlpAmberStrict,
        Self::TlpAmber,
        Self::TlpGreen,
        Self::Audience,
        Self::Agreement,
        Self::Resale,
        Self::Encryption,
        Self::AffectedParty,
        Self::Unknown,
    ];

    /// Stable: others keep it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Expiry => "expiry",
            Self::Public => "public",
            Self::Embargo => "embargo",
            Self::AttributionConflict => "attribution-conflict",
            Self::TlpRed => "tlp-red",
            Self::TlpAmberStrict => "tlp-amber-strict",
            Self::TlpAmber => "tlp-amber",
            Self::TlpGreen => "tlp-green",
            Self::Audience => "audience",
            Self::Agreement => "agreement",
            Self::Resale => "resale",
            Self::Encryption => "encryption",
            Self::AffectedParty => "affected-party",
            Self::Unknown => "unknown-party",
        }
    }
}

/// Why the TLP label lets it pass.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Ground {
    /// The source named this recipient.
    Named,
    /// The source gave explicit permission for this.
    Consent,
    SameOrganisation,
    Client,
    Community,
    Clear,
}

impl Ground {
    pub fn code(self) -> &'static str {
        match self {
            Self::Named => "named-recipient",
            Self::Consent => "consent",
            Self::SameOrganisation => "same-organisation",
            Self::Client => "client",
            Self::Community => "community",
            Self::Clear => "tlp-clear",
        }
    }
}

/// What the recipient does not see.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Redaction {
    /// Who gave it to us.
    ProviderIdentity,
    /// Who is affected.
    VictimIdentity,
    /// Single hosts, names and persons.
    PersonalData,
}

impl Redaction {
    pub const ALL: [Self; 3] = [Self::ProviderIdentity, Self::VictimIdentity, Self::PersonalData];

    pub fn code(self) -> &'static str {
        match self {
            Self::ProviderIdentity => "provider-identity",
            Self::VictimIdentity => "victim-identity",
            Self::PersonalData => "personal-data",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::ProviderIdentity => 1,
            Self::VictimIdentity => 2,
            Self::PersonalData => 4,
        }
    }
}

/// A set of redactions.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Redactions(u8);

impl Redactions {
    pub const NONE: Self = Self(0);

    #[must_use]
    pub fn with(self, redaction: Redaction) -> Self {
        Self(self.0 | redaction.bit())
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn holds(self, redaction: Redaction) -> bool {
        self.0 & redaction.bit() != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Every one of these is also in the other.
    pub fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Redaction> {
        Redaction::ALL.into_iter().filter(move |redaction| self.holds(*redaction))
    }

    /// All sets there are.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..8).map(Self)
    }
}

/// Whether a party may know something, and why. Written only by [`Holder::decide`](super::Holder::decide).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Decision {
    pub(super) denial: Option<Denial>,
    pub(super) ground: Option<Ground>,
    pub(super) agreement: Option<AgreementNumber>,
    pub(super) redactions: Redactions,
}

impl Decision {
    pub fn outcome(&self) -> Outcome {
        match (self.denial, self.redactions.is_empty()) {
            (Some(_), _) => Outcome::Deny,
            (None, false) => Outcome::AllowWithRedaction,
            (None, true) => Outcome::Allow,
        }
    }

    pub fn is_allowed(&self) -> bool {
        self.denial.is_none()
    }

    /// The one decisive reason of a denial.
    pub fn denial(&self) -> Option<Denial> {
        self.denial
    }

    /// Why the TLP label let it pass; `None` when a rule before it denied.
    pub fn ground(&self) -> Option<Ground> {
        self.ground
    }

    /// The agreement that covers it, where one is needed and was found.
    pub fn agreement(&self) -> Option<AgreementNumber> {
        self.agreement
    }

    /// Empty for a denial.
    pub fn redactions(&self) -> Redactions {
        self.redactions
    }
}
