//! What does somebody mean who types this into a search box?
//!
//! Read by its form alone, and told back, so that whoever meant something else can say so: a text in quotation marks is words.

use std::net::IpAddr;

use formats::value::{self, Network, hash_kind};

/// What a text was read as.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Meaning {
    Address(IpAddr),
    Network(Network),
    /// The number of an autonomous system.
    Asn(u32),
    Url(String),
    /// The algorithm its length speaks for, and its digits in lower case.
    Hash(&'static str, String),
    Mail(String),
    Domain(String),
    /// Each of them is looked for.
    Words(Vec<String>),
}

/// Words beyond these are not looked for.
const WORDS: usize = 8;
/// Characters of a text; nothing that is looked for is longer.
const LONGEST: usize = 2048;

impl Meaning {
    /// Reads a text; `None` when there is nothing in it.
    ///
    /// ```
    /// use casework::model::meaning::Meaning;
    /// assert_eq!(Meaning::read("198.51.100[.]7").unwrap().kind(), "address");
    /// assert_eq!(Meaning::read("AS64496"), Some(Meaning::Asn(64496)));
    /// assert_eq!(Meaning::read("\"example.com\"").unwrap().kind(), "words");
    /// ```
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.len() > LONGEST {
            return (!text.is_empty()).then(|| Self::words(text.chars().take(LONGEST).collect::<String>().as_str()));
        }
        if text.starts_with('"') || text.contains(char::is_whitespace) {
            return Some(Self::words(text));
        }
        // A single label may be a name, but whoever types it means a word.
        let value = Self::value(text).filter(|value| !matches!(value, Self::Domain(name) if !text.contains('.') || !name.contains('.')));
        Some(value.unwrap_or_else(|| Self::words(text)))
    }

    /// A value, and nothing that is only words.
    pub fn value(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(ip) = value::ip(text) {
            return Some(Self::Address(ip));
        }
        if text.contains("://") || text.contains("[:") {
            if let Some(url) = value::url(text) {
                return Some(Self::Url(url.into_owned()));
            }
        } else if let Some(network) = value::network(text) {
            return Some(Self::Network(network));
        }
        // A bare number is no number of a network: ports, counts and years are numbers too.
        if text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("as"))
            && let Some(asn) = value::asn(text)
        {
            return Some(Self::Asn(asn));
        }
        if let Some(algorithm) = hash_kind(text) {
            return Some(Self::Hash(algorithm, text.to_lowercase()));
        }
        let refanged = value::refang(text);
        if let Some((_, domain)) = refanged.split_once('@')
            && value::fqdn(domain).is_some()
        {
            return Some(Self::Mail(refanged.into_owned()));
        }
        value::fqdn(text).map(|name| Self::Domain(name.into_owned()))
    }

    fn words(text: &str) -> Self {
        let words = text.split(|c: char| c.is_whitespace() || c == '"').filter(|word| !word.is_empty());
        Self::Words(words.take(WORDS).map(str::to_lowercase).collect())
    }

    /// Its name: `address`, `network`, `asn`, `url`, `hash`, `mail`, `domain`, `words`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::Network(_) => "network",
            Self::Asn(_) => "asn",
            Self::Url(_) => "url",
            Self::Hash(..) => "hash",
            Self::Mail(_) => "mail",
            Self::Domain(_) => "domain",
            Self::Words(_) => "words",
        }
    }

    /// The value as it stands in events; words as they were read.
    pub fn text(&self) -> String {
        match self {
            Self::Address(ip) => ip.to_string(),
            Self::Network(network) => network.to_string(),
            Self::Asn(asn) => format!("AS{asn}"),
            Self::Url(text) | Self::Hash(_, text) | Self::Mail(text) | Self::Domain(text) => text.clone(),
            Self::Words(words) => words.join(" "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_by_their_form() {
        for (text, kind, read) in [
            ("198.51.100.7", "address", "198.51.100.7"),
            (" 2001:DB8::1 ", "address", "2001:db8::1"),
            ("198.51.100.0/24", "network", "198.51.100.0/24"),
            ("as64496", "asn", "AS64496"),
            ("hxxp://example[.]com/a", "url", "http://example.com/a"),
            ("D41D8CD98F00B204E9800998ECF8427E", "hash", "d41d8cd98f00b204e9800998ecf8427e"),
            ("abuse@example.com", "mail", "abuse@example.com"),
            ("Example[.]com", "domain", "example.com"),
            ("\"example.com\"", "words", "example.com"),
            ("Mirai botnet", "words", "mirai botnet"),
            ("443", "words", "443"),
            ("結び目", "words", "結び目"),
        ] {
            let meaning = Meaning::read(text).unwrap();
            assert_eq!((meaning.kind(), meaning.text().as_str()), (kind, read), "{text}");
        }
        assert_eq!(Meaning::read("  "), None);
        assert_eq!(Meaning::read(&"x ".repeat(5000)).unwrap().text(), ["x"; WORDS].join(" "));
    }
}
