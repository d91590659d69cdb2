//! Would blocking this do harm, or should somebody look first?
//!
//! Asked when an indicator is made and again whenever a block list is. Reserved addresses and public suffixes are never blocked,
//! whatever lists are loaded. A page of a well-known host may be blocked as that page, never as the host.

use std::net::IpAddr;

use formats::value::network;
use formats::warning_list::Matching;

use super::class::Class;
use super::warning::{Hit, Warnings};
use crate::enrich::{registered_domain, special};
use crate::model::observable::{Kind, Observable};

/// Well-known networks named in the reasons why a larger one is not blocked.
const NAMED: usize = 3;

/// What is known against blocking a value.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Harm {
    /// The strictest of all.
    pub class: Option<Class>,
    /// `list: entry (class)`, or a reason of ours; the strictest first.
    pub because: Vec<String>,
}

impl Harm {
    /// ```
    /// use casework::indicate::{class::Class, harm::Harm, warning::Warnings};
    /// use casework::model::observable::{Kind, Observable};
    /// let harm = |kind, value| Harm::of(&Observable::read(kind, value).unwrap(), &Warnings::none()).class;
    /// assert_eq!(harm(Kind::Address, "10.1.2.3"), Some(Class::NeverBlock));
    /// assert_eq!(harm(Kind::Domain, "co.jp"), Some(Class::NeverBlock));
    /// assert_eq!(harm(Kind::Address, "9.9.9.9"), None);
    /// ```
    pub fn of(observable: &Observable, warnings: &Warnings) -> Self {
        let mut found: Vec<(Class, String)> = Vec::new();
        let page = observable.kind() == Kind::Url && names_a_page(observable.value());
        let as_class = |hit: Hit, by_host: bool| match warnings.list(hit).class {
            Class::NeverBlock if page && by_host => Class::Warn,
            class => class,
        };
        for hit in warnings.hits(observable) {
            let by_host = warnings.list(hit).matching == Matching::Hostname;
            found.push((as_class(hit, by_host), warnings.explain(hit)));
        }
        let host = if observable.kind() == Kind::Url { observable.host() } else { None };
        if let Some(host) = &host {
            found.extend(warnings.hits(host).into_iter().map(|hit| (as_class(hit, true), warnings.explain(hit))));
        }
        for place in [Some(observable), host.as_ref()].into_iter().flatten() {
            if let Some(ours) = ours(place) {
                found.push((Class::NeverBlock, ours));
            }
        }
        if let (Kind::Network, Some(network)) = (observable.kind(), network(observable.value())) {
            let inside = warnings.inside(network, Class::NeverBlock, NAMED);
            found.extend(inside.into_iter().map(|hit| (Class::NeverBlock, format!("it holds {}", warnings.explain(hit)))));
        }
        found.sort_by_key(|(class, _)| std::cmp::Reverse(*class));
        let mut because: Vec<String> = Vec::new();
        for (_, reason) in &found {
            if !because.contains(reason) {
                because.push(reason.clone());
            }
        }
        Self { class: found.first().map(|(class, _)| *class), because }
    }

    pub fn never_block(&self) -> bool {
        self.class == Some(Class::NeverBlock)
    }

    /// Somebody should look: the first list that says so.
    pub fn mark(&self) -> Option<&str> {
        if self.class == Some(Class::Warn) { self.because.first().map(String::as_str) } else { None }
    }
}

/// What needs no list.
fn ours(observable: &Observable) -> Option<String> {
    let reserved = |ip: IpAddr| special(ip).map(|block| format!("reserved address block {block}"));
    match observable.kind() {
        Kind::Address => reserved(observable.ip()?),
        Kind::Network => {
            let network = network(observable.value())?;
            let shortest = if network.address().is_ipv4() { 8 } else { 16 };
            if network.length() < shortest {
                Some("a network this large is no one's".to_owned())
            } else {
                reserved(network.address()).or_else(|| reserved(network.last()))
            }
        }
        Kind::Domain if registered_domain(observable.value()).is_none() => Some("a public suffix: others register below it".to_owned()),
        _ => None,
    }
}

/// More than the host: a path or a query.
fn names_a_page(url: &str) -> bool {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.find(['/', '?', '#']).is_some_and(|at| !matches!(&after_scheme[at..], "/" | "?" | "#" | "/?" | "/#"))
}

#[cfg(test)]
mod tests {
    use formats::warning_list::read_text;

    use super::super::class::Classes;
    use super::super::warning::Compiler;
    use super::*;

    #[test]
    fn a_page_of_a_well_known_host_may_be_blocked_but_not_the_host() {
        let mut compiler = Compiler::new(Classes::read("never-block = ['short', 'cdn']").unwrap());
        compiler.add("short", &read_text(b"short.example.com", Matching::Hostname).unwrap()).unwrap();
        compiler.add("cdn", &read_text(b"9.9.0.0/16", Matching::Cidr).unwrap()).unwrap();
        let warnings = compiler.finish().unwrap();
        let harm = |kind, value| Harm::of(&Observable::read(kind, value).unwrap(), &warnings);
        assert_eq!(harm(Kind::Url, "http://short.example.com/abc").class, Some(Class::Warn));
        assert_eq!(harm(Kind::Url, "http://short.example.com/abc").mark(), Some("short: short.example.com (never-block)"));
        assert!(harm(Kind::Url, "http://short.example.com/").never_block());
        assert!(harm(Kind::Domain, "short.example.com").never_block());
        assert!(harm(Kind::Network, "9.0.0.0/8").because[0].starts_with("it holds cdn: 9.9.0.0/16"));
        assert_eq!(harm(Kind::Url, "http://evil.example.com/").class, None);
        assert!(harm(Kind::Url, "http://127.0.0.1/x").never_block());
        assert!(harm(Kind::Network, "0.0.0.0/0").never_block());
    }
}
