//! Events waiting to become a segment, as columns in memory.
//!
//! A batch knows each identity once: pushing the same event again only counts. Columns that no event uses cost nothing,
//! so a row takes about as much memory as its text.

use std::fmt::Write as _;
use std::net::IpAddr;

use arrow::array::{
    ArrayRef, FixedSizeBinaryBuilder, Int32Array, Int32Builder, Int64Array, Int64Builder, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use casework::enrich::{EndFound, Found};
use casework::model::event::{Endpoint, Event};
use casework::model::identity::EventId;
use formats::rsit::Class;
use hashbrown::HashTable;
use std::sync::Arc;

use crate::count::Counted;

/// Where events of a batch come from: the part of their row that is the same for many.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    pub evidence: String,
    pub feed: String,
    /// Microseconds since 1970, UTC.
    pub observed_at: i64,
    pub terms: i64,
}

/// One event with what the store adds to it.
#[derive(Debug)]
pub struct Incoming<'e, 'a> {
    pub id: EventId,
    pub event: &'e mut Event<'a>,
    /// Microseconds since 1970, UTC.
    pub time: i64,
    pub row: u64,
    /// What the tables say of its addresses.
    pub found: Found<'e>,
}

/// Columns of events, not yet sorted.
#[derive(Debug, Default)]
pub struct EventBatch {
    ids: Vec<[u8; 16]>,
    index: HashTable<u32>,
    times: Vec<i64>,
    origins: Vec<Origin>,
    origin_of: Vec<u32>,
    rows: Vec<i64>,
    classes: Vec<Class>,
    source: Ends,
    destination: Ends,
    transport: Texts,
    application: Texts,
    identifier: Texts,
    malware: Texts,
    product_vendor: Texts,
    product_name: Texts,
    product_version: Texts,
    severity: Texts,
    confidence: Numbers<i32>,
    extra: Texts,
    scratch: String,
}

#[derive(Debug, Default)]
struct Ends {
    ip: Texts,
    port: Numbers<i32>,
    asn: Numbers<i64>,
    as_name: Texts,
    country: Texts,
    network: Texts,
    fqdn: Texts,
    url: Texts,
    reverse_dns: Texts,
    asn_by_table: Numbers<i64>,
    country_by_table: Texts,
}

impl EventBatch {
    /// An empty batch with room for what this one holds: columns that grow by doubling would hold twice what they need.
    pub fn sized_like(&self) -> Self {
        let mut next = Self::default();
        let rows = self.len() + self.len() / 16;
        next.ids.reserve_exact(rows);
        next.index.reserve(rows, |n| u64::from(*n));
        next.times.reserve_exact(rows);
        next.origin_of.reserve_exact(rows);
        next.rows.reserve_exact(rows);
        next.classes.reserve_exact(rows);
        for (texts, like) in next.texts().into_iter().zip(self.texts_ref()) {
            texts.reserve_like(like);
        }
        for (numbers, like) in [
            (&mut next.source.port, &self.source.port),
            (&mut next.destination.port, &self.destination.port),
            (&mut next.confidence, &self.confidence),
        ] {
            numbers.values.reserve_exact(like.values.len());
        }
        for (numbers, like) in [
            (&mut next.source.asn, &self.source.asn),
            (&mut next.destination.asn, &self.destination.asn),
            (&mut next.source.asn_by_table, &self.source.asn_by_table),
            (&mut next.destination.asn_by_table, &self.destination.asn_by_table),
        ] {
            numbers.values.reserve_exact(like.values.len());
        }
        next
    }

    /// Empties the batch and keeps its memory, so that the next one costs none.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.index.clear();
        self.times.clear();
        self.origins.clear();
        self.origin_of.clear();
        self.rows.clear();
        self.classes.clear();
        for texts in self.texts() {
            texts.bytes.clear();
            texts.ends.clear();
        }
        self.confidence.values.clear();
        for end in [&mut self.source, &mut self.destination] {
            end.port.values.clear();
            end.asn.values.clear();
            end.asn_by_table.values.clear();
        }
    }

    fn texts(&mut self) -> Vec<&mut Texts> {
        let mut all = vec![
            &mut self.transport,
            &mut self.application,
            &mut self.identifier,
            &mut self.malware,
            &mut self.product_vendor,
            &mut self.product_name,
            &mut self.product_version,
            &mut self.severity,
            &mut self.extra,
        ];
        all.extend(self.source.texts());
        all.extend(self.destination.texts());
        all
    }

    fn texts_ref(&self) -> Vec<&Texts> {
        let mut all = vec![
            &self.transport,
            &self.application,
            &self.identifier,
            &self.malware,
            &self.product_vendor,
            &self.product_name,
            &self.product_version,
            &self.severity,
            &self.extra,
        ];
        all.extend(self.source.texts_ref());
        all.extend(self.destination.texts_ref());
        all
    }

    /// Events held.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Bytes held, roughly.
    pub fn size_bytes(&self) -> usize {
        const FIXED: usize = 96;
        self.len() * FIXED + self.texts_ref().into_iter().map(Texts::size).sum::<usize>()
    }

    /// The number under which rows of this origin are pushed.
    pub fn origin(&mut self, origin: &Origin) -> u32 {
        let at = self.origins.iter().rposition(|o| o == origin).unwrap_or_else(|| {
            self.origins.push(origin.clone());
            self.origins.len() - 1
        });
        u32::try_from(at).expect("a batch holds fewer origins than rows, and rows are counted in 32 bits")
    }

    /// Adds an event; `false` when the batch holds it already.
    pub fn push(&mut self, origin: u32, incoming: Incoming<'_, '_>) -> bool {
        let Incoming { id, event, time, row, found } = incoming;
        let ids = &self.ids;
        let at = u32::try_from(ids.len()).expect("batches are cut long before 2^32 rows");
        match self.index.entry(hash(&id.0), |n| ids[*n as usize] == id.0, |n| hash(&ids[*n as usize])) {
            hashbrown::hash_table::Entry::Occupied(_) => return false,
            hashbrown::hash_table::Entry::Vacant(slot) => slot.insert(at),
        };
        self.ids.push(id.0);
        let at = at as usize;
        self.times.push(time);
        self.origin_of.push(origin);
        self.rows.push(i64::try_from(row).unwrap_or(i64::MAX));
        self.classes.push(event.class);
        self.source.push(at, &event.source, &found.source, &mut self.scratch);
        self.destination.push(at, &event.destination, &found.destination, &mut self.scratch);
        self.transport.push(at, event.transport.as_deref());
        self.application.push(at, event.application.as_deref());
        self.identifier.push(at, event.identifier.as_deref());
        self.malware.push(at, event.malware.as_deref());
        self.product_vendor.push(at, event.product_vendor.as_deref());
        self.product_name.push(at, event.product_name.as_deref());
        self.product_version.push(at, event.product_version.as_deref());
        self.severity.push(at, event.severity.map(|s| s.as_str()));
        self.confidence.push(at, event.confidence.map(i32::from));
        self.extra.push(at, Some(event.extra.finish()));
        true
    }

    /// Place of an identity in the batch.
    pub(crate) fn find(&self, id: &[u8]) -> Option<usize> {
        let id: &[u8; 16] = id.try_into().ok()?;
        self.index.find(hash(id), |n| self.ids[*n as usize] == *id).map(|n| *n as usize)
    }

    /// Time of an event, microseconds.
    pub(crate) fn time(&self, at: usize) -> i64 {
        self.times[at]
    }

    /// An event as far as it is counted.
    pub(crate) fn counted(&self, at: usize) -> Counted<'_> {
        let origin = &self.origins[self.origin_of[at] as usize];
        Counted {
            time: self.times[at],
            terms: origin.terms,
            taxonomy: self.classes[at].taxonomy(),
            class: self.classes[at].type_(),
            country: self.source.country.get(at).unwrap_or_default(),
            feed: &origin.feed,
            victim: self.destination.country.get(at).unwrap_or_default(),
            malware: self.malware.get(at).unwrap_or_default(),
        }
    }

    /// Evidence that an event was read from.
    pub fn evidence(&self, at: usize) -> &str {
        &self.origins[self.origin_of[at] as usize].evidence
    }

    /// Smallest and largest source address as text, of the rows named; `None` when none has one.
    pub(crate) fn ip_range(&self, order: &[u32]) -> Option<(String, String)> {
        let first = order.iter().find_map(|at| self.source.ip.get(*at as usize))?;
        let last = order.iter().rev().find_map(|at| self.source.ip.get(*at as usize))?;
        Some((first.to_owned(), last.to_owned()))
    }

    /// Sorts rows by source address as text (none first), host name, URL, time, identity: the order of a segment.
    pub(crate) fn sort(&self, order: &mut [u32]) {
        let mut keys: Vec<(u128, u32)> = order.iter().map(|at| (first_16(self.source.ip.get(*at as usize)), *at)).collect();
        let rest = |at: u32| {
            let at = at as usize;
            let ip = self.source.ip.get(at).unwrap_or_default();
            (ip.get(16..).unwrap_or_default(), self.source.fqdn.get(at), self.source.url.get(at), self.times[at], self.ids[at])
        };
        keys.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| rest(a.1).cmp(&rest(b.1))));
        for (slot, (_, at)) in order.iter_mut().zip(keys) {
            *slot = at;
        }
    }

    /// One column as an Arrow array, rows in the given order; `column` is a place in [`crate::columns::COLUMNS`].
    pub(crate) fn column(&self, column: usize, order: &[u32]) -> ArrayRef {
        let origin = |at: &u32| &self.origins[self.origin_of[*at as usize] as usize];
        match crate::columns::COLUMNS[column].name {
            "id" => {
                let mut ids = FixedSizeBinaryBuilder::with_capacity(order.len(), 16);
                for at in order {
                    ids.append_value(self.ids[*at as usize]).expect("an identity is 16 bytes long");
                }
                Arc::new(ids.finish())
            }
            "time" => times(order.iter().map(|at| self.times[*at as usize])),
            "observed_at" => times(order.iter().map(|at| origin(at).observed_at)),
            "feed" => Arc::new(StringArray::from_iter_values(order.iter().map(|at| &origin(at).feed))),
            "evidence" => Arc::new(StringArray::from_iter_values(order.iter().map(|at| &origin(at).evidence))),
            "row" => Arc::new(Int64Array::from_iter_values(order.iter().map(|at| self.rows[*at as usize]))),
            "terms" => Arc::new(Int64Array::from_iter_values(order.iter().map(|at| origin(at).terms))),
            "transport" => self.transport.array(order),
            "application" => self.application.array(order),
            "taxonomy" => Arc::new(StringArray::from_iter_values(order.iter().map(|at| self.classes[*at as usize].taxonomy()))),
            "type" => Arc::new(StringArray::from_iter_values(order.iter().map(|at| self.classes[*at as usize].type_()))),
            "identifier" => self.identifier.array(order),
            "malware" => self.malware.array(order),
            "product_vendor" => self.product_vendor.array(order),
            "product_name" => self.product_name.array(order),
            "product_version" => self.product_version.array(order),
            "severity" => self.severity.array(order),
            "confidence" => self.confidence.small(order),
            "extra" => self.extra.array(order),
            name => match name.strip_prefix("source_") {
                Some(name) => self.source.column(name, order),
                None => self.destination.column(name.strip_prefix("destination_").unwrap_or(name), order),
            },
        }
    }
}

impl Ends {
    fn texts(&mut self) -> [&mut Texts; 8] {
        let Self { ip, as_name, country, network, fqdn, url, reverse_dns, country_by_table, .. } = self;
        [ip, as_name, country, network, fqdn, url, reverse_dns, country_by_table]
    }

    fn texts_ref(&self) -> [&Texts; 8] {
        let Self { ip, as_name, country, network, fqdn, url, reverse_dns, country_by_table, .. } = self;
        [ip, as_name, country, network, fqdn, url, reverse_dns, country_by_table]
    }

    fn push(&mut self, at: usize, end: &Endpoint<'_>, found: &EndFound<'_>, scratch: &mut String) {
        if let Some(ip) = end.ip {
            scratch.clear();
            match ip {
                IpAddr::V4(v4) => dotted(scratch, v4.octets()),
                IpAddr::V6(v6) => {
                    let _ = write!(scratch, "{v6}");
                }
            }
            self.ip.push(at, Some(scratch));
        }
        self.port.push(at, end.port.map(i32::from));
        self.asn.push(at, end.asn.or(found.asn).map(i64::from));
        // A name from the table belongs to the table's number; it says nothing of another one.
        let same_asn = end.asn.is_none() || end.asn == found.asn;
        self.as_name.push(at, end.as_name.as_deref().or(found.as_name.filter(|_| same_asn)));
        self.country.push(at, end.country.or(found.country).as_ref().map(|c| c.as_str()));
        if let Some(network) = end.network.or(found.network) {
            scratch.clear();
            let _ = write!(scratch, "{network}");
            self.network.push(at, Some(scratch));
        }
        self.fqdn.push(at, end.fqdn.as_deref());
        self.url.push(at, end.url.as_deref());
        self.reverse_dns.push(at, end.reverse_dns.as_deref());
        if end.asn.is_some() && found.asn.is_some() && end.asn != found.asn {
            self.asn_by_table.push(at, found.asn.map(i64::from));
        }
        if end.country.is_some() && found.country.is_some() && end.country != found.country {
            self.country_by_table.push(at, found.country.as_ref().map(|c| c.as_str()));
        }
    }

    fn column(&self, name: &str, order: &[u32]) -> ArrayRef {
        match name {
            "ip" => self.ip.array(order),
            "port" => self.port.small(order),
            "asn" => self.asn.large(order),
            "as_name" => self.as_name.array(order),
            "country" => self.country.array(order),
            "network" => self.network.array(order),
            "fqdn" => self.fqdn.array(order),
            "url" => self.url.array(order),
            "reverse_dns" => self.reverse_dns.array(order),
            "asn_by_table" => self.asn_by_table.large(order),
            "country_by_table" => self.country_by_table.array(order),
            other => unreachable!("a column {other} without a place in the batch"),
        }
    }
}

fn times(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
}

/// Identities are uniformly distributed already.
fn hash(id: &[u8; 16]) -> u64 {
    u64::from_le_bytes([id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7]])
}

/// The first 16 bytes of a text as a number that compares as the text does.
fn first_16(text: Option<&str>) -> u128 {
    let mut bytes = [0; 16];
    if let Some(text) = text {
        let n = text.len().min(16);
        bytes[..n].copy_from_slice(&text.as_bytes()[..n]);
    }
    u128::from_be_bytes(bytes)
}

fn dotted(out: &mut String, octets: [u8; 4]) {
    for (n, octet) in octets.into_iter().enumerate() {
        if n > 0 {
            out.push('.');
        }
        if octet >= 100 {
            out.push(char::from(b'0' + octet / 100));
        }
        if octet >= 10 {
            out.push(char::from(b'0' + octet / 10 % 10));
        }
        out.push(char::from(b'0' + octet % 10));
    }
}

/// A column of text in which empty means absent; rows never touched cost nothing.
#[derive(Debug, Default)]
struct Texts {
    bytes: String,
    ends: Vec<u32>,
}

impl Texts {
    fn push(&mut self, at: usize, text: Option<&str>) {
        let Some(text) = text.filter(|t| !t.is_empty()) else { return };
        let end = u32::try_from(self.bytes.len()).expect("batches are cut long before 4 GiB of text");
        self.ends.resize(at, end);
        self.bytes.push_str(text);
        self.ends.push(end + text.len() as u32);
    }

    fn get(&self, at: usize) -> Option<&str> {
        let end = *self.ends.get(at)? as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        (end > start).then(|| &self.bytes[start..end])
    }

    fn array(&self, order: &[u32]) -> ArrayRef {
        if self.ends.is_empty() {
            return Arc::new(StringArray::new_null(order.len()));
        }
        let mut out = StringBuilder::with_capacity(order.len(), self.bytes.len() * order.len() / self.ends.len().max(1));
        for at in order {
            out.append_option(self.get(*at as usize));
        }
        Arc::new(out.finish())
    }

    fn reserve_like(&mut self, like: &Self) {
        self.bytes.reserve_exact(like.bytes.len() + like.bytes.len() / 16);
        self.ends.reserve_exact(like.ends.len());
    }

    fn size(&self) -> usize {
        self.bytes.len() + 4 * self.ends.len()
    }
}

/// A column of numbers; rows never touched cost nothing.
#[derive(Debug, Default)]
struct Numbers<T> {
    values: Vec<Option<T>>,
}

impl<T: Copy> Numbers<T> {
    fn push(&mut self, at: usize, value: Option<T>) {
        if value.is_some() {
            self.values.resize(at, None);
            self.values.push(value);
        }
    }

    fn get(&self, at: u32) -> Option<T> {
        self.values.get(at as usize).copied().flatten()
    }
}

impl Numbers<i32> {
    fn small(&self, order: &[u32]) -> ArrayRef {
        if self.values.is_empty() {
            return Arc::new(Int32Array::new_null(order.len()));
        }
        let mut out = Int32Builder::with_capacity(order.len());
        out.extend(order.iter().map(|at| self.get(*at)));
        Arc::new(out.finish())
    }
}

impl Numbers<i64> {
    fn large(&self, order: &[u32]) -> ArrayRef {
        if self.values.is_empty() {
            return Arc::new(Int64Array::new_null(order.len()));
        }
        let mut out = Int64Builder::with_capacity(order.len());
        out.extend(order.iter().map(|at| self.get(*at)));
        Arc::new(out.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use casework::model::event::Side;
    use casework::model::field::Field;

    fn push(batch: &mut EventBatch, n: u8, ip: &str) -> bool {
        let origin = batch.origin(&Origin { evidence: "e".into(), feed: "f".into(), observed_at: 1, terms: 1 });
        let mut event = Event::default();
        event.set(Field::Ip(Side::Source), ip.to_owned()).unwrap();
        let incoming = Incoming { id: EventId([n; 16]), event: &mut event, time: i64::from(n), row: 1, found: Found::default() };
        batch.push(origin, incoming)
    }

    #[test]
    fn the_same_identity_is_held_once() {
        let mut batch = EventBatch::default();
        assert!(push(&mut batch, 1, "192.0.2.1"));
        assert!(!push(&mut batch, 1, "192.0.2.1"));
        assert_eq!((batch.len(), batch.find(&[1; 16]), batch.find(&[2; 16])), (1, Some(0), None));
    }

    #[test]
    fn an_emptied_batch_knows_nothing_of_what_it_held() {
        let mut batch = EventBatch::default();
        push(&mut batch, 1, "192.0.2.1");
        batch.clear();
        assert!(batch.is_empty() && batch.find(&[1; 16]).is_none());
        assert!(push(&mut batch, 2, "2001:db8::1"));
        assert_eq!(batch.ip_range(&[0]), Some(("2001:db8::1".to_owned(), "2001:db8::1".to_owned())));
    }

    #[test]
    fn rows_are_ordered_by_address_as_text() {
        let mut batch = EventBatch::default();
        for (n, ip) in ["9.9.9.9", "10.0.0.1", "2001:db8::2", "2001:db8:0:1:2:3:4:5", "10.0.0.1", "198.51.100.254"].into_iter().enumerate()
        {
            push(&mut batch, u8::try_from(n).unwrap() + 1, ip);
        }
        let mut order: Vec<u32> = (0..6).rev().collect();
        batch.sort(&mut order);
        let ips = batch.column(crate::columns::position("source_ip").unwrap(), &order);
        let ips = ips.as_any().downcast_ref::<StringArray>().unwrap();
        let got: Vec<_> = ips.iter().flatten().collect();
        let mut want = got.clone();
        want.sort_unstable();
        assert_eq!(got, want);
        assert_eq!(batch.ip_range(&order), Some(("10.0.0.1".to_owned(), "9.9.9.9".to_owned())));
    }

    #[test]
    fn a_gap_in_a_column_is_null() {
        let mut texts = Texts::default();
        texts.push(2, Some("x"));
        texts.push(3, None);
        texts.push(4, Some("y"));
        let got: Vec<_> = (0..6).map(|at| texts.get(at)).collect();
        assert_eq!(got, [None, None, Some("x"), None, Some("y"), None]);
    }
}
