//! Who may do what here: roles of people, what can be done, and the one table that joins them.
//!
//! A right says which doors open. What is seen behind them policy decides: a partner with every right of its role still sees only what
//! it may know.

use std::fmt;

/// What somebody is here.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Sets the installation up: people, keys, feeds, tables.
    Administrator,
    /// Answers for what leaves: agreements, templates, other people's cases.
    Lead,
    /// Works on cases and notices.
    Analyst,
    /// Reads all decisions and logs, changes nothing.
    Auditor,
    /// Looks after the account of an outside party.
    PartnerAdministrator,
    /// Of an outside party.
    Partner,
}

impl Role {
    pub const ALL: [Self; 6] = [Self::Administrator, Self::Lead, Self::Analyst, Self::Auditor, Self::PartnerAdministrator, Self::Partner];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Lead => "lead",
            Self::Analyst => "analyst",
            Self::Auditor => "auditor",
            Self::PartnerAdministrator => "partner-administrator",
            Self::Partner => "partner",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Of an outside party: it sees the portal, through the eyes of its party.
    pub fn is_partner(self) -> bool {
        matches!(self, Self::PartnerAdministrator | Self::Partner)
    }

    /// The table.
    pub fn may(self, right: Right) -> bool {
        right.roles().contains(&self)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that can be done, as finely as roles tell it apart.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Right {
    /// Sums, events, look-ups, evidence as received, indicators and what belongs together.
    ReadEvents,
    /// Evidence in, in whoever's name.
    GiveEvidence,
    /// Indicators: made, confirmed, revoked; warning lists.
    ChangeIndicators,
    ReadCases,
    /// Cases and takedowns: opened, noted, asked, answered, merged, closed.
    WorkCases,
    ReadParties,
    ChangeParties,
    ReadAgreements,
    ChangeAgreements,
    ReadNotices,
    /// Notices: approved, held, sent again; answers read.
    WorkNotices,
    /// What letters say.
    ChangeTemplates,
    /// The log of releases: what was given to whom, and why; what was denied.
    ReadReleases,
    /// Files of what the screen shows.
    Export,
    /// Feeds, tables, health, jobs.
    ReadSettings,
    ChangeSettings,
    /// Who has an account, and what they did.
    ReadPeople,
    ChangePeople,
    /// One's own sign-in: passkeys, password, sessions, language.
    OwnAccount,
    /// The interface for machines, as far as it is for everybody: what the other rights, or for an outside party policy, let be known.
    AskApi,
    /// Where one's party is called when something happens.
    ManageWebhooks,
    /// What the own party may know: its networks, its problems.
    UsePortal,
    /// Answers to notices, claims of networks and domains.
    AnswerInPortal,
    /// The own party's people, tokens, keys and how it wants to be told.
    ManagePartner,
    /// Evidence in, in the name of the own party.
    GiveInPortal,
    /// Evidence in through the interface for machines: as [`Self::GiveEvidence`] or [`Self::GiveInPortal`] lets it.
    UploadEvidence,
}

impl Right {
    pub const ALL: [Self; 26] = [
        Self::ReadEvents,
        Self::GiveEvidence,
        Self::ChangeIndicators,
        Self::ReadCases,
        Self::WorkCases,
        Self::ReadParties,
        Self::ChangeParties,
        Self::ReadAgreements,
        Self::ChangeAgreements,
        Self::ReadNotices,
        Self::WorkNotices,
        Self::ChangeTemplates,
        Self::ReadReleases,
        Self::Export,
        Self::ReadSettings,
        Self::ChangeSettings,
        Self::ReadPeople,
        Self::ChangePeople,
        Self::OwnAccount,
        Self::AskApi,
        Self::ManageWebhooks,
        Self::UsePortal,
        Self::AnswerInPortal,
        Self::ManagePartner,
        Self::GiveInPortal,
        Self::UploadEvidence,
    ];

    /// Whose it is.
    pub fn roles(self) -> &'static [Role] {
        use Role::{Administrator, Analyst, Auditor, Lead, Partner, PartnerAdministrator};
        match self {
            Self::ReadEvents
            | Self::ReadCases
            | Self::ReadParties
            | Self::ReadAgreements
            | Self::ReadNotices
            | Self::ReadReleases
            | Self::ReadSettings
            | Self::Export => &[Administrator, Lead, Analyst, Auditor],
            Self::GiveEvidence | Self::ChangeIndicators | Self::WorkCases | Self::ChangeParties | Self::WorkNotices => {
                &[Administrator, Lead, Analyst]
            }
            Self::ChangeAgreements | Self::ChangeTemplates => &[Administrator, Lead],
            Self::ReadPeople => &[Administrator, Lead, Auditor],
            Self::ChangeSettings | Self::ChangePeople => &[Administrator],
            Self::OwnAccount | Self::AskApi => &Role::ALL,
            Self::ManageWebhooks => &[Administrator, PartnerAdministrator],
            Self::UsePortal | Self::AnswerInPortal | Self::GiveInPortal => &[PartnerAdministrator, Partner],
            Self::UploadEvidence => &[Administrator, Lead, Analyst, PartnerAdministrator, Partner],
            Self::ManagePartner => &[PartnerAdministrator],
        }
    }

    /// Nothing is changed by whoever has only such rights.
    pub fn only_reads(self) -> bool {
        matches!(
            self,
            Self::ReadEvents
                | Self::ReadCases
                | Self::ReadParties
                | Self::ReadAgreements
                | Self::ReadNotices
                | Self::ReadReleases
                | Self::Export
                | Self::ReadSettings
                | Self::ReadPeople
                | Self::OwnAccount
                | Self::AskApi
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auditor_reads_everything_and_changes_nothing() {
        for right in Right::ALL {
            if Role::Auditor.may(right) {
                assert!(right.only_reads(), "{right:?}");
            }
            if right.only_reads() {
                assert!(Role::Auditor.may(right), "{right:?}");
            }
        }
    }

    #[test]
    fn partners_open_no_door_of_ours_and_we_none_of_theirs() {
        let shared = [Right::OwnAccount, Right::AskApi, Right::ManageWebhooks, Right::UploadEvidence];
        for right in Right::ALL.into_iter().filter(|right| !shared.contains(right)) {
            let (theirs, ours): (Vec<Role>, Vec<Role>) = right.roles().iter().partition(|role| role.is_partner());
            assert!(theirs.is_empty() || ours.is_empty(), "{right:?}");
        }
    }

    #[test]
    fn machines_bring_evidence_for_whoever_may_bring_it_by_hand() {
        for role in Role::ALL {
            assert_eq!(role.may(Right::UploadEvidence), role.may(Right::GiveEvidence) || role.may(Right::GiveInPortal), "{role}");
        }
    }

    #[test]
    fn who_may_more_may_also_what_others_may() {
        for (more, less) in [(Role::Administrator, Role::Lead), (Role::Lead, Role::Analyst), (Role::PartnerAdministrator, Role::Partner)] {
            for right in Right::ALL {
                assert!(more.may(right) || !less.may(right), "{more} may not {right:?}, but {less} may");
            }
        }
    }

    #[test]
    fn roles_are_read_as_they_are_written() {
        for role in Role::ALL {
            assert_eq!(Role::read(role.as_str()), Some(role));
        }
        assert_eq!(Role::read("root"), None);
    }
}
