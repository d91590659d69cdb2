//! How others write addresses, networks, names and numbers, and what they mean by it.
//!
//! Reports write `hxxp://evil[.]example/`, `::ffff:192.0.2.1`, `AS64496`, `Évil.example.`;
//! these functions read them into one form. None keeps state, none panics.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IP prefix in canonical form: host bits are zero.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Network {
    address: IpAddr,
    length: u8,
}

impl Network {
    /// The network of this length that holds the address; `None` when the length is too long for the family.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let address = match address {
            IpAddr::V4(v4) if length <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
            }
            IpAddr::V6(v6) if length <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
            }
            _ => return None,
        };
        Some(Self { address, length })
    }

    pub fn address(self) -> IpAddr {
        self.address
    }

    /// Prefix length in bits.
    pub fn length(self) -> u8 {
        self.length
    }

    pub fn contains(self, address: IpAddr) -> bool {
        Self::new(address, self.length).is_some_and(|n| n.address == self.address)
    }

    /// The last address of the network.
    pub fn last(self) -> IpAddr {
        match self.address {
            IpAddr::V4(v4) => {
                let hosts = u32::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() | hosts))
            }
            IpAddr::V6(v6) => {
                let hosts = u128::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() | hosts))
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Reads an address; brackets, defanging and a zone index are taken off, an IPv4-mapped IPv6
/// address is the IPv4 address it stands for (RFC 4291 §2.5.5.2).
///
/// ```
/// use formats::value::ip;
/// assert_eq!(ip("::ffff:192.0.2.1"), ip("192[.]0[.]2[.]1"));
/// assert_eq!(ip("300.1.2.3"), None);
/// ```
pub fn ip(text: &str) -> Option<IpAddr> {
    if let Some(fast) = ipv4(text.as_bytes()) {
        return Some(IpAddr::V4(fast));
    }
    let text = text.trim();
    if text.len() > 64 {
        return None;
    }
    let text = refang(text);
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(&text);
    let bare = bare.split_once('%').map_or(bare, |(address, _zone)| address);
    match bare.parse().ok()? {
        IpAddr::V6(v6) => Some(v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4)),
        v4 => Some(v4),
    }
}

/// Dotted quad without leading zeros, nothing before or after it.
pub fn ipv4(b: &[u8]) -> Option<Ipv4Addr> {
    if b.len() < 7 || b.len() > 15 {
        return None;
    }
    let (mut bits, mut octet, mut digits, mut dots) = (0_u32, 0_u32, 0_u8, 0_u8);
    for &c in b {
        match c {
            b'0'..=b'9' => {
                if digits > 0 && octet == 0 {
                    return None;
                }
                octet = octet * 10 + u32::from(c - b'0');
                digits += 1;
                if octet > 255 {
                    return None;
                }
            }
            b'.' if digits > 0 && dots < 3 => {
                bits = bits << 8 | octet;
                (octet, digits, dots) = (0, 0, dots + 1);
            }
            _ => return None,
        }
    }
    (dots == 3 && digits > 0).then(|| Ipv4Addr::from_bits(bits << 8 | octet))
}

/// Reads `192.0.2.0/24`, `2001:db8::/32`, `192.0.2.0/255.255.255.0`; host bits are dropped. A lone address is a network of one.
///
/// ```
/// use formats::value::network;
/// assert_eq!(network("192.0.2.77/255.255.255.0").unwrap().to_string(), "192.0.2.0/24");
/// assert_eq!(network("192.0.2.0/33"), None);
/// ```
pub fn network(text: &str) -> Option<Network> {
    let text = refang(text.trim());
    let Some((address, length)) = text.split_once('/') else {
        let address = ip(&text)?;
        return Network::new(address, if address.is_ipv4() { 32 } else { 128 });
    };
    let address = ip(address)?;
    let length = match length.trim().parse::<u8>() {
        Ok(length) => length,
        Err(_) => {
            let mask: Ipv4Addr = length.trim().parse().ok()?;
            let ones = mask.to_bits().leading_ones();
            (mask.to_bits().count_ones() == ones).then(|| u8::try_from(ones).ok()).flatten()?
        }
    };
    Network::new(address, length)
}

/// `64496`, `AS64496`, `as 64496`; also `asdot` (`1.10`, RFC 5396). Zero is no AS number.
///
/// ```
/// use formats::value::asn;
/// assert_eq!((asn("AS64496"), asn("1.10"), asn("AS0")), (Some(64_496), Some(65_546), None));
/// ```
pub fn asn(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = match text.get(..2) {
        Some(start) if start.eq_ignore_ascii_case("as") => text[2..].trim_start_matches([' ', ':']),
        _ => text,
    };
    let number = match digits.split_once('.') {
        Some((high, low)) => u32::from(high.parse::<u16>().ok()?) << 16 | u32::from(low.parse::<u16>().ok()?),
        None => digits.parse().ok()?,
    };
    (number != 0).then_some(number)
}

/// Two letters, upper case (ISO 3166-1 alpha-2, also `EU`, `AP`, `ZZ`, `A1` as registries write them).
///
/// ```
/// assert_eq!(formats::value::country("jp"), Some(*b"JP"));
/// ```
pub fn country(text: &str) -> Option<[u8; 2]> {
    match text.trim().as_bytes() {
        [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphanumeric() => Some([a.to_ascii_uppercase(), b.to_ascii_uppercase()]),
        _ => None,
    }
}

/// A host name in its ASCII form: lower case, no root dot, IDN as A-labels (UTS 46), defanging undone.
/// Not an address; a single label is a name too.
///
/// ```
/// use formats::value::fqdn;
/// assert_eq!(fqdn("Bücher[.]Example.").as_deref(), Some("xn--bcher-kva.example"));
/// assert_eq!(fqdn("192.0.2.1"), None);
/// ```
pub fn fqdn(text: &str) -> Option<Cow<'_, str>> {
    let name = text.trim_matches([' ', '\t', '.']);
    if name.is_empty() || name.len() > 1024 {
        return None;
    }
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.' || c == b'_';
    let name = if name.bytes().all(plain) {
        Cow::Borrowed(name)
    } else if name.bytes().all(|c| plain(c.to_ascii_lowercase())) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        let refanged = refang(name);
        let wildcard = refanged.strip_prefix("*.").unwrap_or(&refanged);
        if wildcard.bytes().any(|c| c.is_ascii() && !plain(c.to_ascii_lowercase())) {
            return None;
        }
        // UTS 46 maps some characters to a space and another (U+02DC): that is no name.
        Cow::Owned(idna::domain_to_ascii(wildcard).ok().filter(|ascii| ascii.bytes().all(plain))?)
    };
    let last = name.rsplit('.').next()?;
    let fits = name.len() <= 253
        && name.split('.').all(|label| (1..=63).contains(&label.len()))
        // RFC 3696 §2: a top-level name is not all digits, which also keeps addresses out.
        && !last.bytes().all(|c| c.is_ascii_digit());
    fits.then_some(name)
}

/// An absolute URL with defanging undone: `hxxp://a[.]example/x` is `http://a.example/x`. The scheme and host are
/// lower-cased, a host in other scripts becomes its ASCII form; path and query stay as written.
///
/// ```
/// use formats::value::url;
/// assert_eq!(url("hXXp://Login.Example[.]com:8080/A?b").as_deref(), Some("http://login.example.com:8080/A?b"));
/// assert_eq!(url("login.example.com/A"), None);
/// ```
pub fn url(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim();
    let text = refang(text);
    let (scheme, rest) = text.split_once("://")?;
    let scheme_fits = scheme.bytes().next()?.is_ascii_alphabetic()
        && scheme.len() <= 32
        && scheme.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.'));
    if !scheme_fits || text.len() > 65_536 || text.bytes().any(|c| c < b' ') {
        return None;
    }
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    let (user, host_port) = authority.rsplit_once('@').map_or((None, authority), |(u, h)| (Some(u), h));
    let (host, port) = split_port(host_port);
    if host.is_empty() || port.is_some_and(|p| p.len() > 5 || !p.bytes().all(|c| c.is_ascii_digit())) {
        return None;
    }
    let known_host = if ip(host).is_some() { Cow::Borrowed(host) } else { fqdn(host)? };
    // A root dot is part of the URL as fetched, though not of the host's name.
    let known_host = if host.ends_with('.') && !known_host.ends_with('.') { format!("{known_host}.").into() } else { known_host };
    if known_host == host && !scheme.bytes().any(|c| c.is_ascii_uppercase()) {
        return Some(text);
    }
    let user = user.map(|u| format!("{u}@")).unwrap_or_default();
    let port = port.map(|p| format!(":{p}")).unwrap_or_default();
    Some(Cow::Owned(format!("{}://{user}{known_host}{port}{path}", scheme.to_ascii_lowercase())))
}

/// The host of an absolute URL, without brackets, user and port.
///
/// ```
/// assert_eq!(formats::value::host_of("http://user@[2001:db8::1]:80/x"), Some("2001:db8::1"));
/// ```
pub fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
    let host = split_port(host_port).0;
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    (!host.is_empty()).then_some(host)
}

/// The port that an absolute URL names, if it names one.
///
/// ```
/// assert_eq!(formats::value::port_of("http://a.example:8080/x"), Some(8080));
/// ```
pub fn port_of(url: &str) -> Option<u16> {
    let (_, rest) = url.split_once("://")?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
    split_port(host_port).1?.parse().ok()
}

/// `host:port`, `[v6]:port`, or a host alone.
///
/// ```
/// use formats::value::split_port;
/// assert_eq!(split_port("[2001:db8::1]:443"), ("[2001:db8::1]", Some("443")));
/// assert_eq!(split_port("2001:db8::1"), ("2001:db8::1", None));
/// ```
pub fn split_port(text: &str) -> (&str, Option<&str>) {
    if let Some(end) = text.strip_prefix('[').and_then(|t| t.find(']')) {
        let (host, rest) = text.split_at(end + 2);
        return (host, rest.strip_prefix(':'));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

/// Undoes what people do to make a link harmless: `hxxp`, `h**p`, `[.]`, `(.)`, `{.}`, `[dot]`, `[:]`, `[@]`, `[at]`.
///
/// ```
/// assert_eq!(formats::value::refang("hxxp://a[.]example[:]80/"), "http://a.example:80/");
/// ```
pub fn refang(text: &str) -> Cow<'_, str> {
    let b = text.as_bytes();
    let scheme = b.len() > 4
        && b[0].eq_ignore_ascii_case(&b'h')
        && ((b[1].eq_ignore_ascii_case(&b'x') && b[2].eq_ignore_ascii_case(&b'x'))
            || (b[1] == b'*' && b[2] == b'*')
            || (b[1].eq_ignore_ascii_case(&b't') && b[2].eq_ignore_ascii_case(&b'x')))
        && b[3].eq_ignore_ascii_case(&b'p');
    let bracketed = memchr::memchr3(b'[', b'(', b'{', b).is_some();
    if !scheme && !bracketed {
        return Cow::Borrowed(text);
    }
    let mut out = if scheme { format!("http{}", &text[4..]) } else { text.to_owned() };
    if bracketed {
        for (from, to) in [
            ("[.]", "."),
            ("(.)", "."),
            ("{.}", "."),
            ("[dot]", "."),
            ("(dot)", "."),
            ("[:]", ":"),
            ("[://]", "://"),
            ("[/]", "/"),
            ("[@]", "@"),
            ("[at]", "@"),
            ("[.", "."),
            (".]", "."),
        ] {
            if out.contains(from) && !(from.len() == 2 && out.contains(':')) {
                out = out.replace(from, to);
            }
        }
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

/// The name of a hash by the length of its hexadecimal text: MD5, SHA-1, SHA-256 or SHA-512.
///
/// ```
/// assert_eq!(formats::value::hash_kind("d41d8cd98f00b204e9800998ecf8427e"), Some("md5"));
/// ```
pub fn hash_kind(text: &str) -> Option<&'static str> {
    if !text.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    match text.len() {
        32 => Some("md5"),
        40 => Some("sha1"),
        64 => Some("sha256"),
        128 => Some("sha512"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_hides_a_space_makes_no_host_name() {
        assert_eq!((fqdn("\u{2dc}t"), fqdn("\u{2dc}t.example"), url("http://\u{2dc}t.example/")), (None, None, None));
    }

    #[test]
    fn defanged_urls_are_read_as_what_they_were() {
        for (text, want) in [
            ("hxxp://evil[.]example/a?b", "http://evil.example/a?b"),
            ("hXXps[:]//evil(.)example:8443/", "https://evil.example:8443/"),
            ("HTTP://Evil.Example/Path", "http://evil.example/Path"),
            ("http://user:pw@192.0.2.1:8080/x", "http://user:pw@192.0.2.1:8080/x"),
            ("http://[2001:db8::1]:80/x", "http://[2001:db8::1]:80/x"),
            ("http://Evil.example./x", "http://evil.example./x"),
            ("http://日本.example/", "http://xn--wgv71a.example/"),
        ] {
            assert_eq!(url(text).as_deref(), Some(want), "{text}");
        }
        for text in ["evil.example/x", "http://", "http:///x", "javascript:alert(1)", "http://a:port/"] {
            assert_eq!(url(text), None, "{text}");
        }
    }

    #[test]
    fn hosts_and_ports_are_found_in_urls() {
        assert_eq!(host_of("http://u@h.example:81/p@q"), Some("h.example"));
        assert_eq!(port_of("http://[2001:db8::1]:8080/"), Some(8080));
        assert_eq!(host_of("http://[2001:db8::1]:8080/"), Some("2001:db8::1"));
        assert_eq!(port_of("http://h.example/"), None);
    }

    #[test]
    fn networks_drop_host_bits_and_know_their_last_address() {
        let n = network("192.0.2.77/24").unwrap();
        assert_eq!((n.to_string().as_str(), n.last().to_string().as_str()), ("192.0.2.0/24", "192.0.2.255"));
        assert!(n.contains("192.0.2.1".parse().unwrap()) && !n.contains("192.0.3.1".parse().unwrap()));
        assert_eq!(network("10.0.0.0/255.0.0.0").unwrap().length(), 8);
        assert_eq!(network("10.0.0.0/33"), None);
        assert_eq!(network("::/0").unwrap().last().to_string(), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    }

    proptest::proptest! {
        #[test]
        fn addresses_survive_writing_and_reading(bits: u32, wide: u128) {
            let v4 = IpAddr::V4(Ipv4Addr::from_bits(bits));
            proptest::prop_assert_eq!(ip(&v4.to_string()), Some(v4));
            let v6 = Ipv6Addr::from_bits(wide);
            let want = v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4);
            proptest::prop_assert_eq!(ip(&v6.to_string()), Some(want));
        }

        #[test]
        fn no_text_makes_a_reader_panic(text in ".{0,60}") {
            let _ = (ip(&text), network(&text), asn(&text), fqdn(&text), url(&text), host_of(&text), port_of(&text));
        }

        #[test]
        fn reading_a_url_twice_changes_nothing(text in "(hxxp|http|HTTPS)://[a-z]{1,8}(\\[\\.\\]|\\.)(com|example)(:[0-9]{1,4})?/[ -~]{0,20}") {
            if let Some(once) = url(&text) {
                proptest::prop_assert_eq!(url(&once).map(Cow::into_owned), Some(once.to_string()));
            }
        }
    }
}
