//! What does a segment hold? Rows by day, terms, class, country, feed and malware, counted while it is written.
//!
//! Three tables, because three questions are asked: whose hosts are these (class, source country, feed), who is attacked (class,
//! destination country), by what (malware). The words of a segment are few; each is kept once, and a row of a table is some small
//! numbers.

use arrow::array::{Array as _, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use hashbrown::HashMap;

use crate::StoreError;
use crate::columns::position;
use crate::segment::DAY;

/// Tables of counts.
pub(crate) const TABLES: usize = 3;
pub(crate) const SOURCES: usize = 0;
pub(crate) const VICTIMS: usize = 1;
pub(crate) const MALWARE: usize = 2;

/// What one count is of: words by their number; a table uses as many as it has columns, the others are 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Cell {
    pub(crate) day: i32,
    pub(crate) terms: u32,
    pub(crate) words: [u32; 3],
}

/// A row as far as it is counted. What it does not say is empty.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted<'a> {
    /// Microseconds since 1970, UTC.
    pub(crate) time: i64,
    pub(crate) terms: i64,
    pub(crate) taxonomy: &'a str,
    pub(crate) class: &'a str,
    pub(crate) country: &'a str,
    pub(crate) feed: &'a str,
    pub(crate) victim: &'a str,
    pub(crate) malware: &'a str,
}

/// Counts rows.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    words: Vec<String>,
    numbers: HashMap<String, u32>,
    /// What each column said last: rows beside each other are often alike.
    last: [u32; 5],
    class: String,
    tables: [HashMap<Cell, u64>; TABLES],
}

impl Counter {
    pub(crate) fn add(&mut self, row: &Counted<'_>) {
        if self.words.is_empty() {
            // The empty word is number 0 everywhere.
            self.words.push(String::new());
            self.numbers.insert(String::new(), 0);
        }
        let mut class = std::mem::take(&mut self.class);
        class.clear();
        class.push_str(row.taxonomy);
        class.push('/');
        class.push_str(row.class);
        let mut numbers = [0; 5];
        for (at, text) in [class.as_str(), row.country, row.feed, row.victim, row.malware].into_iter().enumerate() {
            numbers[at] = self.number(at, text);
        }
        self.class = class;
        let [class, country, feed, victim, malware] = numbers;
        let day = i32::try_from(row.time.div_euclid(DAY)).unwrap_or_default();
        let terms = u32::try_from(row.terms).unwrap_or_default();
        for (table, words) in self.tables.iter_mut().zip([[class, country, feed], [class, victim, 0], [malware, 0, 0]]) {
            *table.entry(Cell { day, terms, words }).or_default() += 1;
        }
    }

    fn number(&mut self, column: usize, text: &str) -> u32 {
        let last = self.last[column];
        if self.words[last as usize] == text {
            return last;
        }
        let number = match self.numbers.get(text) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
                self.words.push(text.to_owned());
                self.numbers.insert(text.to_owned(), number);
                number
            }
        };
        self.last[column] = number;
        number
    }

    /// Counts the rows of a batch; columns as in a segment, or a selection of them.
    pub(crate) fn add_rows(&mut self, rows: &RecordBatch) -> Result<(), StoreError> {
        let schema = rows.schema();
        let at = |name: &str| schema.column_with_name(name).map(|(at, _)| at);
        let Some(time) = at("time") else { return Err(StoreError::Refused("rows without a time cannot be counted".into())) };
        let Some(terms) = at("terms") else { return Err(StoreError::Refused("rows without terms cannot be counted".into())) };
        let times = rows.column(time).as_primitive::<TimestampMicrosecondType>();
        let terms = rows.column(terms).as_primitive::<Int64Type>();
        let texts = ["taxonomy", "type", "source_country", "feed", "destination_country", "malware"]
            .map(|name| at(name).and_then(|at| rows.column(at).as_string_opt::<i32>()));
        for row in 0..rows.num_rows() {
            let [taxonomy, class, country, feed, victim, malware] =
                texts.map(|column| column.filter(|column| column.is_valid(row)).map_or("", |column| column.value(row)));
            let (time, terms) = (times.value(row), terms.value(row));
            self.add(&Counted { time, terms, taxonomy, class, country, feed, victim, malware });
        }
        Ok(())
    }

    /// As it is kept: words, then the tables in order of their cells; numbers as LEB128, all of it zstd.
    pub(crate) fn finish(self) -> Result<Vec<u8>, StoreError> {
        let mut out = vec![VERSION];
        leb128(&mut out, self.words.len() as u64);
        for word in &self.words {
            leb128(&mut out, word.len() as u64);
            out.extend_from_slice(word.as_bytes());
        }
        for table in self.tables {
            let mut cells: Vec<(Cell, u64)> = table.into_iter().collect();
            cells.sort_unstable();
            leb128(&mut out, cells.len() as u64);
            let mut day = 0;
            for (cell, count) in cells {
                let step = i64::from(cell.day) - day;
                day = i64::from(cell.day);
                leb128(&mut out, (step << 1 ^ step >> 63) as u64);
                leb128(&mut out, u64::from(cell.terms));
                cell.words.iter().for_each(|word| leb128(&mut out, u64::from(*word)));
                leb128(&mut out, count);
            }
        }
        zstd::bulk::compress(&out, 3).map_err(StoreError::file("figures of a segment"))
    }
}

const VERSION: u8 = 1;

/// What was kept of one segment.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) words: Vec<String>,
    pub(crate) tables: [Vec<(Cell, u64)>; TABLES],
}

impl Counts {
    /// `None` for bytes that we did not write.
    pub(crate) fn read(kept: &[u8]) -> Option<Self> {
        let bytes = zstd::stream::decode_all(kept).ok()?;
        let mut rest = Rest(&bytes);
        if rest.byte()? != VERSION {
            return None;
        }
        let mut counts = Self::default();
        for _ in 0..rest.number()? {
            let length = usize::try_from(rest.number()?).ok()?;
            let (word, after) = rest.0.split_at_checked(length)?;
            rest.0 = after;
            counts.words.push(std::str::from_utf8(word).ok()?.to_owned());
        }
        for table in &mut counts.tables {
            let mut day = 0_i64;
            for _ in 0..rest.number()? {
                let step = rest.number()?;
                day = day.checked_add((step >> 1) as i64 ^ -((step & 1) as i64))?;
                let terms = u32::try_from(rest.number()?).ok()?;
                let mut words = [0; 3];
                for word in &mut words {
                    *word = u32::try_from(rest.number()?).ok().filter(|word| (*word as usize) < counts.words.len())?;
                }
                table.push((Cell { day: i32::try_from(day).ok()?, terms, words }, rest.number()?));
            }
        }
        rest.0.is_empty().then_some(counts)
    }
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

fn leb128(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The columns that are counted, by their place in a segment.
pub(crate) fn columns() -> impl Iterator<Item = usize> {
    ["time", "terms", "taxonomy", "type", "source_country", "feed", "destination_country", "malware"].into_iter().filter_map(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_counted() {
        let mut counter = Counter::default();
        for n in 0..1000_i64 {
            let country = ["JP", "", "US"][n as usize % 3];
            let time = (n % 4 - 2) * DAY + n;
            counter.add(&Counted {
                time,
                terms: n % 2,
                taxonomy: "malicious-code",
                class: "infected-system",
                country,
                feed: "f",
                ..Counted::default()
            });
        }
        let kept = counter.finish().unwrap();
        let counts = Counts::read(&kept).unwrap();
        for table in &counts.tables {
            assert_eq!(table.iter().map(|(_, count)| count).sum::<u64>(), 1000);
            assert!(table.is_sorted());
        }
        let days: std::collections::BTreeSet<i32> = counts.tables[SOURCES].iter().map(|(cell, _)| cell.day).collect();
        assert_eq!(days.into_iter().collect::<Vec<_>>(), [-2, -1, 0, 1]);
        assert_eq!(counts.tables[MALWARE].len(), 4, "four days, each with one of the terms");
        assert_eq!(counts.words, ["", "malicious-code/infected-system", "JP", "f", "US"]);
    }

    #[test]
    fn other_bytes_are_refused() {
        let kept = Counter::default().finish().unwrap();
        assert_eq!(Counts::read(&kept), Some(Counts::default()));
        assert_eq!(Counts::read(b""), None);
        assert_eq!(Counts::read(b"nonsense"), None);
        for bytes in [
            &[2, 0, 0, 0, 0][..],
            &[1, 1, 9],
            &[1, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0],
            &[1, 0, 0, 0, 0, 7],
            &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(Counts::read(&zstd::bulk::compress(bytes, 1).unwrap()), None, "{bytes:?}");
        }
    }
}
