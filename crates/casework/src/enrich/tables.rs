//! Several tables, asked in order: the newest first, the built-in country table last.
//!
//! Each is asked only for what is still missing. The network is taken from the table that named the AS, because the
//! ranges of a country table are no announced prefixes.

use std::net::IpAddr;
use std::sync::Arc;

use super::table::{Answer, Table};
use super::{builtin, special};
use crate::model::event::Country;

/// The tables of a home.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Newest first.
    imported: Vec<Arc<Table>>,
}

impl Tables {
    /// Imported tables in any order; of one day, the later in the list comes first.
    pub fn new(mut imported: Vec<Arc<Table>>) -> Self {
        imported.reverse();
        imported.sort_by_key(|table| std::cmp::Reverse(table.about().origin.date));
        Self { imported }
    }

    /// All tables in the order in which they are asked.
    pub fn iter(&self) -> impl Iterator<Item = &Table> {
        self.imported.iter().map(Arc::as_ref).chain([builtin::country_table()])
    }

    /// What the tables together say of an address.
    pub fn lookup(&self, ip: IpAddr) -> Answer<'_> {
        let ip = ip.to_canonical();
        let mut answer = Answer::default();
        for table in &self.imported {
            if !table.about().origin.approximate || special::special(ip).is_none() {
                fill(&mut answer, table.lookup(ip));
            }
            if answer.asn.is_some() && answer.country.is_some() {
                return answer;
            }
        }
        if answer.country.is_none() && special::special(ip).is_none() {
            answer.country = builtin::country(ip);
        }
        answer
    }

    /// The country in which an AS number is registered, when a registry's table was imported.
    pub fn as_country(&self, asn: u32) -> Option<Country> {
        self.iter().find_map(|table| table.as_country(asn))
    }
}

fn fill<'t>(answer: &mut Answer<'t>, found: Answer<'t>) {
    if answer.asn.is_none() && found.asn.is_some() {
        (answer.asn, answer.as_name, answer.network) = (found.asn, found.as_name, found.network);
    } else if answer.as_name.is_none() && answer.asn == found.asn {
        answer.as_name = found.as_name;
    }
    answer.country = answer.country.or(found.country);
}

#[cfg(test)]
mod tests {
    use formats::address_table::{Entry, Range, Row};
    use jiff::civil::date;

    use super::super::{Builder, Origin};
    use super::*;

    /// First and last address, AS number, country.
    type Line<'a> = (&'a str, &'a str, Option<u32>, Option<[u8; 2]>);

    fn table(day: i8, approximate: bool, rows: &[Line<'_>]) -> Arc<Table> {
        let mut builder = Builder::new(Origin { date: date(2026, 6, day), approximate, ..Origin::default() });
        for (first, last, asn, country) in rows {
            let range = Range::new(first.parse().unwrap(), last.parse().unwrap()).unwrap();
            builder.add(&Entry::Addresses(Row { range, asn: *asn, as_name: None, country: *country }));
        }
        Arc::new(builder.build())
    }

    fn answer(tables: &Tables, ip: &str) -> (Option<u32>, Option<String>, Option<String>) {
        let answer = tables.lookup(ip.parse().unwrap());
        (answer.asn, answer.country.map(|c| c.as_str().to_owned()), answer.network.map(|n| n.to_string()))
    }

    #[test]
    fn the_newest_is_asked_first_and_the_others_for_what_is_missing() {
        let old = table(1, false, &[("133.0.0.0", "133.255.255.255", Some(64496), Some(*b"KR"))]);
        let new = table(9, false, &[("133.11.0.0", "133.11.255.255", Some(64497), None)]);
        for tables in [Tables::new(vec![old.clone(), new.clone()]), Tables::new(vec![new, old])] {
            assert_eq!(answer(&tables, "133.11.0.1"), (Some(64497), Some("KR".into()), Some("133.11.0.0/16".into())));
            assert_eq!(answer(&tables, "133.10.0.1"), (Some(64496), Some("KR".into()), Some("133.0.0.0/8".into())));
        }
    }

    #[test]
    fn without_imported_tables_the_country_is_known_and_no_network_is_made_up() {
        assert_eq!(answer(&Tables::default(), "133.11.0.1"), (None, Some("JP".into()), None));
        assert_eq!(Tables::default().iter().count(), 1);
    }

    #[test]
    fn special_addresses_are_answered_only_by_tables_that_mean_them() {
        let rows = [("10.0.0.0", "10.255.255.255", Some(64496), Some(*b"JP"))];
        assert_eq!(answer(&Tables::new(vec![table(1, true, &rows)]), "10.1.2.3"), (None, None, None));
        assert_eq!(
            answer(&Tables::new(vec![table(1, false, &rows)]), "10.1.2.3"),
            (Some(64496), Some("JP".into()), Some("10.0.0.0/8".into()))
        );
    }
}
