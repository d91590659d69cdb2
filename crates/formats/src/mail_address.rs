//! An address that mail can be sent to: `local@domain` as SMTP carries it (RFC 5321 §4.1.2).
//!
//! Narrower than the standard on purpose. What is written into a command (`RCPT TO:<…>`) or a header must not be able
//! to end it, so quoted local parts, address literals and anything but ASCII are refused: nobody takes reports of
//! abuse at such an address, but somebody may try to write one into a register.

use std::fmt;
use std::str::FromStr;

/// A checked address. Compared as written; mail systems treat the local part without regard to case, so compare
/// [`Address::folded`] to find out whether two are the same mailbox.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Address(String);

/// A text that is no address that mail can be sent to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no mail address such as abuse@isp.example ({1})")]
pub struct BadAddress(pub String, pub &'static str);

impl Address {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Before the `@`.
    pub fn local(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// After the `@`, lower case.
    pub fn domain(&self) -> String {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain).to_ascii_lowercase()
    }

    /// All of it in lower case.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The same mailbox with a detail (RFC 5233 §1): `csirt@example.jp` and `x7` give `csirt+x7@example.jp`.
    ///
    /// # Errors
    /// When the result is longer than an address may be, or the detail holds what an address must not.
    ///
    /// ```
    /// let desk: formats::mail_address::Address = "notice@csirt.example".parse().unwrap();
    /// assert_eq!(desk.with_detail("k3v9").unwrap().as_str(), "notice+k3v9@csirt.example");
    /// ```
    pub fn with_detail(&self, detail: &str) -> Result<Self, BadAddress> {
        format!("{}+{detail}@{}", self.local(), &self.0[self.local().len() + 1..]).parse()
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = |why| Err(BadAddress(text.chars().take(80).collect(), why));
        let Some((local, domain)) = text.rsplit_once('@') else { return bad("it has no @") };
        // RFC 5321 §4.5.3.1: 64 octets before the @, 254 in all that fits into a path
        if local.is_empty() || local.len() > 64 || text.len() > 254 {
            return bad("1 to 64 characters before the @, 254 in all");
        }
        let atom = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&c);
        if !local.split('.').all(|atoms| !atoms.is_empty() && atoms.bytes().all(atom)) {
            return bad("before the @ only letters, digits, single dots and !#$%&'*+-/=?^_`{|}~");
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if !domain.is_ascii() {
            return bad("write the domain in its xn-- form");
        }
        if !domain.contains('.') || !domain.split('.').all(label) {
            return bad("after the @ a domain with at least one dot");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The address with its domain in lower case and in ASCII (IDN as A-labels); the local part stays as written, because
/// only its server knows whether case matters.
///
/// # Errors
/// [`BadAddress`] when it is no [`Address`] then.
///
/// ```
/// use formats::mail_address::read;
/// assert_eq!(read("Abuse+1@ISP.Example").as_deref(), Ok("Abuse+1@isp.example"));
/// assert_eq!(read("a@例え.example").as_deref(), Ok("a@xn--r8jz45g.example"));
/// assert!(read("abuse@isp.example>\r\nRCPT TO:<x@y.example").is_err());
/// ```
pub fn read(text: &str) -> Result<String, BadAddress> {
    let Some((local, domain)) = text.rsplit_once('@') else { return text.parse().map(|Address(address)| address) };
    let letters = |c: char| c.is_alphanumeric() || c == '-' || c == '.' || (!c.is_ascii() && !c.is_whitespace() && !c.is_control());
    let plain = !domain.starts_with('.') && !domain.ends_with('.') && domain.chars().all(letters);
    let ascii = if plain { crate::value::fqdn(domain) } else { None };
    let ascii = ascii.ok_or_else(|| BadAddress(text.chars().take(80).collect(), "what stands behind the @ is no domain"))?;
    format!("{local}@{ascii}").parse().map(|Address(address)| address)
}

/// Text as `xtext`, fit for a parameter of a command (RFC 3461 §4).
///
/// ```
/// assert_eq!(formats::mail_address::xtext("a+b=c d"), "a+2Bb+3Dc+20d");
/// ```
pub fn xtext(text: &str) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if byte != b'+' && byte != b'=' => out.push(char::from(byte)),
            _ => drop(write!(out, "+{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_end_the_command_or_header_that_carries_it() {
        for good in ["abuse@isp.example", "o'neill+x=y@a.b-c.example", "1@1.example", "a@xn--fsq.example"] {
            assert_eq!(good.parse::<Address>().map(|a| a.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "@",
            "a@",
            "@b.example",
            "a b@c.example",
            "a@c.example>",
            "<a@c.example>",
            "a@c.example\r\nRCPT TO:<b@c.example>",
            "a\r@c.example",
            "a\0@c.example",
            "\"a b\"@c.example",
            "a@[192.0.2.1]",
            "a@localhost",
            "a@c..example",
            "a@-c.example",
            "a@c.example.",
            ".a@c.example",
            "a..b@c.example",
            "é@c.example",
            "a@é.example",
            "a@c.example SIZE=1",
            "a,b@c.example",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?}");
        }
        assert!(format!("{}@c.example", "a".repeat(65)).parse::<Address>().is_err());
        assert!(format!("a@{}.example", "b".repeat(64)).parse::<Address>().is_err());
    }

    #[test]
    fn a_detail_goes_before_the_at_sign_and_must_fit() {
        let desk: Address = "notice@CSIRT.example".parse().unwrap();
        assert_eq!(desk.with_detail("abc").unwrap().as_str(), "notice+abc@CSIRT.example");
        assert_eq!((desk.local(), desk.domain().as_str()), ("notice", "csirt.example"));
        assert!(desk.with_detail("a>b").is_err() && desk.with_detail(&"x".repeat(60)).is_err() && desk.with_detail("a@b").is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_is_accepted_is_harmless(text in "\\PC{0,40}|[a-z+.@\"<> \r\n]{0,30}") {
            if let Ok(address) = text.parse::<Address>() {
                proptest::prop_assert!(address.as_str().bytes().all(|c| c.is_ascii_graphic() && !b"<>()[],;:\\\"".contains(&c)));
            }
            proptest::prop_assert!(xtext(&text).bytes().all(|c| c.is_ascii_graphic()));
        }
    }
}
