//! The newest events that a filter lets through, for a page of them, or the one of an identity: which rows are these, without reading the rest?
//!
//! A day is sorted by address, so its newest events lie anywhere in it. Rows with an address are found as a look-up finds them ([`crate::lookup`]);
//! of all others the times are read first, then the columns that the filter
//! asks for, most of them as dictionaries whose few values are judged once; whole rows only of what is shown. Our own people see all events; a party sees
//! them through its [`Door`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampMicrosecondType};
use casework::model::meaning::Meaning;
use casework::share::Redactions;
use formats::value::Network;

use crate::StoreError;
use crate::columns::{COLUMNS, FILE_SCHEMA, ID, position};
use crate::door::Door;
use crate::filter::{Filter, WORD_COLUMNS};
use crate::home::Home;
use crate::lookup::{self, End, side_by_side};
use crate::pages::{Footer, GroupRows, Pages};
use crate::segment::Segment;

/// Rows of a group that are looked at together.
const PIECE: usize = 1 << 18;

/// Columns that have a value of their own in most rows: read as texts, the others as dictionaries.
const OWN: [&str; 8] = [
    "source_fqdn",
    "source_url",
    "source_reverse_dns",
    "destination_fqdn",
    "destination_url",
    "destination_reverse_dns",
    "source_ip",
    "extra",
];

/// Of which events.
#[derive(Clone, Debug)]
pub struct Span {
    /// Microseconds since 1970, UTC.
    pub time: Range<i64>,
    /// Strictly behind this one in the order of time and identity, both falling.
    pub behind: Option<(i64, [u8; 16])>,
}

/// Whether [`find`] can judge such a filter; else the query engine can.
pub fn judges(filter: &Filter) -> bool {
    match &filter.meaning {
        None | Some(Meaning::Address(_) | Meaning::Network(_) | Meaning::Domain(_) | Meaning::Url(_)) => true,
        // Upper and lower case beyond ASCII are the engine's affair.
        Some(Meaning::Words(words)) => words.iter().all(|word| word.is_ascii() && !word.is_empty()),
        Some(_) => false,
    }
}

/// The newest events in this span that the filter lets through, at most so many, the newest first and of one moment the greater identity
/// first: their identities, times and these columns, as in [`FILE_SCHEMA`]. The filter's own times are judged too.
///
/// # Errors
/// When a segment cannot be read, or a column or meaning is none that can be judged here ([`judges`]).
pub fn newest(
    home: &Home,
    segments: &[Segment],
    filter: &Filter,
    span: &Span,
    columns: &[&str],
    most: usize,
) -> Result<RecordBatch, StoreError> {
    let found = find(home, segments, filter, None, span, most)?;
    let shown: Vec<&str> = ["id", "time"].iter().chain(columns).copied().collect();
    found.read(&shown, 0..found.len())
}

/// Where the newest events lie.
#[derive(Debug)]
pub struct Newest<'a> {
    home: &'a Home,
    door: Option<&'a Door>,
    parts: Vec<Part<'a>>,
    /// Part and row in its group, the newest first.
    order: Vec<(usize, usize)>,
}

/// Rows of a group that are looked through together.
#[derive(Clone, Debug)]
struct Part<'a> {
    segment: &'a Segment,
    footer: Footer,
    group: usize,
    rows: Range<usize>,
}

impl Part<'_> {
    fn open(&self, home: &Home) -> Result<Pages, StoreError> {
        Pages::open_again(&home.resolve(&self.segment.path), &self.footer)
    }
}

/// Finds the newest events in this span that the filter lets through, as [`newest`] does. Behind a door a row counts as it is seen: what is not
/// let through is not there, and what is hidden of it is nothing, before anything is compared; hidden identities come last of their moment.
///
/// # Errors
/// When a segment cannot be read, or a meaning is none that can be judged here ([`judges`]), or somebody behind a door asks for what lies
/// behind an event.
pub fn find<'a>(
    home: &'a Home,
    segments: &'a [Segment],
    filter: &Filter,
    door: Option<&'a Door>,
    span: &Span,
    most: usize,
) -> Result<Newest<'a>, StoreError> {
    let mut newest = Newest { home, door, parts: Vec::new(), order: Vec::new() };
    let mut time = span.time.clone();
    time.start = time.start.max(filter.from.map_or(i64::MIN, |from| from.as_microsecond()));
    time.end = time.end.min(filter.until.map_or(i64::MAX, |until| until.as_microsecond()));
    if let Some((behind, _)) = span.behind {
        if door.is_some() {
            return Err(StoreError::Refused("behind a door no event is the last one shown".into()));
        }
        time.end = time.end.min(behind.saturating_add(1));
    }
    if time.is_empty() || most == 0 {
        return Ok(newest);
    }
    let span = Span { time, behind: span.behind };
    let mut tests = tests(filter)?;
    let ip = match &filter.meaning {
        Some(Meaning::Address(ip)) => Some(ip.to_string()),
        _ => None,
    };
    if let (Some(ip), Some(_)) = (&ip, door) {
        // A row is found by what it holds; it is named by what is seen of it.
        tests.push(Test { columns: vec![place("source_ip")?, place("destination_ip")?], right: Right::Is(ip.clone()) });
    }
    let may = |segment: &Segment| {
        ip.as_deref().is_none_or(|ip| {
            let in_range = segment.ip_min.as_deref().is_some_and(|min| min <= ip) && segment.ip_max.as_deref().is_some_and(|max| max >= ip);
            (in_range && lookup::may_hold(home, segment, ip, End::Source)) || lookup::may_hold(home, segment, ip, End::Destination)
        })
    };
    let asked: Vec<&Segment> =
        segments.iter().rev().filter(|s| s.time_min < span.time.end && s.time_max >= span.time.start && may(s)).collect();
    let parts = side_by_side(&asked, |segment| {
        let pages = Pages::open(&home.resolve(&segment.path))?;
        let mut parts = Vec::new();
        for group in 0..pages.groups().len() {
            if tests.iter().any(|test| test.is_never_right(&pages, group, door.is_some())) {
                continue;
            }
            let rows = pages.groups()[group].num_rows().unsigned_abs() as usize;
            // Of an address few pages are read; of all else every core takes a piece.
            let step = if ip.is_some() { rows.max(1) } else { PIECE };
            let pieces = (0..rows).step_by(step).map(|start| start..rows.min(start + step));
            parts.extend(pieces.map(|rows| Part { segment, footer: pages.footer(), group, rows }));
        }
        Ok(parts)
    })?;
    newest.parts = parts.into_iter().flatten().collect();
    let search = Search { ip: ip.as_deref(), tests: &tests, door, span: &span, most, floor: AtomicI64::new(i64::MIN) };
    let found = side_by_side(&newest.parts, |part| search.candidates(&part.open(home)?, part))?;
    let oldest = search.floor.into_inner();
    // What is of the moment at which the page ends is told apart by identity.
    let found: Vec<Vec<usize>> =
        found.into_iter().map(|rows| rows.into_iter().filter(|(t, _)| *t >= oldest).map(|(_, row)| row).collect()).collect();
    let mut order = Vec::new();
    for (part, batch) in newest.rows(&[place("time")?, ID, place("terms")?], &found)? {
        let (times, ids) = (batch.column(0).as_primitive::<TimestampMicrosecondType>(), batch.column(1).as_fixed_size_binary());
        let terms = batch.column(2).as_primitive::<Int64Type>();
        for (n, row) in found[part].iter().enumerate() {
            let hidden = door.is_some_and(|door| door.redactions(terms.value(n)).is_none_or(|hidden| hidden.hide("id")));
            let id: [u8; 16] = if hidden { [0; 16] } else { ids.value(n).try_into().unwrap_or_default() };
            order.push((Reverse((times.value(n), id)), part, *row));
        }
    }
    order.sort_unstable();
    order.truncate(most);
    newest.order = order.into_iter().map(|(_, part, row)| (part, row)).collect();
    Ok(newest)
}

impl Newest<'_> {
    pub fn len(&self) -> usize {
        self.order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// These columns of some of them, as they are seen.
    ///
    /// # Errors
    /// When a segment cannot be read, or there is no such column.
    pub fn read(&self, columns: &[&str], which: Range<usize>) -> Result<RecordBatch, StoreError> {
        let mut shown = columns.iter().map(|name| place(name)).collect::<Result<Vec<usize>, _>>()?;
        if self.door.is_some() && !columns.contains(&"terms") {
            shown.push(place("terms")?);
        }
        let order = self.order.get(which).unwrap_or_default();
        let mut chosen: Vec<Vec<usize>> = vec![Vec::new(); self.parts.len()];
        order.iter().for_each(|(part, row)| chosen[*part].push(*row));
        chosen.iter_mut().for_each(|rows| rows.sort_unstable());
        let batches = self.rows(&shown, &chosen)?;
        let at: BTreeMap<usize, usize> = batches.iter().enumerate().map(|(at, (part, _))| (*part, at)).collect();
        let places: Vec<(usize, usize)> =
            order.iter().filter_map(|(part, row)| Some((*at.get(part)?, chosen[*part].binary_search(row).ok()?))).collect();
        let batches: Vec<&RecordBatch> = batches.iter().map(|(_, batch)| batch).collect();
        let rows = match batches.is_empty() {
            true => RecordBatch::new_empty(Arc::new(FILE_SCHEMA.project(&shown)?)),
            false => interleave_record_batch(&batches, &places)?,
        };
        match self.door {
            None => Ok(rows),
            Some(door) => Ok(door.admit(&rows)?.project(&(0..columns.len()).collect::<Vec<_>>())?),
        }
    }

    /// These columns of these rows of each part, of those parts that have any.
    fn rows(&self, columns: &[usize], rows: &[Vec<usize>]) -> Result<Vec<(usize, RecordBatch)>, StoreError> {
        let wanted: Vec<(usize, &[usize])> =
            rows.iter().enumerate().filter(|(_, rows)| !rows.is_empty()).map(|(n, rows)| (n, &rows[..])).collect();
        side_by_side(&wanted, |(n, rows)| {
            let part = &self.parts[*n];
            let rows = rows.iter().map(|row| *row..*row + 1).collect();
            Ok((*n, part.open(self.home)?.read(columns, &[GroupRows { group: part.group, rows }])?))
        })
    }
}

/// The event of an identity, with all columns of [`FILE_SCHEMA`]; `at`, where that is known, is its time in microseconds.
///
/// # Errors
/// When a segment cannot be read.
pub fn with_id(home: &Home, segments: &[Segment], id: &[u8; 16], at: Option<i64>) -> Result<Option<RecordBatch>, StoreError> {
    let may = segments.iter().rev().filter(|segment| at.is_none_or(|at| (segment.time_min..=segment.time_max).contains(&at)));
    let may: Vec<&Segment> = may.collect();
    let found = AtomicBool::new(false);
    let rows = side_by_side(&may, |segment| {
        if found.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let pages = Pages::open(&home.resolve(&segment.path))?;
        for group in lookup::groups_that_may_hold(&pages, id) {
            let count = pages.groups()[group].num_rows().unsigned_abs() as usize;
            let (mut at, mut row) = (0, None);
            pages.scan(ID, false, &whole(group, &(0..count)), &mut |ids| {
                if let Some(ids) = ids.as_fixed_size_binary_opt().filter(|_| row.is_none()) {
                    row = ids.value_data().chunks_exact(16).position(|one| one == id).map(|n| at + n);
                }
                at += ids.len();
            })?;
            if let Some(row) = row {
                found.store(true, Ordering::Relaxed);
                let all: Vec<usize> = (0..COLUMNS.len()).collect();
                return pages.read(&all, &[whole(group, &(row..row + 1))]).map(Some);
            }
        }
        Ok(None)
    })?;
    Ok(rows.into_iter().flatten().next())
}

fn place(name: &str) -> Result<usize, StoreError> {
    position(name).ok_or_else(|| StoreError::Refused(format!("events have no column {name:?}")))
}

/// What is looked for, and how far back that has to go.
struct Search<'a> {
    ip: Option<&'a str>,
    tests: &'a [Test],
    door: Option<&'a Door>,
    span: &'a Span,
    most: usize,
    /// Of what is found already, so many are of this moment or newer.
    floor: AtomicI64,
}

impl Search<'_> {
    /// Rows of a part that may be among the newest, with their times.
    fn candidates(&self, pages: &Pages, part: &Part<'_>) -> Result<Vec<(i64, usize)>, StoreError> {
        let group = part.group;
        let named = self.ip.map(|ip| lookup::rows_of(pages, group, ip)).transpose()?;
        let mut times: BinaryHeap<Reverse<i64>> = BinaryHeap::new();
        let mut found: Vec<(i64, usize)> = Vec::new();
        for start in part.rows.clone().step_by(PIECE) {
            let piece = start..part.rows.end.min(start + PIECE);
            let mut asked = match &named {
                Some(named) => within(named, &piece),
                None => std::iter::once(piece.clone()).collect(),
            };
            let mut left = vec![false; piece.len()];
            asked.iter().for_each(|rows| left[rows.start - start..rows.end - start].fill(true));
            let seen = Seen::of(self.door, pages, group, &piece, &mut left)?;
            let mut oldest = self.floor.load(Ordering::Relaxed);
            // What is rare is found first; times are read of that alone. Once enough is found, times leave less to be looked through.
            let rare_first = oldest == i64::MIN && self.tests.iter().any(Test::is_rare);
            if rare_first {
                self.narrow(pages, group, &piece, &seen, &mut left)?;
                asked = ranges(&left, start);
                oldest = self.floor.load(Ordering::Relaxed);
            }
            if !left.contains(&true) {
                continue;
            }
            let read = pages.read(&[place("time")?], &[GroupRows { group, rows: asked.clone() }])?;
            let read = read.column(0).as_primitive::<TimestampMicrosecondType>().values();
            let mut all = vec![i64::MIN; piece.len()];
            for (row, time) in asked.into_iter().flatten().zip(read) {
                all[row - start] = *time;
                left[row - start] &= self.span.time.contains(time) && *time >= oldest;
            }
            if let Some((moment, id)) = &self.span.behind {
                behind(pages, group, &piece, &all, *moment, id, &mut left)?;
            }
            if !rare_first {
                self.narrow(pages, group, &piece, &seen, &mut left)?;
            }
            for (n, time) in all.iter().enumerate().filter(|(n, _)| left[*n]) {
                if times.len() < self.most {
                    times.push(Reverse(*time));
                } else if times.peek().is_some_and(|Reverse(least)| least < time) {
                    times.pop();
                    times.push(Reverse(*time));
                }
                if times.len() < self.most || times.peek().is_none_or(|Reverse(least)| least <= time) {
                    found.push((*time, start + n));
                }
            }
            if times.len() == self.most
                && let Some(Reverse(least)) = times.peek()
            {
                self.floor.fetch_max(*least, Ordering::Relaxed);
                found.retain(|(time, _)| time >= least);
            }
        }
        Ok(found)
    }

    fn narrow(&self, pages: &Pages, group: usize, piece: &Range<usize>, seen: &Seen, left: &mut [bool]) -> Result<(), StoreError> {
        for test in self.tests {
            if !left.contains(&true) {
                break;
            }
            test.narrow(pages, group, piece, seen, left)?;
        }
        Ok(())
    }
}

/// What of the rows of a piece is hidden from whoever asks.
enum Seen {
    Nothing,
    /// The same of all of them.
    One(Redactions),
    Each(Vec<Redactions>),
}

impl Seen {
    /// Leaves the rows that are seen at all.
    fn of(door: Option<&Door>, pages: &Pages, group: usize, piece: &Range<usize>, left: &mut [bool]) -> Result<Self, StoreError> {
        let Some(door) = door else { return Ok(Self::Nothing) };
        let column = place("terms")?;
        // Rows without terms are nobody's to see.
        let of = |terms: Option<i64>| terms.and_then(|terms| door.redactions(terms));
        if let Some(one) = pages.constant(column, &[group], 1) {
            let seen = of(one.as_primitive_opt::<Int64Type>().and_then(|terms| terms.iter().next().flatten()));
            if seen.is_none() {
                left.fill(false);
            }
            return Ok(Self::One(seen.unwrap_or(Redactions::NONE)));
        }
        let mut each = Vec::with_capacity(piece.len());
        pages.scan(column, false, &whole(group, piece), &mut |terms| {
            let terms = terms.as_primitive_opt::<Int64Type>().into_iter().flatten();
            each.extend(terms.map(of));
        })?;
        left.iter_mut().enumerate().for_each(|(n, left)| *left &= each.get(n).is_some_and(Option::is_some));
        Ok(Self::Each(each.into_iter().map(|seen| seen.unwrap_or(Redactions::NONE)).collect()))
    }

    /// Of each row of a piece, whether this column of it is hidden; `None` when of none.
    fn hidden(&self, column: usize, rows: usize) -> Option<Vec<bool>> {
        let name = FILE_SCHEMA.field(column).name();
        let hidden = match self {
            Self::Nothing => return None,
            Self::One(seen) => vec![seen.hide(name); rows],
            Self::Each(each) => {
                let mut last = (Redactions::NONE, Redactions::NONE.hide(name));
                let hides = |seen: &Redactions| {
                    if last.0 != *seen {
                        last = (*seen, seen.hide(name));
                    }
                    last.1
                };
                each.iter().map(hides).collect()
            }
        };
        hidden.contains(&true).then_some(hidden)
    }
}

/// The rows that are left, as ranges of rows of the group.
fn ranges(left: &[bool], start: usize) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for row in left.iter().enumerate().filter(|(_, left)| **left).map(|(n, _)| start + n) {
        match ranges.last_mut() {
            Some(last) if last.end == row => last.end += 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

/// What of these ranges lies in a piece.
fn within(ranges: &[Range<usize>], piece: &Range<usize>) -> Vec<Range<usize>> {
    let cut = ranges.iter().map(|range| range.start.max(piece.start)..range.end.min(piece.end));
    cut.filter(|range| !range.is_empty()).collect()
}

fn whole(group: usize, rows: &Range<usize>) -> GroupRows {
    GroupRows { group, rows: std::iter::once(rows.clone()).collect() }
}

/// Takes away what is of the moment of the last one shown and was shown before it.
fn behind(
    pages: &Pages,
    group: usize,
    piece: &Range<usize>,
    times: &[i64],
    moment: i64,
    id: &[u8; 16],
    left: &mut [bool],
) -> Result<(), StoreError> {
    let same: Vec<usize> = (0..times.len()).filter(|n| left[*n] && times[*n] == moment).collect();
    if same.is_empty() {
        return Ok(());
    }
    let rows = same.iter().map(|n| piece.start + n..piece.start + n + 1).collect();
    let read = pages.read(&[ID], &[GroupRows { group, rows }])?;
    let ids = read.column(0).as_fixed_size_binary();
    same.iter().enumerate().for_each(|(at, n)| left[*n] = ids.value(at) < &id[..]);
    Ok(())
}

/// A condition: some of these columns must be right.
struct Test {
    columns: Vec<usize>,
    right: Right,
}

enum Right {
    Nothing,
    Is(String),
    Number(i64),
    /// Holds this word, whatever the case of its letters; the word is in lower case.
    Holds(String),
    /// Is this name or one below it, or an address of such a host.
    Host(String),
    /// Is in this network; its texts begin so.
    Within(Network, String),
}

fn tests(filter: &Filter) -> Result<Vec<Test>, StoreError> {
    let test = |columns: &[&str], right| {
        Ok::<_, StoreError>(Test { columns: columns.iter().map(|name| place(name)).collect::<Result<_, _>>()?, right })
    };
    let mut all = Vec::new();
    match filter.class.as_deref().map(|class| (class, class.split_once('/'))) {
        Some((_, Some((taxonomy, kind)))) => {
            all.push(test(&["taxonomy"], Right::Is(taxonomy.into()))?);
            all.push(test(&["type"], Right::Is(kind.into()))?);
        }
        Some((class, None)) => all.push(test(&["type", "taxonomy"], Right::Is(class.into()))?),
        None => {}
    }
    for (column, text) in filter.texts() {
        match text {
            Some("") => all.push(test(&[column], Right::Nothing)?),
            Some(text) => all.push(test(&[column], Right::Is(text.into()))?),
            None => {}
        }
    }
    if let Some(asn) = filter.asn {
        all.push(test(&["source_asn"], Right::Number(asn.into()))?);
    }
    match &filter.meaning {
        // Addresses choose the rows before these tests.
        None | Some(Meaning::Address(_)) => {}
        Some(Meaning::Words(words)) => {
            for word in words {
                all.push(test(&WORD_COLUMNS, Right::Holds(word.to_ascii_lowercase()))?);
            }
        }
        Some(Meaning::Network(network)) => all.push(test(&["source_ip", "destination_ip"], Right::Within(*network, beginning(*network)))?),
        Some(Meaning::Domain(name)) => all.push(test(&OWN[..6], Right::Host(name.clone()))?),
        Some(Meaning::Url(url)) => all.push(test(&["source_url", "destination_url"], Right::Is(url.clone()))?),
        Some(other) => return Err(StoreError::Refused(format!("{}: the query engine judges this", other.kind()))),
    }
    Ok(all)
}

impl Test {
    /// Few rows are expected to be right.
    fn is_rare(&self) -> bool {
        match self.right {
            Right::Holds(_) | Right::Host(_) | Right::Within(..) => true,
            Right::Is(_) => self.columns.iter().all(|column| OWN.contains(&FILE_SCHEMA.field(*column).name().as_str())),
            Right::Nothing | Right::Number(_) => false,
        }
    }

    /// No row of this group can be right, as far as the footer and its filters know. What is `hidden` from somebody reads as nothing.
    fn is_never_right(&self, pages: &Pages, group: usize, hidden: bool) -> bool {
        if hidden && matches!(self.right, Right::Nothing) {
            return false;
        }
        self.columns.iter().all(|column| match (pages.constant(*column, &[group], 1), &self.right) {
            (Some(one), _) => !self.judge(*column, &one).contains(&true),
            (None, Right::Is(text)) => !lookup::group_may_hold(pages, group, *column, text),
            (None, _) => false,
        })
    }

    /// Leaves the rows of a piece of which one of the columns is right.
    fn narrow(&self, pages: &Pages, group: usize, piece: &Range<usize>, seen: &Seen, left: &mut [bool]) -> Result<(), StoreError> {
        let mut right = vec![false; left.len()];
        for column in &self.columns {
            let hidden = seen.hidden(*column, left.len());
            let nothing = matches!(self.right, Right::Nothing);
            let as_seen = |n: usize, is: bool| if hidden.as_ref().is_some_and(|hidden| hidden[n]) { nothing } else { is };
            if let Some(one) = pages.constant(*column, &[group], 1) {
                let is = self.judge(*column, &one).contains(&true);
                right.iter_mut().enumerate().for_each(|(n, right)| *right |= as_seen(n, is));
                continue;
            }
            let kind = FILE_SCHEMA.field(*column).data_type();
            let dictionary = *kind == DataType::Utf8 && !OWN.contains(&FILE_SCHEMA.field(*column).name().as_str());
            // Of a few rows their pages are read, of many the column.
            let open: usize = left.iter().zip(&right).filter(|(left, right)| **left && !**right).count();
            if open == 0 {
                break;
            }
            if let Right::Within(_, beginning) = &self.right
                && !beginning.is_empty()
                && FILE_SCHEMA.field(*column).name() == "source_ip"
            {
                // The file is sorted by it: its pages say which of them may hold the network.
                let rows = within(&pages.rows_beginning(*column, beginning, group)?, piece);
                if rows.is_empty() {
                    continue;
                }
                let read = pages.read(&[*column], &[GroupRows { group, rows: rows.clone() }])?;
                let judged = self.judge(*column, read.column(0));
                let rows = rows.into_iter().flatten().map(|row| row - piece.start);
                rows.zip(judged).for_each(|(n, is)| right[n] |= as_seen(n, is));
                continue;
            }
            if open * 256 < left.len() {
                let rows: Vec<usize> = (0..left.len()).filter(|n| left[*n] && !right[*n]).collect();
                let ranges = rows.iter().map(|n| piece.start + n..piece.start + n + 1).collect();
                let read = pages.read(&[*column], &[GroupRows { group, rows: ranges }])?;
                let judged = self.judge(*column, read.column(0));
                rows.iter().zip(judged).for_each(|(n, is)| right[*n] |= as_seen(*n, is));
                continue;
            }
            let mut at = 0;
            pages.scan(*column, dictionary, &whole(group, piece), &mut |values| {
                let judged = self.judge(*column, values);
                judged.iter().enumerate().for_each(|(n, is)| right[at + n] |= as_seen(at + n, *is));
                at += values.len();
            })?;
        }
        left.iter_mut().zip(right).for_each(|(left, right)| *left &= right);
        Ok(())
    }

    fn judge(&self, column: usize, values: &ArrayRef) -> Vec<bool> {
        if let Some(dictionary) = values.as_dictionary_opt::<Int32Type>() {
            let each = self.judge(column, dictionary.values());
            let nothing = matches!(self.right, Right::Nothing);
            let keys = dictionary.keys();
            return (0..keys.len())
                .map(|n| if keys.is_valid(n) { each.get(keys.value(n) as usize).copied().unwrap_or(false) } else { nothing })
                .collect();
        }
        match &self.right {
            Right::Nothing => (0..values.len()).map(|n| values.is_null(n)).collect(),
            Right::Number(number) => match values.as_primitive_opt::<Int64Type>() {
                Some(values) => values.iter().map(|value| value == Some(*number)).collect(),
                None => vec![false; values.len()],
            },
            Right::Is(text) => texts(values, |value| value == text),
            Right::Within(network, beginning) => {
                texts(values, |value| value.starts_with(beginning) && formats::value::ip(value).is_some_and(|ip| network.contains(ip)))
            }
            Right::Holds(word) => texts(values, |value| holds(value, word)),
            Right::Host(name) if FILE_SCHEMA.field(column).name().ends_with("_url") => texts(values, |value| is_at(value, name)),
            Right::Host(name) => texts(values, |value| is_below(value, name)),
        }
    }
}

fn texts(values: &ArrayRef, right: impl Fn(&str) -> bool) -> Vec<bool> {
    match values.as_string_opt::<i32>() {
        Some(values) => values.iter().map(|value| value.is_some_and(&right)).collect(),
        None => vec![false; values.len()],
    }
}

/// The text holds the word, which is ASCII in lower case.
fn holds(text: &str, word: &str) -> bool {
    let (first, rest) = match word.as_bytes() {
        [] => return true,
        [first, rest @ ..] => (*first, rest),
    };
    if !text.is_ascii() {
        return text.to_lowercase().contains(word);
    }
    let bytes = text.as_bytes();
    let Some(last) = bytes.len().checked_sub(word.len()) else { return false };
    let other = first.to_ascii_uppercase();
    let mut from = 0;
    while let Some(found) = memchr::memchr2(first, other, &bytes[from..=last]) {
        let at = from + found;
        if bytes[at + 1..at + word.len()].eq_ignore_ascii_case(rest) {
            return true;
        }
        from = at + 1;
        if from > last {
            break;
        }
    }
    false
}

/// How the texts of all addresses of a network begin: the whole octets of an IPv4 network.
fn beginning(network: Network) -> String {
    match network.address() {
        IpAddr::V4(ip) => ip.octets().iter().take(usize::from(network.length() / 8)).take(3).map(|octet| format!("{octet}.")).collect(),
        IpAddr::V6(_) => String::new(),
    }
}

fn is_below(text: &str, name: &str) -> bool {
    text.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// The URL's host is this name or one below it.
fn is_at(url: &str, name: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_lowercase()) {
        return false;
    }
    let host = |rest: &str| {
        let end = rest.find(['/', ':', '@', '?', '#']).unwrap_or(rest.len());
        !rest[end..].starts_with('@') && is_below(&rest[..end], name)
    };
    let behind_user = rest.find(['/', '@']).filter(|at| rest[*at..].starts_with('@')).map(|at| &rest[at + 1..]);
    host(rest) || behind_user.is_some_and(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_whatever_its_case_and_place() {
        for (text, word, is) in [
            ("MIRAI-variant", "mirai", true),
            ("xmir", "mirai", false),
            ("a Mirai", "mirai", true),
            ("mmirai", "mirai", true),
            ("", "a", false),
            ("a", "a", true),
            ("ÄPFEL Zero", "zero", true),
            ("ab", "abc", false),
            ("b.b.b", "b.b", true),
        ] {
            assert_eq!(holds(text, word), is, "{text} {word}");
        }
    }

    #[test]
    fn a_host_is_the_name_or_below_it() {
        for (url, is) in [
            ("http://example.com", true),
            ("http://www.example.com/x", true),
            ("https://u:p@example.com:8080/", true),
            ("http://u@a.example.com?x", true),
            ("http://badexample.com/", false),
            ("http://x/?u=example.com", false),
            ("http://example.com@evil.test/", false),
            ("http://example.com.evil.test/", false),
            ("HTTP://example.com/", false),
            ("http://a/@example.com/", false),
            ("example.com", false),
        ] {
            assert_eq!(is_at(url, "example.com"), is, "{url}");
        }
    }
}
