//! Passwords: Argon2id; short, common and guessable ones are refused; guessing is slowed down; how long an answer takes tells nothing of who has an account.

use std::net::IpAddr;
use std::time::Instant;

use anyhow::{Result, anyhow};
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use jiff::Timestamp;
use store::people::{Deed, Person};

use crate::api::Server;

/// Why a password is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Weak {
    Short,
    Long,
    /// Known from breaches, or guessed within reach of somebody who tries.
    Guessable,
}

impl Weak {
    /// The key of its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Short => "password-short",
            Self::Long => "password-long",
            Self::Guessable => "password-guessable",
        }
    }
}

/// Whether a password is taken (NIST SP 800-63B §5.1.1.2: length, no rules of composition, none that is known or follows from who it is).
///
/// # Errors
/// Why it is not.
pub(crate) fn acceptable(password: &str, about: &[&str]) -> Result<(), Weak> {
    let length = password.chars().count();
    if length < 12 {
        return Err(Weak::Short);
    }
    if length > 256 {
        return Err(Weak::Long);
    }
    // Ten thousand million guesses at least.
    if zxcvbn::zxcvbn(password, about).score() < zxcvbn::Score::Three { Err(Weak::Guessable) } else { Ok(()) }
}

/// OWASP's first choice: 19 MiB, two passes, one lane.
fn argon() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19 * 1024, 2, 1, None).unwrap_or_default())
}

/// Hashes a password, beside the server's own work.
///
/// # Errors
/// When the system gives no random numbers.
pub(crate) async fn hashed(server: &Server, password: String) -> Result<String> {
    let _turn = server.gate.hashing.acquire().await?;
    hash(password).await
}

async fn hash(password: String) -> Result<String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    let hash = tokio::task::spawn_blocking(move || {
        let salt = SaltString::encode_b64(&salt).map_err(|error| anyhow!("no salt: {error}"))?;
        Ok::<_, anyhow::Error>(argon().hash_password(password.as_bytes(), &salt).map_err(|error| anyhow!("no hash: {error}"))?.to_string())
    });
    hash.await?
}

#[cfg(test)]
thread_local! {
    /// Hashes that were asked for to check a password.
    static CHECKED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

async fn is_right(password: String, hash: String) -> Result<bool> {
    #[cfg(test)]
    CHECKED.set(CHECKED.get() + 1);
    let checked = tokio::task::spawn_blocking(move || {
        let parsed = PasswordHash::new(&hash).map_err(|error| anyhow!("a password in the register is not readable: {error}"))?;
        Ok::<_, anyhow::Error>(argon().verify_password(password.as_bytes(), &parsed).is_ok())
    });
    checked.await?
}

/// What a password is compared with when nobody has the name: the same work.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LWF0LWFsbA$9fP1q1Q2ZVdXGB8mLZmk0ZKpX1Gm9cJb3hNoxM0mTHc";

/// Wrong answers before a pause, and the pause after the first of them; each further one doubles it, up to an hour.
const FREE: i64 = 5;
const PAUSE_SECONDS: i64 = 30;

/// Until when an account is shut after so many wrong answers in a row.
pub(crate) fn shut_until(failures: i64, now: Timestamp) -> Option<i64> {
    let beyond = failures - FREE;
    (beyond >= 0).then(|| {
        let seconds = PAUSE_SECONDS.saturating_mul(1 << beyond.min(7)).min(3600);
        now.as_microsecond() + seconds * 1_000_000
    })
}

/// Who has this name and password. `None`: nobody; the same for a wrong name, a wrong password, a shut or an ended account, with the same
/// work: one hash, one write.
///
/// # Errors
/// When the register cannot be read or written.
pub(crate) async fn check(server: &Server, name: &str, password: String, address: IpAddr, now: Timestamp) -> Result<Option<Person>> {
    if !server.failures.is_left(&address, Instant::now()) {
        return Ok(None);
    }
    let _turn = server.gate.hashing.acquire().await?;
    let found = server.register.person_named(&name.trim().to_lowercase()).await?;
    let hash = found.as_ref().filter(|person| is_open(person, now)).and_then(|person| person.password.clone());
    let known = hash.is_some();
    let right = is_right(password, hash.unwrap_or_else(|| NOBODY.to_owned())).await?;
    if known && right {
        // Whoever tried at the same time may have shut it meanwhile.
        let id = found.as_ref().map_or("", |person| &person.id);
        let still = server.register.person(id).await?.filter(|person| is_open(person, now));
        if still.is_some() {
            return Ok(still);
        }
    }
    failed(server, found.as_ref(), "password", address, now).await?;
    Ok(None)
}

/// An account that can be signed in to at this moment.
pub(crate) fn is_open(person: &Person, now: Timestamp) -> bool {
    person.disabled_at.is_none() && person.locked_until.is_none_or(|until| until <= now.as_microsecond())
}

/// A sign-in came to nothing: written down, and counted against the address and whom it named.
///
/// # Errors
/// When the register cannot be written.
pub(crate) async fn failed(server: &Server, person: Option<&Person>, how: &str, address: IpAddr, now: Timestamp) -> Result<()> {
    let _ = server.failures.take(&address, Instant::now());
    let deed = deed(person, how, address, now, 401);
    // What was typed as a name may be a password: it is not kept.
    let counts = person.filter(|_| how == "password").map(|person| person.id.as_str());
    Ok(server.register.sign_in_failed(counts, &deed, |failures| shut_until(failures, now)).await?)
}

/// An entry of the audit about signing in.
pub(crate) fn deed(person: Option<&Person>, how: &str, address: IpAddr, now: Timestamp, outcome: i64) -> Deed {
    Deed {
        number: 0,
        at: now.as_microsecond(),
        person: person.map(|person| person.id.clone()),
        shown: person.map(|person| person.shown.clone()).unwrap_or_default(),
        party: person.map(|person| person.party.clone()).unwrap_or_default(),
        address: address.to_string(),
        did: "sign-in".to_owned(),
        subject: how.to_owned(),
        outcome,
        detail: None,
    }
}

/// Whether this is somebody's password: asked again before what matters. Wrong answers count as those at the door do.
///
/// # Errors
/// When the register cannot be read or written.
pub(crate) async fn is_own(server: &Server, person: &Person, password: String, address: IpAddr, now: Timestamp) -> Result<bool> {
    let Some(hash) = person.password.clone().filter(|_| is_open(person, now)) else { return Ok(false) };
    let _turn = server.gate.hashing.acquire().await?;
    let right = is_right(password, hash).await?;
    if !right {
        failed(server, Some(person), "password", address, now).await?;
    }
    Ok(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_common_and_own_passwords_are_refused() {
        assert_eq!(acceptable("Tr0ub4dor", &[]), Err(Weak::Short));
        assert_eq!(acceptable(&"x".repeat(300), &[]), Err(Weak::Long));
        assert_eq!(acceptable("password1234", &[]), Err(Weak::Guessable));
        assert_eq!(acceptable("qwertyuiop12", &[]), Err(Weak::Guessable));
        assert_eq!(acceptable("hanakosuzuki", &["hanako", "suzuki"]), Err(Weak::Guessable));
        assert_eq!(acceptable("knot weaver lantern 7 tides", &["hanako"]), Ok(()));
    }

    #[test]
    fn guessing_is_slowed_more_and_more() {
        let now = Timestamp::UNIX_EPOCH;
        let seconds = |failures| shut_until(failures, now).map(|until| until / 1_000_000);
        assert_eq!([seconds(4), seconds(5), seconds(6), seconds(8), seconds(50)], [None, Some(30), Some(60), Some(240), Some(3600)]);
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let hash = hash("knot weaver lantern".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_right("knot weaver lantern".into(), hash.clone()).await.unwrap());
        assert!(!is_right("knot weaver lanterns".into(), hash).await.unwrap());
        assert!(!is_right("anything".into(), NOBODY.into()).await.unwrap());
    }

    /// Time is not measured: what takes it is counted.
    #[tokio::test]
    async fn whoever_is_named_the_same_work_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let home = store::home::Home::at(folder.path().join("home"));
        store::register::Register::create(&home).await.unwrap().close().await;
        let server = Server::open(&home, crate::config::Serve::default()).await.unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let hash = hash("knot weaver lantern".into()).await.unwrap();
        for (name, password, locked_until, disabled_at) in [
            ("known", Some(&hash), None, None),
            ("shut", Some(&hash), Some(i64::MAX), None),
            ("ended", Some(&hash), None, Some(0)),
            ("passkey-only", None, None, None),
        ] {
            let person = crate::sign_in::people::account(name, name, "local", "analyst", None, now).unwrap();
            let person = Person { password: password.cloned(), disabled_at, ..person };
            assert!(server.register.add_person(&person).await.unwrap());
            if locked_until.is_some() {
                let deed = deed(None, "password", [127, 0, 0, 1].into(), now, 401);
                server.register.sign_in_failed(Some(&person.id), &deed, |_| locked_until).await.unwrap();
            }
        }
        for name in ["known", "shut", "ended", "passkey-only", "nobody", "KNOWN "] {
            let (hashes, written) = (CHECKED.get(), server.register.deeds(None, None, 100).await.unwrap().len());
            let found = check(&server, name, "not the password".into(), [192, 0, 2, 1].into(), now).await.unwrap();
            assert_eq!(found, None, "{name}");
            assert_eq!(CHECKED.get() - hashes, 1, "{name}");
            assert_eq!(server.register.deeds(None, None, 100).await.unwrap().len() - written, 1, "{name}");
        }
        let found = check(&server, " Known", "knot weaver lantern".into(), [192, 0, 2, 1].into(), now).await.unwrap();
        assert_eq!(found.map(|person| person.name).as_deref(), Some("known"));
    }
}
