//! Does a text have the form its property asks for?

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Level;
use super::table::{Form, vocabulary};

/// What is wrong: how much it matters, the name of the check, and what was expected.
pub(super) type Wrong = (Level, &'static str, &'static str);

pub(super) fn check(form: Form, text: &str) -> Option<Wrong> {
    let must = |right: bool, expected: &'static str| (!right).then_some((Level::Must, "value", expected));
    let should = |right: bool, code: &'static str, expected: &'static str| (!right).then_some((Level::Should, code, expected));
    match form {
        Form::Language | Form::SoftwareLanguage => must(language(text), "an RFC 5646 language tag"),
        Form::Url => must(url(text), "a URL (RFC 3986)"),
        Form::MimeType => must(media_type(text), "an IANA media type"),
        Form::MediaType => should(media_type(text), "mime-type", "an IANA media type"),
        Form::CharacterSet => must(
            (2..=250).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"/.+_:-()".contains(&c)),
            "an IANA character set",
        ),
        Form::HostName => must(host_name(text), "a domain name (RFC 1034, RFC 5890)"),
        Form::Email => must(address(text), "an addr-spec of RFC 5322"),
        Form::Ipv4 => must(network::<Ipv4Addr>(text, 32), "an IPv4 address or CIDR prefix"),
        Form::Ipv6 => must(network::<Ipv6Addr>(text, 128), "an IPv6 address or CIDR prefix"),
        Form::Mac => must(mac(text), "a MAC address in lower case with colons"),
        Form::Cpe => must(cpe(text), "a CPE 2.3 formatted string"),
        Form::Protocol => should(
            (1..=15).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'),
            "protocols",
            "an IANA service name or protocol",
        ),
        Form::Country => should(vocabulary("country").has(&text.to_ascii_uppercase()), "countries", "an ISO 3166-1 alpha-2 code"),
        Form::Relationship => must(
            !text.is_empty() && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-'),
            "lower case letters, digits and hyphens",
        ),
        Form::Product => should(
            !text.is_empty() && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-'),
            "malware-analysis-product",
            "lower case with hyphens between words",
        ),
        Form::Phase => should(open_form(text), "kill-chain-names", "lower case with hyphens between words"),
        Form::Priority => {
            should(text.len() > 6 && text.ends_with("_CLASS"), "windows-process-priority-format", "a text that ends in _CLASS")
        }
        Form::RegistryKey => {
            let short = ["HKLM", "HKCC", "HKCR", "HKCU", "HKU"];
            let hive = text.split('\\').next().unwrap_or_default();
            must(!short.iter().any(|short| hive.eq_ignore_ascii_case(short)), "a registry key with its hive not abbreviated")
        }
    }
}

/// How open vocabularies write their values (§10).
pub(super) fn open_form(text: &str) -> bool {
    text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase) && !text.contains(['_', ' '])
}

/// RFC 5646 §2.1 as far as letters go: subtags of at most eight, the first a language of ISO 639 or a private one.
pub(super) fn language(text: &str) -> bool {
    let mut subtags = text.split('-');
    let first = subtags.next().unwrap_or_default();
    let letters = first.bytes().all(|c| c.is_ascii_alphabetic());
    let first_right = letters
        && ((2..=8).contains(&first.len()) && first.len() != 4 || first.eq_ignore_ascii_case("x") || first.eq_ignore_ascii_case("i"));
    first_right && text.len() <= 100 && subtags.all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|c| c.is_ascii_alphanumeric()))
}

/// RFC 3986 §3: a scheme, and none of the characters that never stand in a URI. Letters beyond ASCII are left to RFC 3987.
fn url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_right =
        scheme.bytes().enumerate().all(|(at, c)| c.is_ascii_alphabetic() || at > 0 && (c.is_ascii_digit() || b"+-.".contains(&c)));
    let foreign = |c: char| c.is_control() || c.is_whitespace() || "<>\"{}|\\^`".contains(c);
    !scheme.is_empty() && scheme_right && !rest.is_empty() && !rest.contains(foreign)
}

/// RFC 5322 §3.4.1 with RFC 6532: a local part and a domain, without the name and brackets of a mailbox.
fn address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let foreign = |c: char| c.is_control() || "<>".contains(c);
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    !local.is_empty()
        && !domain.is_empty()
        && !text.contains(foreign)
        && !domain.contains(char::is_whitespace)
        && (quoted || !local.contains(char::is_whitespace))
}

fn media_type(text: &str) -> bool {
    let Some((kind, subtype)) = text.split_once('/') else { return false };
    ["application", "audio", "font", "image", "message", "model", "multipart", "text", "video"].contains(&kind)
        && !subtype.is_empty()
        && subtype.bytes().all(|c| c.is_ascii_alphanumeric() || b".+_-".contains(&c))
}

fn host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        let right = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || !c.is_ascii() && !c.is_control() && !c.is_whitespace();
        (1..=63).contains(&label.chars().count()) && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(right)
    };
    name.len() <= 1000 && name.split('.').all(label)
}

fn network<A: std::str::FromStr>(text: &str, bits: u8) -> bool {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let length_right = length.is_none_or(|length| {
        length.len() <= 3
            && !length.starts_with('+')
            && (length == "0" || !length.starts_with('0'))
            && length.parse::<u8>().is_ok_and(|n| n <= bits)
    });
    // RFC 4007 §11: an address may name its zone.
    let address = if bits == 128 { address.split_once('%').map_or(address, |(address, _)| address) } else { address };
    length_right && address.parse::<A>().is_ok()
}

fn mac(text: &str) -> bool {
    text.len() == 17
        && text.bytes().enumerate().all(|(at, c)| if at % 3 == 2 { c == b':' } else { c.is_ascii_digit() || (b'a'..=b'f').contains(&c) })
}

/// NISTIR 7695 §6.2: `cpe:2.3:` and eleven parts, the first of them a, h, o, or a sign for any or none.
fn cpe(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("cpe:2.3:") else { return false };
    let (mut parts, mut part, mut escaped) = (Vec::new(), String::new(), false);
    for c in rest.chars() {
        match c {
            ':' if !escaped => parts.push(std::mem::take(&mut part)),
            _ => part.push(c),
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(part);
    let allowed = |part: &String| {
        let bare = part.replace("\\\\", "");
        let mut escaped = false;
        !part.is_empty()
            && bare.chars().all(|c| {
                let right = escaped || c.is_ascii_alphanumeric() || "-._*?\\".contains(c);
                escaped = c == '\\' && !escaped;
                right
            })
    };
    parts.len() == 11 && ["a", "h", "o", "*", "-"].contains(&&*parts[0]) && parts.iter().all(allowed)
}

/// RFC 4648 §4, with padding.
pub(super) fn binary(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let padding = text.len() - body.len();
    !text.is_empty()
        && text.len().is_multiple_of(4)
        && padding <= 2
        && body.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'+' || c == b'/')
}

pub(super) fn hex(text: &str) -> bool {
    !text.is_empty() && text.len().is_multiple_of(2) && text.bytes().all(|c| c.is_ascii_hexdigit())
}

/// §10.7: the length of a hash that is written in hexadecimal digits.
pub(super) fn hash(algorithm: &str, value: &str) -> bool {
    let hex_of = |length: usize| value.len() == length && value.bytes().all(|c| c.is_ascii_hexdigit());
    match algorithm {
        "MD5" => hex_of(32),
        "SHA-1" => hex_of(40),
        "SHA-256" | "SHA3-256" => hex_of(64),
        "SHA-512" | "SHA3-512" => hex_of(128),
        "SSDEEP" => (1..=148).contains(&value.len()) && value.bytes().all(|c| c.is_ascii_alphanumeric() || b"/+:.".contains(&c)),
        "TLSH" => (70..=72).contains(&value.len()) && value.bytes().all(|c| c.is_ascii_alphanumeric()),
        _ => !value.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_apart() {
        for (form, right, wrong) in [
            (
                Form::Ipv4,
                &["198.51.100.3", "10.0.0.0/8", "0.0.0.0/0"][..],
                &["198.51.100", "198.51.100.3/33", "256.1.1.1", "1.1.1.1/08", "::1"][..],
            ),
            (Form::Ipv6, &["2001:db8::1", "::/0", "fe80::1%eth0", "2001:db8::/128"], &["2001:db8::/129", "198.51.100.3", "2001:db8"]),
            (Form::Mac, &["d2:fb:49:24:37:18"], &["D2:FB:49:24:37:18", "d2-fb-49-24-37-18", "d2:fb:49:24:37"]),
            (
                Form::Url,
                &["https://example.com/a?b=c", "urn:x:y", "https://例え.jp/攻撃"],
                &["example.com", "http:", "ht tp://x", "http://a b"],
            ),
            (
                Form::HostName,
                &["example.com", "日本語.jp", "_dmarc.example.", "xn--wgv71a119e.jp"],
                &["", "a..b", "-a.com", "a b.com", "http://a"],
            ),
            (Form::Language, &["en", "de-CH-1996", "zh-Hant-TW", "x-ours"], &["", "e", "en_US", "en-", "englisch-x-abcdefghi"]),
            (
                Form::Cpe,
                &["cpe:2.3:a:microsoft:word:2000:*:*:*:*:*:*:*", r"cpe:2.3:a:foo\\bar:big\$money:2010:*:*:*:special:ipod_touch:80gb:*"],
                &[
                    "cpe:/a:microsoft:word:2000",
                    "cpe:2.3:a:microsoft:word:2000",
                    "cpe:2.3:x:a:b:1:*:*:*:*:*:*:*",
                    "cpe:2.3:a:m$:word:2000:*:*:*:*:*:*:*",
                ],
            ),
        ] {
            right.iter().for_each(|text| assert_eq!(check(form, text), None, "{text}"));
            wrong.iter().for_each(|text| assert!(check(form, text).is_some(), "{form:?} {text}"));
        }
    }
}
