//! The second factor after a password: time-based codes (RFC 6238), each good once, and codes on paper for when the device is lost.

use anyhow::{Result, anyhow};
use jiff::Timestamp;
use store::people::Person;
use store::register::Register;
use totp_rs::{Algorithm, Builder, Secret, Totp};

use super::password::shut_until;
use crate::console::visit::hashed;

/// A second factor that is being set up.
#[derive(Debug)]
pub(crate) struct Fresh {
    /// Secret in base 32.
    pub(crate) secret: String,
    /// `otpauth:` address for the app.
    pub(crate) address: String,
}

fn totp(secret: &str, title: &str, name: &str) -> Result<Totp> {
    let plain = |text: &str| text.replace(':', " ");
    let secret = Secret::try_from_base32(secret).map_err(|error| anyhow!("the secret of a second factor is not readable: {error}"))?;
    let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_skew(1).with_step_duration(30).with_secret(secret);
    builder.with_issuer(Some(plain(title))).with_account_name(plain(name)).build().map_err(|error| anyhow!("no second factor: {error}"))
}

/// A new secret for somebody.
///
/// # Errors
/// When the system gives no random numbers.
pub(crate) fn fresh(title: &str, name: &str) -> Result<Fresh> {
    let mut random = [0; 20];
    getrandom::fill(&mut random).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    described(Secret::from(random).to_base32(), title, name)
}

/// A secret as an app reads it.
pub(crate) fn described(secret: String, title: &str, name: &str) -> Result<Fresh> {
    let address = totp(&secret, title, name)?.to_url().map_err(|error| anyhow!("no address: {error}"))?;
    Ok(Fresh { secret, address })
}

/// The time step that a code belongs to, when it is right now, or half a minute before or after.
pub(crate) fn step(secret: &str, code: &str, now: Timestamp) -> Result<Option<i64>> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let second = u64::try_from(now.as_second()).unwrap_or_default();
    Ok(totp(secret, "", "")?.check(&code, second).and_then(|step| i64::try_from(step).ok()))
}

/// Ten codes for when the device is lost, as they are shown once.
///
/// # Errors
/// When the system gives no random numbers.
pub(crate) fn recovery_codes() -> Result<Vec<String>> {
    let mut random = [0; 100];
    getrandom::fill(&mut random).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    Ok(random
        .chunks(10)
        .map(|bytes| {
            let text = Secret::from(bytes.to_vec()).to_base32().to_lowercase();
            [&text[..4], &text[4..8], &text[8..12], &text[12..16]].join("-")
        })
        .collect())
}

/// How such a code is kept.
pub(crate) fn kept(code: &str) -> Vec<u8> {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    hashed(&plain.to_lowercase())
}

/// Whether a code of somebody is right, and uses it up: a time-based one or one on paper. Wrong ones shut the account for a while, as wrong
/// passwords do.
///
/// # Errors
/// When the register cannot be read.
pub(crate) async fn check(register: &Register, person: &Person, code: &str, now: Timestamp) -> Result<bool> {
    let at = now.as_microsecond();
    if !register.try_second(&person.id, at, |failures| shut_until(failures, now)).await? {
        return Ok(false);
    }
    let Some(secret) = &person.totp else { return Ok(false) };
    match step(secret, code, now)? {
        Some(step) => Ok(register.use_totp_step(&person.id, step).await?),
        None => Ok(register.use_recovery_code(&person.id, &kept(code), at).await?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B: the last six digits for SHA-1.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = Secret::from(b"12345678901234567890".to_vec()).to_base32();
        for (second, code, step_number) in
            [(59, "287082", 1), (1_111_111_109, "081804", 37_037_036), (20_000_000_000, "353130", 666_666_666)]
        {
            let at = |second: i64| Timestamp::from_second(second).unwrap();
            assert_eq!(step(&secret, code, at(second)).unwrap(), Some(step_number), "{second}");
            assert_eq!(step(&secret, &format!("{} {}", &code[..3], &code[3..]), at(second + 30)).unwrap(), Some(step_number));
            assert_eq!(step(&secret, code, at(second + 90)).unwrap(), None);
        }
        assert_eq!(step(&secret, "", Timestamp::UNIX_EPOCH).unwrap(), None);
    }

    #[test]
    fn codes_on_paper_are_long_different_and_read_as_people_write_them() {
        let codes = recovery_codes().unwrap();
        assert_eq!((codes.len(), codes[0].len()), (10, 19));
        assert_eq!(codes.iter().collect::<std::collections::BTreeSet<_>>().len(), 10);
        assert_eq!(kept(&codes[0]), kept(&codes[0].to_uppercase().replace('-', " ")));
        assert_ne!(kept(&codes[0]), kept(&codes[1]));
    }

    #[test]
    fn a_name_with_a_colon_is_no_other_issuer() {
        let fresh = fresh("CSIRT: Example", "hanako").unwrap();
        assert!(fresh.address.starts_with("otpauth://totp/CSIRT%20%20Example:hanako?secret="), "{}", fresh.address);
    }
}
