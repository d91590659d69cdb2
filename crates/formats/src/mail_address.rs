//! Is this a mail address that may stand in an SMTP command?
//!
//! RFC 5321 §4.1.2 allows quoted local parts, comments and address literals; none of them is found in a register of
//! contacts, and each has been used to smuggle commands. So only `Dot-string "@" Domain` is read: nothing that passes here
//! can hold a space, a bracket, a quote, a control character or a line end.

/// A text that is no plain mail address, and why.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} is no mail address: {reason}")]
pub struct BadAddress {
    pub text: String,
    pub reason: &'static str,
}

/// Octets of a local part (RFC 5321 §4.5.3.1.1).
const LOCAL: usize = 64;
/// Octets of an address, so that its path with brackets fits in 256 (RFC 5321 §4.5.3.1.3).
const WHOLE: usize = 254;

/// The address with its domain in lower case and in ASCII (IDN as A-labels); the local part stays as written, because
/// only its server knows whether case matters.
///
/// # Errors
/// [`BadAddress`] for everything else than `Dot-string "@" Domain` in ASCII.
///
/// ```
/// use formats::mail_address::read;
/// assert_eq!(read("Abuse+1@ISP.Example").as_deref(), Ok("Abuse+1@isp.example"));
/// assert_eq!(read("a@例え.example").as_deref(), Ok("a@xn--r8jz45g.example"));
/// assert!(read("abuse@isp.example>\r\nRCPT TO:<x@y.example").is_err());
/// ```
pub fn read(text: &str) -> Result<String, BadAddress> {
    let bad = |reason| BadAddress { text: text.chars().take(80).collect(), reason };
    let (local, domain) = text.rsplit_once('@').ok_or_else(|| bad("it has no @"))?;
    // RFC 5322 §3.2.3 atext.
    let atext = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&c);
    if local.is_empty() || local.len() > LOCAL {
        return Err(bad("what stands before the @ is not 1 to 64 characters long"));
    }
    if !local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(atext)) {
        return Err(bad("what stands before the @ is no dot-separated word of letters, digits and !#$%&'*+-/=?^_`{|}~"));
    }
    let letters = |c: char| c.is_alphanumeric() || c == '-' || c == '.' || !c.is_ascii();
    if domain.is_empty() || !domain.chars().all(letters) || domain.contains(char::is_whitespace) {
        return Err(bad("what stands behind the @ is no domain"));
    }
    let ascii = crate::value::fqdn(domain).ok_or_else(|| bad("what stands behind the @ is no domain"))?;
    let host =
        |label: &str| !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
    if domain.starts_with('.') || domain.ends_with('.') || !ascii.split('.').all(host) {
        return Err(bad("what stands behind the @ is no domain"));
    }
    let address = format!("{local}@{ascii}");
    if address.len() > WHOLE { Err(bad("it is longer than 254 characters")) } else { Ok(address) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_end_an_smtp_command_is_no_address() {
        for text in [
            "",
            "@",
            "a@",
            "@b.example",
            "a b@c.example",
            "a@b c.example",
            "a@b.example\r\n",
            "a@b.example>",
            "<a@b.example>",
            "a\0@b.example",
            "\"a b\"@c.example",
            "a@[192.0.2.1]",
            "a..b@c.example",
            ".a@c.example",
            "a@-b.example",
            "a@b_c.example",
            "a@b..example",
            "a@.b.example",
            "a@b.example.",
            "a,b@c.example",
            "a@b@c.example",
            "ä@b.example",
            "a(x)@b.example",
            "a@b.example(x)",
            "a@b[.]example",
            "a@\u{2028}b.example",
            "a@b\u{a0}c.example",
            "mailto:a@b.example",
            "a@192.0.2.1",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
        assert!(read(&format!("{}@b.example", "x".repeat(65))).is_err());
        assert!(read(&format!("x@{}example", "abcdefgh.".repeat(28))).is_err());
    }

    #[test]
    fn usual_addresses_are_read() {
        for (text, want) in [("o'neil@Example.ORG", "o'neil@example.org"), ("a.b-c_d+e=f@x-y.example", "a.b-c_d+e=f@x-y.example")] {
            assert_eq!(read(text).as_deref(), Ok(want));
        }
    }

    proptest::proptest! {
        #[test]
        fn an_address_that_was_read_is_printable_ascii_without_brackets_and_reads_as_itself(text in "[a-zA-Z.@<> \r\n\\[\\]äé\u{2028}\"-]{0,20}|\\PC{0,20}@\\PC{0,20}") {
            if let Ok(address) = read(&text) {
                proptest::prop_assert!(address.bytes().all(|c| c.is_ascii_graphic() && !b"<>()[]\"\\,;: ".contains(&c)));
                let again = read(&address);
                proptest::prop_assert_eq!(again.as_ref(), Ok(&address));
            }
        }
    }
}
