//! How is Zeek told what to watch for? A file of its intelligence framework: tab-separated, fields named in the first line.
//!
//! Zeek matches names exactly (not what is below), and URLs without scheme, as `HTTP::build_url` puts them together.

use std::borrow::Cow;

use super::{Entry, Head, Left, LeftOut, Value, Written, chosen, head, hexadecimal, is_address, why, written_network};

/// How the file is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// Who says it: `meta.source`.
    pub source: &'a str,
    /// Where the id of an indicator can be opened, before the slash: `https://node.example/indicator`.
    pub reference: Option<&'a str>,
    /// A column `meta.do_notice` that is true for what is not marked; needs `policy/frameworks/intel/do_notice`.
    pub notices: bool,
}

/// ```
/// use formats::block_list::{Entry, Head, Value, zeek_intel};
/// let value = Value::Url("http://evil.example/a");
/// let entry = Entry { value, id: [0; 16], because: &["phishing".into()], confidence: 80, expires: jiff::Timestamp::MAX, marked: false };
/// let file = zeek_intel::write(&[entry], zeek_intel::Wish { source: "musubi", ..Default::default() }, Head::default());
/// assert!(file.text.ends_with("\nevil.example/a\tIntel::URL\tmusubi\tphishing\t-\n"));
/// ```
pub fn write(entries: &[Entry<'_>], wish: Wish<'_>, top: Head<'_>) -> Written {
    let mut left_out = Left::new();
    let some = chosen(entries, |value| !matches!(value, Value::Other { .. }), &mut left_out);
    let mut text = String::with_capacity(256 + some.len() * 96);
    // The fields come first: what is above them, Zeek takes for a file without any.
    text.push_str("#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.url");
    text.push_str(if wish.notices { "\tmeta.do_notice\n" } else { "\n" });
    head("#", top, &mut text);
    let mut said = 0;
    for entry in some {
        let (value, kind): (Cow<'_, str>, _) = match entry.value {
            Value::Network(network) if is_address(network) => (written_network(network).into(), "ADDR"),
            Value::Network(network) => (network.to_string().into(), "SUBNET"),
            Value::Name(name) => (name.into(), "DOMAIN"),
            Value::Url(url) => match as_built(url) {
                Some(url) => (url.into(), "URL"),
                None => {
                    *left_out.entry(LeftOut::Kind).or_default() += 1;
                    continue;
                }
            },
            Value::MailAddress(address) => (address.into(), "EMAIL"),
            Value::Md5(hash) | Value::Sha1(hash) | Value::Sha256(hash) => (hash.into(), "FILE_HASH"),
            Value::FileName(name) => (name.into(), "FILE_NAME"),
            Value::Certificate(print) => (print.into(), "CERT_HASH"),
            Value::Other { .. } => continue,
        };
        said += 1;
        field(&value, &mut text);
        text.push_str("\tIntel::");
        text.push_str(kind);
        text.push('\t');
        field(wish.source, &mut text);
        text.push('\t');
        field(&why(entry), &mut text);
        text.push('\t');
        match wish.reference {
            Some(place) => {
                field(place, &mut text);
                text.push('/');
                hexadecimal(&entry.id, &mut text);
            }
            None => text.push('-'),
        }
        if wish.notices {
            text.push_str(if entry.marked { "\tF" } else { "\tT" });
        }
        text.push('\n');
    }
    Written { text, entries: said, left_out }
}

/// Host, port unless it is 80, and path. What Zeek cannot see (other schemes) is none.
fn as_built(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "http" | "https") {
        return None;
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.strip_suffix(":80").unwrap_or(host);
    let slash = if path.starts_with('/') { "" } else { "/" };
    Some(format!("{host}{slash}{path}"))
}

/// A field as Zeek's reader takes it: `\xHH` for what would be taken for something else, `-` for none.
fn field(text: &str, out: &mut String) {
    if text.trim().is_empty() {
        out.push('-');
        return;
    }
    let whole = text == "-" || text == "(empty)";
    for (number, c) in text.chars().enumerate() {
        match c {
            '\\' => out.push_str("\\x5c"),
            '#' if number == 0 => out.push_str("\\x23"),
            '-' | '(' if number == 0 && whole => {
                out.push_str(if c == '-' { "\\x2d" } else { "\\x28" });
            }
            c if super::breaks(c) => out.push(' '),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::made_up;
    use super::*;

    #[test]
    fn a_url_is_as_zeek_builds_it() {
        for (url, wanted) in [
            ("https://u:p@evil.example:80/a?b#c", Some("evil.example/a?b")),
            ("http://evil.example", Some("evil.example/")),
            ("http://evil.example?a", Some("evil.example/?a")),
            ("http://evil.example:8080/a", Some("evil.example:8080/a")),
            ("ftp://evil.example/", None),
        ] {
            assert_eq!(as_built(url).as_deref(), wanted);
        }
    }

    #[test]
    fn no_value_is_taken_for_none_or_for_a_comment() {
        let written = |text| {
            let mut out = String::new();
            field(text, &mut out);
            out
        };
        assert_eq!(["-", "(empty)", "#a", "a\\x09b", "-a"].map(written), ["\\x2d", "\\x28empty)", "\\x23a", "a\\x5cx09b", "-a"]);
    }

    proptest! {
        #[test]
        fn every_line_has_all_fields(owned in made_up::entries(), notices: bool) {
            let entries: Vec<_> = owned.iter().map(made_up::Owned::entry).collect();
            let wish = Wish { source: "a\tb", reference: Some("https://node.example/i"), notices };
            let file = write(&entries, wish, Head { title: "a\nb", notes: &[] });
            prop_assert_eq!(file.entries as u64 + file.left_out.values().sum::<u64>(), entries.len() as u64);
            let lines: Vec<_> = file.text.lines().filter(|line| !line.starts_with('#')).collect();
            prop_assert_eq!(lines.len(), file.entries);
            let fields = if notices { 6 } else { 5 };
            prop_assert!(lines.iter().all(|line| line.split('\t').count() == fields));
            prop_assert!(lines.iter().all(|line| line.split('\t').all(|field| !field.is_empty())));
        }
    }
}
