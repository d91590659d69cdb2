//! `security.txt`: how a site wants to be told of vulnerabilities (RFC 9116).
//!
//! Fields are lines `Name: value`, in any order, names in any case. A file may be wrapped in an OpenPGP cleartext signature (RFC 9580 §7);
//! the wrapper is taken off, whether the signature is good is not asked here.

use jiff::Timestamp;

use crate::time;

/// What a file says; fields that may stand several times are in order of preference (RFC 9116 §2.5.3).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SecurityTxt {
    /// URIs: `mailto:`, `https:`, `tel:`.
    pub contacts: Vec<String>,
    /// From then on the file must not be used (§2.5.5).
    pub expires: Option<Timestamp>,
    /// URIs of keys.
    pub encryption: Vec<String>,
    pub canonical: Vec<String>,
    pub policy: Vec<String>,
    pub acknowledgments: Vec<String>,
    pub hiring: Vec<String>,
    /// RFC 5646 language tags, equally welcome.
    pub preferred_languages: Vec<String>,
    /// Provider metadata of CSAF advisories (registered by OASIS).
    pub csaf: Vec<String>,
    /// It stood in a cleartext signature.
    pub signed: bool,
    /// What the RFC does not allow, with its line.
    pub problems: Vec<String>,
}

impl SecurityTxt {
    /// Reads a file; `None` when it has none of the fields that make it one.
    ///
    /// ```
    /// use formats::security_txt::SecurityTxt;
    /// let read = SecurityTxt::read("# hello\nContact: mailto:psirt@acme.example\nExpires: 2027-01-01T00:00:00Z\n").unwrap();
    /// assert_eq!(read.mail_addresses().collect::<Vec<_>>(), ["psirt@acme.example"]);
    /// assert_eq!(read.problems, [""; 0]);
    /// ```
    pub fn read(text: &str) -> Option<Self> {
        let mut read = Self::default();
        let mut languages = false;
        // In a signature: its headers end with a blank line, its body with the signature.
        let mut in_headers = false;
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let number = number + 1;
            match line.trim_end() {
                "-----BEGIN PGP SIGNED MESSAGE-----" if !read.signed => {
                    (read.signed, in_headers) = (true, true);
                    continue;
                }
                "-----BEGIN PGP SIGNATURE-----" if read.signed => break,
                "" => {
                    in_headers = false;
                    continue;
                }
                _ if in_headers => continue,
                _ => {}
            }
            // RFC 9580 §7.1: dash-escaped text.
            let line = if read.signed { line.strip_prefix("- ").unwrap_or(line) } else { line }.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, value)) = line.split_once(':') else {
                read.problems.push(format!("line {number}: {:?} is no field", line.chars().take(80).collect::<String>()));
                continue;
            };
            let value = value.trim().to_owned();
            match name.trim().to_ascii_lowercase().as_str() {
                "contact" => read.contacts.push(value),
                "encryption" => read.encryption.push(value),
                "canonical" => read.canonical.push(value),
                "policy" => read.policy.push(value),
                "acknowledgments" | "acknowledgements" => read.acknowledgments.push(value),
                "hiring" => read.hiring.push(value),
                "csaf" => read.csaf.push(value),
                "expires" if read.expires.is_some() => read.problems.push(format!("line {number}: a second Expires")),
                "expires" => match time::read(&value) {
                    Some(moment) => read.expires = Some(moment.at),
                    None => read.problems.push(format!("line {number}: Expires {value:?} is no time")),
                },
                "preferred-languages" if languages => read.problems.push(format!("line {number}: a second Preferred-Languages")),
                "preferred-languages" => {
                    languages = true;
                    let tags = value.split(',').map(|tag| tag.trim().to_ascii_lowercase()).filter(|tag| !tag.is_empty());
                    read.preferred_languages.extend(tags);
                }
                // RFC 9116 §2.4: fields that are not known are to be ignored.
                _ => {}
            }
        }
        if read.contacts.is_empty() && read.expires.is_none() {
            return None;
        }
        if read.contacts.is_empty() {
            read.problems.push("there is no Contact".into());
        }
        if read.expires.is_none() && !read.problems.iter().any(|p| p.contains("Expires")) {
            read.problems.push("there is no Expires".into());
        }
        Some(read)
    }

    /// The mail addresses among the contacts, as written, without `?subject=…`; not checked.
    pub fn mail_addresses(&self) -> impl Iterator<Item = &str> {
        self.contacts.iter().filter_map(|contact| {
            let (scheme, rest) = contact.split_once(':')?;
            scheme.eq_ignore_ascii_case("mailto").then(|| rest.split('?').next().unwrap_or(rest))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_file_says_what_it_says() {
        let text = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n# Our policy\nContact: mailto:psirt@acme.example?subject=x\r\ncontact: https://acme.example/report\n\
                    - Expires: 2027-01-01T00:00:00+09:00\nPreferred-Languages: ja, en\nCanonical: https://acme.example/.well-known/security.txt\nUnknown: x\n\
                    -----BEGIN PGP SIGNATURE-----\n\nContact: mailto:not@this.example\n-----END PGP SIGNATURE-----\n";
        let read = SecurityTxt::read(text).unwrap();
        assert!(read.signed);
        assert_eq!(read.mail_addresses().collect::<Vec<_>>(), ["psirt@acme.example"]);
        assert_eq!((read.contacts.len(), read.expires.unwrap().to_string().as_str()), (2, "2026-12-31T15:00:00Z"));
        assert_eq!(read.preferred_languages, ["ja", "en"]);
        assert_eq!(read.problems, [""; 0]);
    }

    #[test]
    fn what_the_rfc_forbids_is_named_with_its_line() {
        let read =
            SecurityTxt::read("Contact: mailto:a@b.example\nExpires: soon\nnonsense\nPreferred-Languages: en\nPreferred-Languages: ja\n")
                .unwrap();
        assert_eq!(
            read.problems,
            ["line 2: Expires \"soon\" is no time", "line 3: \"nonsense\" is no field", "line 5: a second Preferred-Languages"]
        );
        assert_eq!(SecurityTxt::read("<html>not found</html>"), None);
    }
}
