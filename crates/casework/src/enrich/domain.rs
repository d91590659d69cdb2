//! Under which name can a host name be registered? The Public Suffix List knows.

/// The registered domain of a host name: the public suffix and one label before it.
/// `None` for a public suffix itself. A top-level name that the list does not know counts as one, as its rules say.
///
/// ```
/// use casework::enrich::registered_domain;
/// assert_eq!(registered_domain("www.city.kawasaki.jp"), Some("city.kawasaki.jp"));
/// assert_eq!(registered_domain("a.b.example.co.uk"), Some("example.co.uk"));
/// assert_eq!(registered_domain("co.uk"), None);
/// assert_eq!(registered_domain("www.site.example"), Some("site.example"));
/// ```
pub fn registered_domain(fqdn: &str) -> Option<&str> {
    std::str::from_utf8(psl::domain(fqdn.as_bytes())?.trim().as_bytes()).ok()
}
