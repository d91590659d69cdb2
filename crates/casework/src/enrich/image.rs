//! A [`Table`] as one file, so that a command that asks one address does not read the publisher's file again.
//!
//! The arrays stand in it as they stand in memory; loading copies them and makes the index. Nothing is parsed per row.
//!
//! ```text
//! "MSBTABLE" | version | lengths: label, IPv4 spans, IPv6 spans, holders, names, AS countries   (4 bytes each)
//! label (JSON) | IPv4 spans: start (4), whose (4) | IPv6 spans: start (16), whose (4) | holders (12) | AS countries (12) | names
//! BLAKE3 of all before it (32 bytes); numbers are little-endian
//! ```

use super::table::{AsCountry, Holder, Span, Spans, Table};

const MAGIC: &[u8; 8] = b"MSBTABLE";
const VERSION: u32 = 1;

/// Why bytes are no table.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ImageError {
    #[error("not an image of a table")]
    NotATable,
    #[error("an image of version {0}, where {VERSION} can be read: import the table again")]
    Version(u32),
    #[error("the image of the table is damaged")]
    Damaged,
}

impl Table {
    /// The table as a file, for [`from_bytes`](Self::from_bytes).
    pub fn to_bytes(&self) -> Vec<u8> {
        let label = serde_json::to_vec(&self.about).expect("texts and numbers can be written as JSON");
        let lengths =
            [label.len(), self.v4.spans().len(), self.v6.spans().len(), self.holders.len(), self.names.len(), self.as_countries.len()];
        let mut image = Vec::with_capacity(self.size_bytes() + 4_096);
        image.extend(MAGIC);
        image.extend(VERSION.to_le_bytes());
        for length in lengths {
            image.extend(u32::try_from(length).expect("the builder keeps every list below 4 Gi").to_le_bytes());
        }
        image.extend(&label);
        for span in self.v4.spans() {
            image.extend(span.start.to_le_bytes());
            image.extend(span.whose.to_le_bytes());
        }
        for span in self.v6.spans() {
            image.extend(u128::from(span.start).to_le_bytes());
            image.extend(span.whose.to_le_bytes());
        }
        for holder in &self.holders {
            image.extend(holder.asn.to_le_bytes());
            image.extend(holder.name_start.to_le_bytes());
            image.extend(holder.name_length.to_le_bytes());
            image.extend(holder.country);
        }
        for registered in &self.as_countries {
            image.extend(registered.first.to_le_bytes());
            image.extend(registered.last.to_le_bytes());
            image.extend(registered.country);
            image.extend([0; 2]);
        }
        image.extend(self.names.as_bytes());
        image.extend(blake3::hash(&image).as_bytes());
        image
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
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
        arrays(&body[12..]).ok_or(ImageError::Damaged)
    }
}

fn arrays(mut rest: &[u8]) -> Option<Table> {
    let mut lengths = [0; 6];
    for length in &mut lengths {
        *length = u32::from_le_bytes(*rest.split_off(..4)?.as_array()?) as usize;
    }
    let [label, v4, v6, holders, names, as_countries] = lengths;
    let about = serde_json::from_slice(rest.split_off(..label)?).ok()?;
    let v4 = array(&mut rest, v4, |span| {
        let both = u64::from_le_bytes(span);
        Span { start: both as u32, whose: (both >> 32) as u32 }
    })?;
    let v6 = array(&mut rest, v6, |span: [u8; 20]| {
        let whose = u32::from_le_bytes([span[16], span[17], span[18], span[19]]);
        Span { start: u128::from_le_bytes(std::array::from_fn(|at| span[at])).into(), whose }
    })?;
    let holders = array(&mut rest, holders, |[a0, a1, a2, a3, n0, n1, n2, n3, l0, l1, c0, c1]| Holder {
        asn: u32::from_le_bytes([a0, a1, a2, a3]),
        name_start: u32::from_le_bytes([n0, n1, n2, n3]),
        name_length: u16::from_le_bytes([l0, l1]),
        country: [c0, c1],
    })?;
    let as_countries = array(&mut rest, as_countries, |[f0, f1, f2, f3, l0, l1, l2, l3, c0, c1, _, _]| AsCountry {
        first: u32::from_le_bytes([f0, f1, f2, f3]),
        last: u32::from_le_bytes([l0, l1, l2, l3]),
        country: [c0, c1],
    })?;
    let names = std::str::from_utf8(rest.split_off(..names)?).ok()?.to_owned();
    let (v4, v6) = (Spans::new(v4, holders.len())?, Spans::new(v6, holders.len())?);
    rest.is_empty().then_some(Table { about, v4, v6, holders, names, as_countries })
}

/// Takes `count` values of `N` bytes from the front.
pub(super) fn array<T, const N: usize>(rest: &mut &[u8], count: usize, value: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
    let bytes = rest.split_off(..count.checked_mul(N)?)?;
    Some(bytes.as_chunks::<N>().0.iter().map(|chunk| value(*chunk)).collect())
}

#[cfg(test)]
mod tests {
    use formats::address_table::{Entry, Range, Row};

    use super::super::{Builder, Origin};
    use super::*;

    fn sample() -> Vec<u8> {
        let mut builder = Builder::new(Origin { source: "sample".to_owned(), ..Origin::default() });
        for (first, last) in [("192.0.2.0", "192.0.2.255"), ("2001:db8::", "2001:db8::ffff")] {
            let range = Range::new(first.parse().unwrap(), last.parse().unwrap()).unwrap();
            builder.add(&Entry::Addresses(Row { range, asn: Some(64496), as_name: Some("Exämple"), country: Some(*b"JP") }));
        }
        builder.add(&Entry::AsNumbers { first: 64496, last: 64499, country: *b"JP" });
        builder.build().to_bytes()
    }

    fn checked(mut image: Vec<u8>) -> Vec<u8> {
        let body = image.len() - 32;
        let checksum = blake3::hash(&image[..body]);
        image[body..].copy_from_slice(checksum.as_bytes());
        image
    }

    #[test]
    fn a_table_is_read_back_whole() {
        let image = sample();
        let table = Table::from_bytes(&image).unwrap();
        assert_eq!(table.about().origin.source, "sample");
        let answer = table.lookup("2001:db8::77".parse().unwrap());
        assert_eq!((answer.asn, answer.as_name), (Some(64496), Some("Exämple")));
        assert_eq!((table.as_country(64499).unwrap().as_str(), table.as_country(64500)), ("JP", None));
        assert!(table.to_bytes() == image);
    }

    #[test]
    fn other_files_and_other_versions_are_told_apart() {
        assert_eq!(Table::from_bytes(b"hello").unwrap_err(), ImageError::NotATable);
        let mut image = sample();
        image[8] = 9;
        assert_eq!(Table::from_bytes(&image).unwrap_err(), ImageError::Version(9));
    }

    proptest::proptest! {
        #[test]
        fn any_damage_is_noticed(at: usize, change in 1..=u8::MAX, cut: usize) {
            let mut image = sample();
            let at = at % image.len();
            image[at] ^= change;
            proptest::prop_assert!(Table::from_bytes(&image).is_err());
            image.truncate(cut % image.len());
            proptest::prop_assert!(Table::from_bytes(&image).is_err());
        }

        #[test]
        fn a_crafted_image_with_a_right_checksum_does_not_panic(at: usize, byte: u8, ip: u32, cut: usize) {
            let mut image = sample();
            let at = at % image.len();
            image[at] = byte;
            let ask = |image: &[u8]| {
                if let Ok(table) = Table::from_bytes(image) {
                    let address = std::net::Ipv4Addr::from_bits(ip);
                    let _ = (table.lookup(address.into()), table.lookup("192.0.2.1".parse().unwrap()), table.as_country(ip));
                }
            };
            image = checked(image);
            ask(&image);
            image.truncate(32 + cut % (image.len() - 32));
            ask(&checked(image));
        }
    }
}
