//! A file for `nft -f`: one table of ours with a set for each family, the chains that drop what is in them, and nothing else's rules touched.
//!
//! The file replaces the table in one transaction: it is added (so that it is there), deleted and made anew, so loading it again is harmless, and
//! at no moment nothing is blocked. Overlapping networks become ranges ([`intervals`]), which `interval` sets need without `auto-merge`; each
//! range carries a timeout, so a firewall that hears nothing more forgets by itself.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{Entry, Head, Left, LeftOut, Value, Written, chosen, head, intervals, why};

/// What the firewall does with a packet from or to such an address.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Verdict {
    #[default]
    Drop,
    Reject,
    /// Counted and let through: to see what would be lost.
    Count,
}

impl Verdict {
    fn written(self) -> &'static str {
        match self {
            Self::Drop => "counter drop",
            Self::Reject => "counter reject",
            Self::Count => "counter",
        }
    }
}

/// How the file is made.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Of the table: a letter, then letters, digits and underscores.
    pub table: &'a str,
    pub verdict: Verdict,
    /// Now. Timeouts are whole hours from the hour in which it lies, so within one hour the same list gives the same file.
    pub made: Timestamp,
    /// Reasons as comments of the file.
    pub reasons: bool,
}

/// Why no file is made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("{0:?} is no name of a table: a letter, then letters, digits and underscores, at most 31")]
    Table(String),
}

const HOUR: i64 = 3_600;

/// ```
/// use formats::block_list::{Entry, Head, Value, nftables};
/// use formats::value::network;
/// let made = jiff::Timestamp::from_second(1_800_000_000).unwrap();
/// let expires = jiff::Timestamp::from_second(1_800_009_000).unwrap();
/// let value = Value::Network(network("192.0.2.0/25").unwrap());
/// let entry = Entry { value, id: [0; 16], because: &[], confidence: 80, expires, marked: false };
/// let wish = nftables::Wish { table: "musubi", verdict: nftables::Verdict::Drop, made, reasons: true };
/// let file = nftables::write(&[entry], wish, Head::default())?;
/// assert!(file.text.contains("192.0.2.0-192.0.2.127 timeout 3h"));
/// # Ok::<(), nftables::Error>(())
/// ```
///
/// # Errors
/// When the table cannot be called so.
pub fn write(entries: &[Entry<'_>], wish: Wish<'_>, top: Head<'_>) -> Result<Written, Error> {
    let table = wish.table;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if table.len() > 31 || !table.starts_with(|c: char| c.is_ascii_alphabetic()) || !table.bytes().all(plain) {
        return Err(Error::Table(table.chars().take(40).collect()));
    }
    let mut left_out = Left::new();
    let some = chosen(entries, |value| matches!(value, Value::Network(_)), &mut left_out);
    let hour = wish.made.as_second().div_euclid(HOUR);
    // In hours from `hour`; what has expired has no time left and is not written.
    let mut networks = Vec::with_capacity(some.len());
    for entry in &some {
        let Value::Network(network) = entry.value else { continue };
        let hours = (entry.expires.as_second() + HOUR - 1).div_euclid(HOUR) - hour;
        if let (1.., Ok(until)) = (hours, Timestamp::from_second(hours)) {
            networks.push((network, until, *entry));
        }
    }
    let plain: Vec<_> = networks.iter().map(|(network, until, _)| (*network, *until)).collect();
    let ranges = intervals::ranges(&plain);

    let mut text = String::with_capacity(1024 + ranges.len() * 80);
    text.push_str("#!/usr/sbin/nft -f\n");
    head("#", top, &mut text);
    let _ = write!(text, "add table inet {table}\ndelete table inet {table}\ntable inet {table} {{\n");
    for (family, set, ipv4) in [("ipv4_addr", "blocked4", true), ("ipv6_addr", "blocked6", false)] {
        let _ = write!(text, "\tset {set} {{\n\t\ttype {family}\n\t\tflags interval, timeout\n");
        let mut of_family = ranges.iter().filter(|range| range.first.is_ipv4() == ipv4).peekable();
        if of_family.peek().is_some() {
            text.push_str("\t\telements = {\n");
            while let Some(range) = of_family.next() {
                text.push_str("\t\t\t");
                let _ = write!(text, "{}", range.first);
                if range.first != range.last {
                    let _ = write!(text, "-{}", range.last);
                }
                let _ = write!(text, " timeout {}h", range.expires.as_second());
                text.push_str(if of_family.peek().is_some() { "," } else { "" });
                if wish.reasons {
                    let because = why(networks[range.of].2);
                    if !because.is_empty() {
                        text.push_str(" # ");
                        text.push_str(&because);
                    }
                }
                text.push('\n');
            }
            text.push_str("\t\t}\n");
        }
        text.push_str("\t}\n");
    }
    let verdict = wish.verdict.written();
    // Before the filters of others, so that what they accept is dropped first. What reaches us, what we let through, what leaves us.
    for (chain, sides) in [("input", &["saddr"][..]), ("forward", &["saddr", "daddr"]), ("output", &["daddr"])] {
        let _ = write!(text, "\tchain {chain} {{\n\t\ttype filter hook {chain} priority -10; policy accept;\n");
        for side in sides {
            let _ = write!(text, "\t\tip {side} @blocked4 {verdict}\n\t\tip6 {side} @blocked6 {verdict}\n");
        }
        text.push_str("\t}\n");
    }
    text.push_str("}\n");
    if some.len() > networks.len() {
        left_out.insert(LeftOut::Expired, (some.len() - networks.len()) as u64);
    }
    Ok(Written { text, entries: networks.len(), left_out })
}
