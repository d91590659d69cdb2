//! Whose network, which country? Tables answer, offline and in batches of millions.
//!
//! A [`Table`] holds what one publisher says; [`Tables`] asks several in order, the built-in country table last.
//! [`enrich`] fills what a report left open and never overwrites what it said: where table and report differ, both are
//! known afterwards.

pub mod builder;
pub mod builtin;
pub mod domain;
pub mod image;
pub mod registry;
pub mod registry_builder;
pub mod responsible;
pub mod special;
pub mod table;
pub mod tables;

pub use builder::Builder;
pub use domain::registered_domain;
pub use image::ImageError;
pub use registry::{Registry, RegistryAbout, RegistryContact};
pub use registry_builder::RegistryBuilder;
pub use special::special;
pub use table::{Answer, Kind, Origin, Table, TableAbout};
pub use tables::Tables;

use std::borrow::Cow;

use crate::model::event::{Endpoint, Event};

/// What the tables say of one end; nothing when it has no address.
pub type EndFound<'t> = Answer<'t>;

/// What the tables say of both ends, whether or not the report said it too.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Found<'t> {
    pub source: EndFound<'t>,
    pub destination: EndFound<'t>,
}

impl<'t> Found<'t> {
    /// What the tables say otherwise than the event's columns: to be kept beside them, as the tables' view (`by_table`).
    pub fn otherwise_than(&self, event: &Event<'_>) -> Self {
        Self { source: self.source.otherwise_than(&event.source), destination: self.destination.otherwise_than(&event.destination) }
    }
}

impl<'t> EndFound<'t> {
    /// The values that are not the same as those of the end.
    pub fn otherwise_than(&self, end: &Endpoint<'_>) -> Self {
        Self {
            asn: self.asn.filter(|asn| end.asn != Some(*asn)),
            as_name: self.as_name.filter(|name| end.as_name.as_deref() != Some(*name)),
            network: self.network.filter(|network| end.network != Some(*network)),
            country: self.country.filter(|country| end.country != Some(*country)),
        }
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// All that the tables say of the event's addresses, beside what the report says.
pub fn ask<'t>(event: &Event<'_>, tables: &'t Tables) -> Found<'t> {
    let end = |end: &Endpoint<'_>| end.ip.map(|ip| tables.lookup(ip)).unwrap_or_default();
    Found { source: end(&event.source), destination: end(&event.destination) }
}

/// Fills what the report does not say of its addresses from the tables, and returns all that the tables say.
///
/// To be called after the event has its identity, which must not change with our tables.
pub fn enrich<'a>(event: &mut Event<'a>, tables: &'a Tables) -> Found<'a> {
    Found { source: enrich_end(&mut event.source, tables), destination: enrich_end(&mut event.destination, tables) }
}

fn enrich_end<'a>(end: &mut Endpoint<'a>, tables: &'a Tables) -> EndFound<'a> {
    let Some(ip) = end.ip else { return EndFound::default() };
    let found = tables.lookup(ip);
    end.asn = end.asn.or(found.asn);
    // The name belongs to the AS: beside an AS that the report names otherwise it would be wrong.
    if end.as_name.is_none() && end.asn == found.asn {
        end.as_name = found.as_name.map(Cow::Borrowed);
    }
    end.network = end.network.or(found.network);
    end.country = end.country.or(found.country);
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use formats::address_table::{Entry, Range, Row};

    use super::*;
    use crate::model::event::{Country, Side};
    use crate::model::field::Field;

    fn tables() -> Tables {
        let mut builder = Builder::new(Origin::default());
        let range = Range::new("192.0.2.0".parse().unwrap(), "192.0.2.255".parse().unwrap()).unwrap();
        builder.add(&Entry::Addresses(Row { range, asn: Some(64496), as_name: Some("Example"), country: Some(*b"JP") }));
        Tables::new(vec![Arc::new(builder.build())])
    }

    #[test]
    fn what_the_report_leaves_open_is_filled() {
        let tables = tables();
        let mut event = Event::default();
        event.set(Field::Ip(Side::Destination), "192.0.2.7").unwrap();
        let found = enrich(&mut event, &tables);
        let end = &event.destination;
        assert_eq!((end.asn, end.as_name.as_deref(), end.country), (Some(64496), Some("Example"), Some(Country(*b"JP"))));
        assert_eq!(end.network.unwrap().to_string(), "192.0.2.0/24");
        assert!(found.source.is_empty() && !found.destination.is_empty());
        assert_eq!(found.otherwise_than(&event), Found::default());
    }

    #[test]
    fn what_the_report_says_stays_and_the_table_is_kept_beside_it() {
        let tables = tables();
        let mut event = Event::default();
        event.set(Field::Ip(Side::Source), "192.0.2.7").unwrap();
        event.source.asn = Some(64511);
        event.source.country = Some(Country(*b"JP"));
        let found = enrich(&mut event, &tables);
        assert_eq!((event.source.asn, event.source.as_name.as_deref()), (Some(64511), None));
        let beside = found.otherwise_than(&event).source;
        assert_eq!(beside, Answer { asn: Some(64496), as_name: Some("Example"), ..Answer::default() });
    }

    #[test]
    fn without_an_address_there_is_nothing_to_ask() {
        let tables = tables();
        let mut event = Event::default();
        event.set(Field::Fqdn(Side::Source), "host.example").unwrap();
        assert_eq!(enrich(&mut event, &tables), Found::default());
    }
}
