//! How many events are there, by day, class, country, feed and malware? Summed from what each segment counted of itself.
//!
//! Nothing scans events for a sum. A segment's counts are kept in the transaction that makes it count ([`crate::commit`]) and are left
//! out from the moment it is retired, so the sums are those of the table `events`, whatever came, was merged, read again or went. The
//! sum in memory follows by the segments that came or went since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::HashMap;

use crate::StoreError;
use crate::count::{Counts, MALWARE, SOURCES, TABLES, VICTIMS};
use crate::door::Door;
use crate::register::Register;
use crate::segment::Segment;

/// What rows are told apart by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum By {
    /// `taxonomy/type` (RSIT).
    Class,
    /// Of the source.
    Country,
    Feed,
    /// Country of the destination.
    Victim,
    Malware,
}

impl By {
    pub const ALL: [Self; 5] = [Self::Class, Self::Country, Self::Feed, Self::Victim, Self::Malware];

    /// The column of events that decides whether a party sees it.
    fn column(self) -> &'static str {
        match self {
            Self::Class => "type",
            Self::Country => "source_country",
            Self::Feed => "feed",
            Self::Victim => "destination_country",
            Self::Malware => "malware",
        }
    }

    /// Where it stands in a table, if it does.
    fn place(self, table: usize) -> Option<usize> {
        match (self, table) {
            (Self::Class, SOURCES | VICTIMS) | (Self::Malware, MALWARE) => Some(0),
            (Self::Country, SOURCES) | (Self::Victim, VICTIMS) => Some(1),
            (Self::Feed, SOURCES) => Some(2),
            _ => None,
        }
    }
}

/// Which rows are counted: all that fulfil every condition. An empty text stands for rows that say nothing of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Asked<'a> {
    /// Days since 1970, UTC: from the first on, before the second.
    pub from: Option<i32>,
    pub until: Option<i32>,
    /// A taxonomy, a type, or `taxonomy/type`.
    pub class: Option<&'a str>,
    pub country: Option<&'a str>,
    pub feed: Option<&'a str>,
    pub victim: Option<&'a str>,
    pub malware: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn of(&self, by: By) -> Option<&'a str> {
        match by {
            By::Class => self.class,
            By::Country => self.country,
            By::Feed => self.feed,
            By::Victim => self.victim,
            By::Malware => self.malware,
        }
    }
}

/// The sums of a moment.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    change: i64,
    words: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
    days: BTreeMap<i32, Arc<Day>>,
    segments: BTreeSet<String>,
    uncounted: u64,
}

/// Counts of a day in the order of what they are of: terms, then words.
#[derive(Clone, Debug, Default)]
struct Day {
    tables: [Vec<(Part, i64)>; TABLES],
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Part {
    terms: u32,
    words: [u32; 3],
}

/// A column that is narrowed: which, its place in the block, and which of its values are asked for.
type Narrowed = (By, usize, Vec<bool>);

impl Figures {
    /// Goes up with every change; equal numbers, equal sums.
    pub fn change(&self) -> i64 {
        self.change
    }

    /// Rows of segments that were written by an older program and are not counted yet.
    pub fn uncounted(&self) -> u64 {
        self.uncounted
    }

    /// The first and the last day of which something is known.
    pub fn span(&self) -> Option<(i32, i32)> {
        Some((*self.days.first_key_value()?.0, *self.days.last_key_value()?.0))
    }

    /// Rows; `None` when the question joins what is not counted together.
    pub fn count(&self, asked: &Asked<'_>, eyes: Option<&Door>) -> Option<u64> {
        let mut sum = 0;
        self.walk(asked, None, eyes, &mut |_, _, count| sum += count)?;
        Some(sum)
    }

    /// Rows of each value, most first; an empty value stands for rows that say nothing.
    pub fn by(&self, by: By, asked: &Asked<'_>, eyes: Option<&Door>) -> Option<Vec<(Arc<str>, u64)>> {
        let mut sums = vec![0; self.words.len()];
        self.walk(asked, Some(by), eyes, &mut |_, word, count| sums[word as usize] += count)?;
        let mut found: Vec<(Arc<str>, u64)> =
            sums.into_iter().zip(&self.words).filter(|(count, _)| *count > 0).map(|(count, word)| (Arc::clone(word), count)).collect();
        found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Some(found)
    }

    /// Rows of each day that has any, in order.
    pub fn by_day(&self, asked: &Asked<'_>, eyes: Option<&Door>) -> Option<Vec<(i32, u64)>> {
        let mut sums: Vec<(i32, u64)> = Vec::new();
        self.walk(asked, None, eyes, &mut |day, _, count| match sums.last_mut() {
            Some((last, sum)) if *last == day => *sum += count,
            _ => sums.push((day, count)),
        })?;
        Some(sums)
    }

    /// Rows of each day and value, days in order.
    pub fn by_day_and(&self, by: By, asked: &Asked<'_>, eyes: Option<&Door>) -> Option<BTreeMap<(i32, Arc<str>), u64>> {
        let mut sums: BTreeMap<(i32, u32), u64> = BTreeMap::new();
        self.walk(asked, Some(by), eyes, &mut |day, word, count| *sums.entry((day, word)).or_default() += count)?;
        Some(sums.into_iter().map(|((day, word), count)| ((day, Arc::clone(&self.words[word as usize])), count)).collect())
    }

    /// The day each value was seen first.
    pub fn first_seen(&self, by: By, eyes: Option<&Door>) -> Vec<(Arc<str>, i32)> {
        let mut first: BTreeMap<u32, i32> = BTreeMap::new();
        // Days come in order: the first that names a word stays.
        let all = self.walk(&Asked::default(), Some(by), eyes, &mut |day, word, _| {
            first.entry(word).or_insert(day);
        });
        debug_assert!(all.is_some(), "one thing alone is always counted");
        first.into_iter().map(|(word, day)| (Arc::clone(&self.words[word as usize]), day)).filter(|(word, _)| !word.is_empty()).collect()
    }

    /// Numbers of the terms of these rows.
    pub fn terms(&self, asked: &Asked<'_>) -> Option<BTreeSet<i64>> {
        let (table, wanted) = self.wanted(asked, None)?;
        let mut terms = BTreeSet::new();
        for (_, day) in self.days_of(asked) {
            let fits = |part: &Part| wanted.iter().all(|(_, place, fits)| fits[part.words[*place] as usize]);
            terms.extend(day.tables[table].iter().filter(|(part, _)| fits(part)).map(|(part, _)| i64::from(part.terms)));
        }
        Some(terms)
    }

    fn days_of(&self, asked: &Asked<'_>) -> impl Iterator<Item = (&i32, &Arc<Day>)> {
        let (from, until) = (asked.from.unwrap_or(i32::MIN), asked.until.unwrap_or(i32::MAX));
        self.days.range(from..until.max(from))
    }

    /// The table that knows all of it, and for each condition which words fulfil it.
    fn wanted(&self, asked: &Asked<'_>, by: Option<By>) -> Option<(usize, Vec<Narrowed>)> {
        let conditions: Vec<(By, &str)> = By::ALL.into_iter().filter_map(|by| Some((by, asked.of(by)?))).collect();
        let knows = |table: &usize| conditions.iter().map(|(by, _)| *by).chain(by).all(|by| by.place(*table).is_some());
        // The smallest table that knows enough.
        let table = [MALWARE, VICTIMS, SOURCES].into_iter().find(knows)?;
        let fits = |by: By, text: &str| -> Vec<bool> {
            match by {
                By::Class => self.words.iter().map(|word| is_of_class(word, text)).collect(),
                By::Country | By::Feed | By::Victim | By::Malware => self.words.iter().map(|word| **word == *text).collect(),
            }
        };
        Some((table, conditions.into_iter().filter_map(|(by, text)| Some((by, by.place(table)?, fits(by, text)))).collect()))
    }

    /// Hears every count that fulfils the conditions, days in order.
    fn walk(&self, asked: &Asked<'_>, by: Option<By>, eyes: Option<&Door>, hear: &mut dyn FnMut(i32, u32, u64)) -> Option<()> {
        let (table, wanted) = self.wanted(asked, by)?;
        let place = by.and_then(|by| by.place(table));
        for (day, counts) in self.days_of(asked) {
            // Counts of the same terms stand together: they are decided about once.
            for same in counts.tables[table].chunk_by(|a, b| a.0.terms == b.0.terms) {
                let Some((first, _)) = same.first() else { continue };
                let redactions = match eyes {
                    Some(door) => match door.redactions(i64::from(first.terms)) {
                        Some(redactions) => redactions,
                        None => continue,
                    },
                    None => casework::share::Redactions::NONE,
                };
                let hidden = |by: By| redactions.hide(by.column());
                let by_hidden = by.is_some_and(hidden);
                // What is hidden is empty, and fulfils what an empty text fulfils.
                let mut open: Vec<(usize, &[bool])> = Vec::with_capacity(wanted.len());
                let mut none = false;
                for (by, place, fits) in &wanted {
                    match hidden(*by) {
                        true => none |= !fits.first().copied().unwrap_or_default(),
                        false => open.push((*place, fits)),
                    }
                }
                if none {
                    continue;
                }
                for (part, count) in same {
                    if open.iter().all(|(place, fits)| fits[part.words[*place] as usize]) {
                        let word = place.filter(|_| !by_hidden).map_or(0, |place| part.words[place]);
                        hear(*day, word, count.unsigned_abs());
                    }
                }
            }
        }
        Some(())
    }

    /// Adds what a segment holds, or takes it out again.
    fn apply(&mut self, counts: &Counts, sign: i64) {
        let numbers: Vec<u32> = counts.words.iter().map(|word| self.number(word)).collect();
        let mut changed: BTreeMap<i32, [Vec<(Part, i64)>; TABLES]> = BTreeMap::new();
        for (table, cells) in counts.tables.iter().enumerate() {
            for (cell, count) in cells {
                let words = cell.words.map(|word| numbers[word as usize]);
                let count = sign * i64::try_from(*count).unwrap_or(i64::MAX);
                changed.entry(cell.day).or_default()[table].push((Part { terms: cell.terms, words }, count));
            }
        }
        for (day, tables) in changed {
            let kept = Arc::make_mut(self.days.entry(day).or_default());
            for (known, more) in kept.tables.iter_mut().zip(tables) {
                known.extend(more);
                known.sort_unstable_by_key(|(part, _)| *part);
                known.dedup_by(|next, before| {
                    let same = next.0 == before.0;
                    if same {
                        before.1 += next.1;
                    }
                    same
                });
                known.retain(|(_, count)| *count != 0);
                known.shrink_to_fit();
            }
            if kept.tables.iter().all(Vec::is_empty) {
                self.days.remove(&day);
            }
        }
    }

    fn number(&mut self, word: &str) -> u32 {
        if self.words.is_empty() && !word.is_empty() {
            // The empty word is number 0.
            self.number("");
        }
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        let word: Arc<str> = Arc::from(word);
        self.words.push(Arc::clone(&word));
        self.numbers.insert(word, number);
        number
    }

    /// The sums of now.
    async fn renewed(&self, register: &Register) -> Result<Self, StoreError> {
        let mut snapshot = register.pool.begin().await?;
        let change: i64 = sqlx::query_scalar("SELECT number FROM figure_change WHERE id = 1").fetch_one(&mut *snapshot).await?;
        let live: Vec<(String, i64, Option<String>)> = sqlx::query_as(
            "SELECT segment.id, row_count, segment_figure.segment FROM segment LEFT JOIN segment_figure ON segment_figure.segment = segment.id \
             WHERE retired_at IS NULL",
        )
        .fetch_all(&mut *snapshot)
        .await?;
        let uncounted: i64 = live.iter().filter(|(_, _, figures)| figures.is_none()).map(|(_, rows, _)| rows).sum();
        let counted: BTreeSet<String> = live.into_iter().filter_map(|(_, _, figures)| figures).collect();
        let mut next = self.clone();
        // What was swept already cannot be taken out of the sum: then it is made anew.
        for segment in self.segments.difference(&counted) {
            match kept(&mut snapshot, segment).await? {
                Some(counts) => next.apply(&counts, -1),
                None => {
                    next = Self::default();
                    break;
                }
            }
            next.segments.remove(segment);
        }
        for segment in counted {
            if next.segments.contains(&segment) {
                continue;
            }
            match kept(&mut snapshot, &segment).await? {
                Some(counts) => next.apply(&counts, 1),
                None => tracing::error!("{segment}: its counts cannot be read"),
            }
            next.segments.insert(segment);
        }
        snapshot.rollback().await?;
        (next.change, next.uncounted) = (change, uncounted.unsigned_abs());
        Ok(next)
    }
}

/// Whether `taxonomy/type` is of a class as people name it: either of the two, or both.
fn is_of_class(word: &str, class: &str) -> bool {
    word == class || word.split_once('/').is_some_and(|(taxonomy, kind)| taxonomy == class || kind == class)
}

async fn kept(connection: &mut sqlx::SqliteConnection, segment: &str) -> Result<Option<Counts>, StoreError> {
    let bytes: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT figures FROM segment_figure WHERE segment = $1").bind(segment).fetch_optional(connection).await?;
    Ok(bytes.and_then(|bytes| Counts::read(&bytes)))
}

pub(crate) async fn keep(connection: &mut sqlx::SqliteConnection, segment: &str, figures: &[u8]) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO segment_figure (segment, figures) VALUES ($1, $2) ON CONFLICT (segment) DO NOTHING")
        .bind(segment)
        .bind(figures)
        .execute(connection)
        .await?;
    Ok(())
}

/// The sums as a server keeps them: brought up to date when they are asked for, and only by what changed.
#[derive(Debug, Default)]
pub struct KeptFigures {
    now: RwLock<Arc<Figures>>,
    one: futures::lock::Mutex<()>,
}

impl KeptFigures {
    /// The sums of now.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn now(&self, register: &Register) -> Result<Arc<Figures>, StoreError> {
        let known = || Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner));
        let change: i64 = sqlx::query_scalar("SELECT number FROM figure_change WHERE id = 1").fetch_one(&register.pool).await?;
        let figures = known();
        if figures.change == change {
            return Ok(figures);
        }
        let _one = self.one.lock().await;
        let figures = known();
        if figures.change >= change {
            return Ok(figures);
        }
        let renewed = Arc::new(figures.renewed(register).await?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&renewed);
        Ok(renewed)
    }
}

impl Register {
    /// Segments that count and were never counted, newest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub async fn uncounted_segments(&self) -> Result<Vec<Segment>, StoreError> {
        let counted: Vec<String> = sqlx::query_scalar("SELECT segment FROM segment_figure").fetch_all(&self.pool).await?;
        let counted: BTreeSet<String> = counted.into_iter().collect();
        let mut segments = self.segments().await?;
        segments.retain(|segment| !counted.contains(&segment.id));
        segments.reverse();
        Ok(segments)
    }

    /// Keeps what was counted of a segment again ([`crate::compact::recount`]), if it is still there.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub async fn keep_figures(&self, segment: &str, figures: &[u8]) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO segment_figure (segment, figures) SELECT id, $2 FROM segment WHERE id = $1 ON CONFLICT (segment) DO NOTHING",
        )
        .bind(segment)
        .bind(figures)
        .execute(&mut *self.statement().await?)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::{Counted, Counter};
    use crate::segment::DAY;

    fn counts(rows: &[(i64, i64, &str, &str)]) -> Counts {
        let mut counter = Counter::default();
        for (day, terms, kind, country) in rows {
            let row = Counted {
                time: day * DAY,
                terms: *terms,
                taxonomy: "malicious-code",
                class: kind,
                country,
                feed: "f",
                victim: "SG",
                malware: country,
            };
            counter.add(&row);
        }
        Counts::read(&counter.finish().unwrap()).unwrap()
    }

    #[test]
    fn what_came_and_went_leaves_nothing() {
        let (one, two) =
            (counts(&[(1, 1, "a", "JP"), (1, 1, "a", "JP"), (2, 1, "b", "")]), counts(&[(1, 2, "a", "JP"), (9, 1, "c", "US")]));
        let mut figures = Figures::default();
        figures.apply(&one, 1);
        let before = format!("{:?}", figures.days);
        figures.apply(&two, 1);
        assert_eq!(figures.count(&Asked::default(), None), Some(5));
        assert_eq!(figures.span(), Some((1, 9)));
        figures.apply(&two, -1);
        assert_eq!(format!("{:?}", figures.days), before);
    }

    #[test]
    fn questions_are_answered_where_the_tables_can() {
        let mut figures = Figures::default();
        figures.apply(&counts(&[(1, 1, "a", "JP"), (1, 2, "a", "JP"), (2, 1, "b", ""), (2, 1, "b", "US")]), 1);
        let ask = |asked: Asked<'_>| figures.count(&asked, None);
        assert_eq!(ask(Asked { class: Some("a"), country: Some("JP"), ..Asked::default() }), Some(2));
        assert_eq!(ask(Asked { class: Some("malicious-code"), ..Asked::default() }), Some(4));
        assert_eq!(ask(Asked { class: Some("malicious-code/b"), from: Some(2), until: Some(3), ..Asked::default() }), Some(2));
        assert_eq!(ask(Asked { country: Some(""), ..Asked::default() }), Some(1));
        assert_eq!(ask(Asked { victim: Some("SG"), class: Some("b"), ..Asked::default() }), Some(2));
        assert_eq!(ask(Asked { country: Some("XX"), ..Asked::default() }), Some(0));
        assert_eq!(ask(Asked { from: Some(3), until: Some(1), ..Asked::default() }), Some(0));
        // Malware and country are not counted together.
        assert_eq!(ask(Asked { malware: Some("JP"), country: Some("JP"), ..Asked::default() }), None);
        let by = figures.by(By::Country, &Asked::default(), None).unwrap();
        assert_eq!(by.iter().map(|(word, count)| (&**word, *count)).collect::<Vec<_>>(), [("JP", 2), ("", 1), ("US", 1)]);
        assert_eq!(figures.by_day(&Asked::default(), None).unwrap(), [(1, 2), (2, 2)]);
        assert_eq!(figures.terms(&Asked { from: Some(2), ..Asked::default() }).unwrap().into_iter().collect::<Vec<_>>(), [1]);
    }
}
