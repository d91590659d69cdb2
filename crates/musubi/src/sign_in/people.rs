//! Who gets an account, of which party and with which role: the rules that the console and the command line share.

use anyhow::Result;
use casework::model::rights::Role;
use jiff::{SignedDuration, Timestamp};
use store::people::{Deed, Invitation, Person};
use store::register::Register;

use crate::console::visit::hashed;

/// Why somebody cannot be what was asked for.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("there is no party {0}")]
    UnknownParty(String),
    #[error("{0} is a role of outside parties: name the party")]
    NeedsOutsideParty(Role),
    #[error("{0} is a role of our own people: no party is named")]
    NeedsOwnParty(Role),
    #[error("nobody would be left who may change people")]
    LastAdministrator,
}

impl Unfit {
    /// The key of its word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::UnknownParty(_) => "accounts-unknown-party",
            Self::NeedsOutsideParty(_) => "accounts-needs-outside",
            Self::NeedsOwnParty(_) => "accounts-needs-own",
            Self::LastAdministrator => "accounts-last-administrator",
        }
    }
}

/// The party of whoever has a role: our own, or the outside one that was named.
///
/// # Errors
/// When the register cannot be read; inside, when role and party do not fit.
pub(crate) async fn party_of(register: &Register, role: Role, named: Option<&str>, now: Timestamp) -> Result<Result<String, Unfit>> {
    let own = register.own_party().await?.map_or_else(|| String::from("local"), |party| party.to_string());
    let named = named.filter(|named| !named.is_empty());
    Ok(match (role.is_partner(), named) {
        (false, None) => Ok(own),
        (false, Some(named)) if named == own => Ok(own),
        (false, Some(_)) => Err(Unfit::NeedsOwnParty(role)),
        (true, None) => Err(Unfit::NeedsOutsideParty(role)),
        (true, Some(named)) if named == own => Err(Unfit::NeedsOutsideParty(role)),
        (true, Some(named)) => match named.parse() {
            Ok(id) if register.party(&id, now).await?.is_some() => Ok(named.to_owned()),
            _ => Err(Unfit::UnknownParty(named.to_owned())),
        },
    })
}

/// How long a link opens.
const LINK: SignedDuration = SignedDuration::from_hours(72);

/// Makes a link that makes one account, or lets the owner of one in again; gives what it holds. It is kept nowhere.
///
/// # Errors
/// When the register cannot be written.
pub(crate) async fn invite(
    register: &Register,
    party: &str,
    role: &str,
    person: Option<&str>,
    by: Option<&str>,
    now: Timestamp,
) -> Result<(String, Timestamp)> {
    let secret = super::new_token()?;
    let end = now + LINK;
    let invitation = Invitation {
        key: hashed(&secret),
        party: party.to_owned(),
        role: role.to_owned(),
        person: person.map(str::to_owned),
        created_at: now.as_microsecond(),
        created_by: by.map(str::to_owned),
        expires_at: end.as_microsecond(),
        used_at: None,
    };
    register.invite(&invitation).await?;
    Ok((secret, end))
}

/// An account that nobody can sign in to yet.
///
/// # Errors
/// When the system gives no random numbers.
pub(crate) fn account(name: &str, shown: &str, party: &str, role: &str, by: Option<&str>, now: Timestamp) -> Result<Person> {
    Ok(Person {
        id: crate::chance::uuid().to_string(),
        name: name.to_owned(),
        shown: shown.to_owned(),
        party: party.to_owned(),
        role: role.to_owned(),
        password: None,
        totp: None,
        totp_step: None,
        language: None,
        zone: None,
        scheme: None,
        failures: 0,
        locked_until: None,
        created_at: now.as_microsecond(),
        created_by: by.map(str::to_owned),
        disabled_at: None,
    })
}

/// What is typed to sign in: lower case, without blanks, at most 64 bytes.
pub(crate) fn sign_in_name(text: &str) -> Option<String> {
    let name = text.trim().to_lowercase();
    let fits = !name.is_empty() && name.len() <= 64 && !name.contains(|c: char| c.is_whitespace() || c.is_control());
    fits.then_some(name)
}

/// An entry of the audit about what was done from the command line.
pub(crate) fn by_command(did: &str, subject: &str, detail: Option<String>, now: Timestamp) -> Deed {
    Deed {
        number: 0,
        at: now.as_microsecond(),
        person: None,
        shown: "command line".to_owned(),
        party: String::new(),
        address: String::new(),
        did: did.to_owned(),
        subject: subject.to_owned(),
        outcome: 0,
        detail,
    }
}
