//! Who is it? Whoever asks shows a token of ours (HTTP Basic, Bearer or an API key), a certificate, or a token of an issuer that we trust.
//!
//! Of a token only its SHA-256 is kept: it holds 240 random bits, so nothing slower is needed. A certificate is known by its own hash, and
//! that its key is held was shown in the TLS handshake.

pub(crate) mod bearer;
pub(crate) mod ceremony;
pub(crate) mod gate;
pub(crate) mod oidc;
pub(crate) mod passkey;
pub(crate) mod password;
pub(crate) mod people;
pub(crate) mod second;
pub(crate) mod session;

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use casework::model::party::PartyId;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use store::register::Register;
use store::tokens::{SignIn, Token};

use bearer::Issuers;

/// What somebody may do beside reading and writing what policy and grants say.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Role {
    /// Reads.
    Reader,
    /// Reads and writes.
    Member,
    /// Member who may also change what others of its party set up.
    Manager,
}

impl Role {
    pub(crate) const ALL: [Self; 3] = [Self::Reader, Self::Member, Self::Manager];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Member => "member",
            Self::Manager => "manager",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// Somebody who is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Caller {
    pub(crate) party: PartyId,
    pub(crate) role: Role,
    /// Number of the token, where it was one of ours.
    pub(crate) token: Option<String>,
}

/// What was shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) authorization: Option<&'a str>,
    pub(crate) api_key: Option<&'a str>,
    /// SHA-256 of the certificate, lower case hexadecimal.
    pub(crate) certificate: Option<&'a str>,
}

/// Nobody, and why: a reason for us, never told to whoever asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unknown {
    Nothing,
    NotReadable,
    Wrong,
    Ended,
}

/// Everybody who can sign in, as of one moment.
#[derive(Debug, Default)]
pub(crate) struct Doorkeeper {
    by_hash: HashMap<[u8; 32], Token>,
    others: HashMap<(String, String), SignIn>,
    issuers: Issuers,
}

impl Doorkeeper {
    pub(crate) fn new(tokens: Vec<Token>, sign_ins: Vec<SignIn>, issuers: Issuers) -> Self {
        let by_hash = tokens.into_iter().filter_map(|token| Some((token.secret.as_slice().try_into().ok()?, token))).collect();
        let others = sign_ins.into_iter().map(|other| ((other.kind.clone(), other.name.clone()), other)).collect();
        Self { by_hash, others, issuers }
    }

    /// Says who it is. A token goes before a certificate, since it says more.
    pub(crate) fn identify(&self, shown: &Shown<'_>, now: i64) -> Result<Caller, Unknown> {
        if let Some(key) = shown.api_key {
            return self.token(None, key, now);
        }
        if let Some(header) = shown.authorization {
            let header = header.trim();
            return match header.split_once(' ') {
                Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => {
                    let decoded = STANDARD.decode(rest.trim()).map_err(|_| Unknown::NotReadable)?;
                    let text = String::from_utf8(decoded).map_err(|_| Unknown::NotReadable)?;
                    let (id, token) = text.split_once(':').ok_or(Unknown::NotReadable)?;
                    self.token(Some(id), token, now)
                }
                Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => match rest.matches('.').count() {
                    2 => self.subject(rest.trim(), now),
                    _ => self.token(None, rest.trim(), now),
                },
                // MISP clients send the bare key.
                None => self.token(None, header, now),
                Some(_) => Err(Unknown::NotReadable),
            };
        }
        match shown.certificate {
            Some(hash) => self.other("certificate", hash, now),
            None => Err(Unknown::Nothing),
        }
    }

    fn token(&self, id: Option<&str>, token: &str, now: i64) -> Result<Caller, Unknown> {
        // Looked up by its hash: how long that takes tells nothing of the token.
        let found = self.by_hash.get(&hash(token)).filter(|found| id.is_none_or(|id| id == found.id)).ok_or(Unknown::Wrong)?;
        if !found.holds(now) {
            return Err(Unknown::Ended);
        }
        caller(&found.party, &found.role, Some(found.id.clone()))
    }

    fn other(&self, kind: &str, name: &str, now: i64) -> Result<Caller, Unknown> {
        let found = self.others.get(&(kind.to_owned(), name.to_owned())).ok_or(Unknown::Wrong)?;
        if found.expires_at.is_some_and(|end| now >= end) {
            return Err(Unknown::Ended);
        }
        caller(&found.party, &found.role, None)
    }

    fn subject(&self, token: &str, now: i64) -> Result<Caller, Unknown> {
        let subject = self.issuers.subject(token, now).ok_or(Unknown::Wrong)?;
        self.other("subject", &format!("{} {}", subject.issuer, subject.name), now)
    }
}

fn caller(party: &str, role: &str, token: Option<String>) -> Result<Caller, Unknown> {
    let party = party.parse().map_err(|_| Unknown::NotReadable)?;
    Ok(Caller { party, role: Role::read(role).ok_or(Unknown::NotReadable)?, token })
}

pub(crate) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A new token: forty characters, as clients of MISP expect of a key.
///
/// # Errors
/// When the system gives no random numbers.
pub(crate) fn new_token() -> anyhow::Result<String> {
    let mut random = [0; 30];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// Gives a party a token: its id, and the token, which is kept by its hash alone.
///
/// # Errors
/// When the register cannot be written.
pub(crate) async fn give_token(
    register: &Register,
    party: &PartyId,
    role: Role,
    name: Option<String>,
    until: Option<Timestamp>,
    now: Timestamp,
) -> anyhow::Result<(String, String)> {
    let secret = new_token()?;
    let id = format!("t-{}", &crate::chance::uuid().simple().to_string()[20..]);
    let token = Token {
        id: id.clone(),
        party: party.to_string(),
        role: role.as_str().to_owned(),
        secret: hash(&secret).to_vec(),
        name,
        created_at: now.as_microsecond(),
        expires_at: until.map(Timestamp::as_microsecond),
        revoked_at: None,
        last_used: None,
    };
    register.add_token(&token).await?;
    Ok((id, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doorkeeper() -> Doorkeeper {
        let token = |id: &str, token: &str, expires_at, revoked_at| Token {
            id: id.into(),
            party: "isp.example".into(),
            role: "member".into(),
            secret: hash(token).to_vec(),
            name: None,
            created_at: 0,
            expires_at,
            revoked_at,
            last_used: None,
        };
        let certificate = SignIn {
            kind: "certificate".into(),
            name: "ab".repeat(32),
            party: "peer.example".into(),
            role: "reader".into(),
            created_at: 0,
            expires_at: Some(100),
        };
        let tokens = vec![token("t-1", "good", None, None), token("t-2", "old", Some(50), None), token("t-3", "gone", None, Some(1))];
        Doorkeeper::new(tokens, vec![certificate], Issuers::default())
    }

    fn with(authorization: &str) -> Result<String, Unknown> {
        let shown = Shown { authorization: Some(authorization), api_key: None, certificate: None };
        doorkeeper().identify(&shown, 60).map(|caller| caller.party.to_string())
    }

    #[test]
    fn a_token_opens_in_every_way_it_can_be_shown() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(with(&basic("t-1:good")), Ok("isp.example".into()));
        assert_eq!(with("Bearer good"), Ok("isp.example".into()));
        assert_eq!(with("bearer  good"), Ok("isp.example".into()));
        assert_eq!(with("good"), Ok("isp.example".into()));
        assert_eq!(with(&basic("t-2:good")), Err(Unknown::Wrong));
        assert_eq!(with("Bearer old"), Err(Unknown::Ended));
        assert_eq!(with("Bearer gone"), Err(Unknown::Ended));
        assert_eq!(with("Bearer bad"), Err(Unknown::Wrong));
        assert_eq!(with("Basic %%%"), Err(Unknown::NotReadable));
        assert_eq!(with("Digest x"), Err(Unknown::NotReadable));
        assert_eq!(with("Bearer a.b.c"), Err(Unknown::Wrong));
    }

    #[test]
    fn a_certificate_opens_until_it_ends() {
        let hash = "ab".repeat(32);
        let shown = Shown { authorization: None, api_key: None, certificate: Some(&hash) };
        assert_eq!(doorkeeper().identify(&shown, 60).unwrap().role, Role::Reader);
        assert_eq!(doorkeeper().identify(&shown, 100), Err(Unknown::Ended));
        assert_eq!(doorkeeper().identify(&Shown { certificate: None, ..shown }, 60), Err(Unknown::Nothing));
    }

    #[test]
    fn tokens_are_forty_characters_and_never_the_same() {
        let (one, two) = (new_token().unwrap(), new_token().unwrap());
        assert_eq!(one.len(), 40);
        assert_ne!(one, two);
    }
}
