//! Whom a registry names for abuse of an address or AS number, small enough to hold for all of the Internet.
//!
//! A [`Registry`] is made from a dump by a [`RegistryBuilder`](super::RegistryBuilder): who is to be told was worked out for each network
//! then, so that a look-up is one search. Its image is one file in the home.

use std::net::IpAddr;

use formats::address_table::Range;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::image::{ImageError, array};
use super::table::{Span, Spans};
use crate::model::event::Country;
use crate::model::party::{Language, PartyId};
use crate::parties::foreign::derived_id;

/// Where a table of a registry comes from, and how much it holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RegistryAbout {
    /// `ripe`, `apnic`, …: the provenance of what it says.
    pub source: String,
    /// The day for which it was made.
    #[serde(with = "super::table::day")]
    pub date: Date,
    pub sha256: String,
    pub objects: u64,
    pub networks: u64,
    pub as_numbers: u64,
    pub contacts: u64,
}

/// Why the registry names this contact.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Rule {
    /// The network or AS has an `abuse-c` of its own.
    AbuseC,
    /// Its `mnt-irt` (APNIC and others, not RIPE).
    Irt,
    /// The `abuse-c` of its `org`.
    Organisation,
    /// It says nothing: what holds of the network around it.
    LessSpecific,
}

impl Rule {
    const ALL: [Self; 4] = [Self::AbuseC, Self::Irt, Self::Organisation, Self::LessSpecific];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::AbuseC => "abuse-c",
            Self::Irt => "mnt-irt",
            Self::Organisation => "abuse-c of its organisation",
            Self::LessSpecific => "abuse contact of the network around it",
        }
    }
}

/// Who is to be told, as a registry says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RegistryContact<'r> {
    /// Checked: fit for an SMTP command.
    pub mailbox: &'r str,
    /// Of the organisation, else of the role.
    pub name: &'r str,
    /// Of the role or irt object.
    pub handle: &'r str,
    pub country: Option<Country>,
    /// As the object names it: `RIPE`, `APNIC`.
    pub source: &'r str,
    pub rule: Rule,
    /// Armoured, when the registry names one for encryption.
    pub openpgp_key: Option<&'r str>,
}

impl RegistryContact<'_> {
    /// See [`derived_id`].
    pub fn party_id(&self) -> PartyId {
        derived_id(self.mailbox)
    }

    /// What to write in: a guess by country.
    pub fn language(&self) -> Language {
        if self.country == Some(Country(*b"JP")) { Language::Ja } else { Language::En }
    }
}

/// One registry's word on all its networks.
pub struct Registry {
    pub(super) about: RegistryAbout,
    pub(super) v4: Spans<u32>,
    pub(super) v6: Spans<super::table::Halves>,
    /// AS number and whom to tell, by number.
    pub(super) as_numbers: Vec<(u32, u32)>,
    /// One line per contact: mailbox, name, handle, country, source, rule, number of its key; separated by tabs.
    pub(super) text: String,
    /// Where each line of `text` begins, and where the last ends.
    pub(super) lines: Vec<u32>,
    pub(super) keys: Vec<String>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("about", &self.about).finish_non_exhaustive()
    }
}

impl Registry {
    pub fn about(&self) -> &RegistryAbout {
        &self.about
    }

    /// The number of the contact for an address.
    #[inline]
    pub fn by_address(&self, ip: IpAddr) -> Option<u32> {
        match ip.to_canonical() {
            IpAddr::V4(v4) => self.v4.find(v4.to_bits()).map(|found| found.0),
            IpAddr::V6(v6) => self.v6.find(v6.to_bits().into()).map(|found| found.0),
        }
    }

    /// The addresses around this one for which the same holds.
    pub fn range(&self, ip: IpAddr) -> Option<Range> {
        match ip.to_canonical() {
            IpAddr::V4(v4) => {
                let (_, first, last) = self.v4.find(v4.to_bits())?;
                Range::new(std::net::Ipv4Addr::from_bits(first).into(), std::net::Ipv4Addr::from_bits(last).into())
            }
            IpAddr::V6(v6) => {
                let (_, first, last) = self.v6.find(v6.to_bits().into())?;
                let address = |bits| std::net::Ipv6Addr::from_bits(u128::from(bits));
                Range::new(address(first).into(), address(last).into())
            }
        }
    }

    /// The number of the contact for an AS.
    pub fn by_asn(&self, asn: u32) -> Option<u32> {
        let at = self.as_numbers.binary_search_by_key(&asn, |known| known.0).ok()?;
        Some(self.as_numbers[at].1)
    }

    /// Contacts are numbered from 0.
    pub fn len(&self) -> u32 {
        (self.lines.len() - 1) as u32
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A contact by its number.
    pub fn contact(&self, number: u32) -> Option<RegistryContact<'_>> {
        let at = number as usize;
        let line = self.text.get(*self.lines.get(at)? as usize..*self.lines.get(at + 1)? as usize)?;
        let mut cells = line.trim_end_matches('\n').split('\t');
        let mut cell = || cells.next();
        let (mailbox, name, handle) = (cell()?, cell()?, cell()?);
        let country = formats::value::country(cell()?).map(Country);
        let (source, rule, key) = (cell()?, *Rule::ALL.get(cell()?.parse::<usize>().ok()?)?, cell()?);
        let openpgp_key = key.parse::<usize>().ok().and_then(|key| self.keys.get(key)).map(String::as_str);
        Some(RegistryContact { mailbox, name, handle, country, source, rule, openpgp_key })
    }

    /// Bytes it takes in memory.
    pub fn size_bytes(&self) -> usize {
        self.v4.size_bytes() + self.v6.size_bytes() + size_of_val(&self.as_numbers[..]) + self.text.len() + size_of_val(&self.lines[..])
    }

    /// The table as a file, written piece by piece so that it need not stand in memory twice.
    ///
    /// ```text
    /// "MSBREGIS" | version | lengths: label, IPv4 spans, IPv6 spans, AS numbers, text, keys   (4 bytes each)
    /// label (JSON) | IPv4 spans: start (4), whose (4) | IPv6 spans: start (16), whose (4) | AS number (4), whose (4) | text | keys (JSON)
    /// BLAKE3 of all before it (32 bytes); numbers are little-endian
    /// ```
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&self, to: &mut dyn std::io::Write) -> std::io::Result<()> {
        let label = serde_json::to_vec(&self.about)?;
        let keys = serde_json::to_vec(&self.keys)?;
        let mut out = Hashed { to, hash: blake3::Hasher::new(), piece: Vec::with_capacity(PIECE + 64) };
        out.put(MAGIC)?;
        out.put(&VERSION.to_le_bytes())?;
        for length in [label.len(), self.v4.spans().len(), self.v6.spans().len(), self.as_numbers.len(), self.text.len(), keys.len()] {
            out.put(&u32::try_from(length).map_err(std::io::Error::other)?.to_le_bytes())?;
        }
        out.put(&label)?;
        for span in self.v4.spans() {
            out.put(&(u64::from(span.start) | u64::from(span.whose) << 32).to_le_bytes())?;
        }
        for span in self.v6.spans() {
            out.put(&u128::from(span.start).to_le_bytes())?;
            out.put(&span.whose.to_le_bytes())?;
        }
        for (asn, whose) in &self.as_numbers {
            out.put(&(u64::from(*asn) | u64::from(*whose) << 32).to_le_bytes())?;
        }
        out.put(self.text.as_bytes())?;
        out.put(&keys)?;
        out.flush()?;
        let hash = out.hash.finalize();
        to.write_all(hash.as_bytes())
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// When it is something else, of another version, or not as it was written.
    pub fn from_bytes(image: &[u8]) -> Result<Self, ImageError> {
        let after_magic = image.strip_prefix(MAGIC).ok_or(ImageError::NotATable)?;
        let (version, _) = after_magic.split_first_chunk::<4>().ok_or(ImageError::Damaged)?;
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Err(ImageError::Version(version));
        }
        let (body, checksum) = image.split_last_chunk::<32>().ok_or(ImageError::Damaged)?;
        if blake3::hash(body) != *checksum {
            return Err(ImageError::Damaged);
        }
        parts(&body[12..]).ok_or(ImageError::Damaged)
    }
}

const MAGIC: &[u8; 8] = b"MSBREGIS";
const VERSION: u32 = 1;
const PIECE: usize = 1 << 16;

/// Hashes what goes through it.
struct Hashed<'w> {
    to: &'w mut dyn std::io::Write,
    hash: blake3::Hasher,
    piece: Vec<u8>,
}

impl Hashed<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.hash.update(&self.piece);
        self.to.write_all(&self.piece)?;
        self.piece.clear();
        Ok(())
    }
}

fn parts(mut rest: &[u8]) -> Option<Registry> {
    let mut lengths = [0; 6];
    for length in &mut lengths {
        *length = u32::from_le_bytes(*rest.split_off(..4)?.as_array()?) as usize;
    }
    let [label, v4, v6, as_numbers, text, keys] = lengths;
    let about = serde_json::from_slice(rest.split_off(..label)?).ok()?;
    let two = |both: [u8; 8]| (u64::from_le_bytes(both) as u32, (u64::from_le_bytes(both) >> 32) as u32);
    let v4 = array(&mut rest, v4, |both| {
        let (start, whose) = two(both);
        Span { start, whose }
    })?;
    let v6 = array(&mut rest, v6, |span: [u8; 20]| {
        let whose = u32::from_le_bytes([span[16], span[17], span[18], span[19]]);
        Span { start: u128::from_le_bytes(std::array::from_fn(|at| span[at])).into(), whose }
    })?;
    let as_numbers: Vec<(u32, u32)> = array(&mut rest, as_numbers, two)?;
    let text = std::str::from_utf8(rest.split_off(..text)?).ok()?.to_owned();
    let keys = serde_json::from_slice(rest.split_off(..keys)?).ok()?;
    let lines = line_starts(&text);
    let contacts = lines.len() - 1;
    let fits = as_numbers.is_sorted_by(|a, b| a.0 < b.0) && as_numbers.iter().all(|known| (known.1 as usize) < contacts);
    let (v4, v6) = (Spans::new(v4, contacts)?, Spans::new(v6, contacts)?);
    let registry = Registry { about, v4, v6, as_numbers, text, lines, keys };
    let well =
        |number| registry.contact(number).is_some_and(|c| formats::mail_address::read(c.mailbox).is_ok_and(|mailbox| mailbox == c.mailbox));
    (fits && rest.is_empty() && (0..registry.len()).all(well)).then_some(registry)
}

/// Where each line begins; lines end with a line end, which belongs to none.
pub(super) fn line_starts(text: &str) -> Vec<u32> {
    let ends = text.bytes().enumerate().filter(|(_, c)| *c == b'\n').map(|(at, _)| at as u32 + 1);
    std::iter::once(0).chain(ends).collect()
}
