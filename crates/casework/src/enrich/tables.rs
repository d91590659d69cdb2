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
            answer.country = builtin::country_table().lookup(ip).country;
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
