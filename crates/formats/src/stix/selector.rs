//! Which part of an object does a granular marking speak of?
//!
//! STIX 2.1 §7.2.3.1: a selector names a property, an element of a list (`[0]`) or a key, joined by dots; what it names is marked with
//! everything below it. It must be there, or the marking is wrong.

use std::ops::Range;

use super::object::DEPTH;
use super::scan::{Fault, Kind, Scanner, Text};

/// Selectors of one object that are looked at.
pub const SELECTOR_LIMIT: usize = 10_000;

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Step {
    Name(String),
    Element(usize),
}

/// A path into an object.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Selector(Vec<Step>);

impl Selector {
    /// Reads a selector; `None` when it is none.
    ///
    /// ```
    /// use formats::stix::selector::Selector;
    /// assert!(Selector::read("external_references.[0].source_name").is_some());
    /// assert!(Selector::read("labels.[x]").is_none());
    /// ```
    pub fn read(text: &str) -> Option<Self> {
        let steps: Option<Vec<_>> = text
            .split('.')
            .enumerate()
            .map(|(at, step)| match step.strip_prefix('[') {
                Some(_) if at == 0 => None,
                Some(number) => number.strip_suffix(']')?.parse().ok().filter(|_| number.as_bytes()[0] != b'+').map(Step::Element),
                None => {
                    let named = step.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_' || c == b'-');
                    (named && (1..=250).contains(&step.len())).then(|| Step::Name(step.to_owned()))
                }
            })
            .collect();
        steps.filter(|steps| steps.len() <= DEPTH as usize).map(Self)
    }
}

/// Where in an object a selector points.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// Bytes of the value, everything below included.
    pub value: Range<usize>,
    /// Bytes from the property's name to the end of its value; for an element of a list those of the value.
    pub member: Range<usize>,
}

/// Where each selector points, in their order; `None` for one whose part is not there. One pass over the object.
///
/// ```
/// use formats::stix::selector::{Selector, places};
/// let object = br#"{"name":"A","labels":["x","y"]}"#;
/// let selectors = ["labels.[1]", "name", "lang"].map(|text| Selector::read(text).unwrap());
/// let found = places(object, &selectors)?;
/// assert_eq!(&object[found[0].as_ref().unwrap().value.clone()], b"\"y\"");
/// assert_eq!(&object[found[1].as_ref().unwrap().member.clone()], br#""name":"A""#);
/// assert_eq!(found[2], None);
/// # Ok::<(), formats::stix::Fault>(())
/// ```
pub fn places(object: &[u8], selectors: &[Selector]) -> Result<Vec<Option<Place>>, Fault> {
    let mut sorted: Vec<(usize, &Selector)> = selectors.iter().enumerate().take(SELECTOR_LIMIT).collect();
    sorted.sort_by_key(|(_, selector)| *selector);
    let mut found = vec![None; selectors.len()];
    let mut scanner = Scanner::new(object, DEPTH, true)?;
    walk(&mut scanner, &sorted, 0, &mut found)?;
    scanner.end()?;
    Ok(found)
}

/// Goes through the value that comes next; `wanted` are the selectors that lead at least here, in order.
fn walk(scanner: &mut Scanner<'_>, wanted: &[(usize, &Selector)], level: usize, found: &mut [Option<Place>]) -> Result<(), Fault> {
    let here = wanted.partition_point(|(_, selector)| selector.0.len() <= level);
    let wanted = &wanted[here..];
    match scanner.kind()? {
        Kind::Object if !wanted.is_empty() => {
            scanner.enter_object()?;
            let mut first = true;
            while let Some(name) = scanner.name(&mut first)? {
                let from = scanner.at;
                let start = name_start(scanner, name);
                let step = Step::Name(name.decoded().into_owned());
                below(scanner, wanted, &step, level, start.unwrap_or(from), found)?;
            }
        }
        Kind::List if !wanted.is_empty() => {
            scanner.enter_list()?;
            let (mut first, mut at) = (true, 0);
            while scanner.element(&mut first)? {
                let from = scanner.at;
                below(scanner, wanted, &Step::Element(at), level, from, found)?;
                at += 1;
            }
        }
        _ => drop(scanner.skip()?),
    }
    Ok(())
}

fn below(
    scanner: &mut Scanner<'_>,
    wanted: &[(usize, &Selector)],
    step: &Step,
    level: usize,
    member_from: usize,
    found: &mut [Option<Place>],
) -> Result<(), Fault> {
    let from = wanted.partition_point(|(_, selector)| selector.0[level] < *step);
    let to = from + wanted[from..].partition_point(|(_, selector)| selector.0[level] == *step);
    let leading_here = &wanted[from..to];
    scanner.kind()?;
    let value_from = scanner.at;
    walk(scanner, leading_here, level + 1, found)?;
    for (at, selector) in leading_here {
        if selector.0.len() == level + 1 {
            found[*at] = Some(Place { value: value_from..scanner.at, member: member_from..scanner.at });
        }
    }
    Ok(())
}

/// Of the quote before the name just read.
fn name_start(scanner: &Scanner<'_>, name: Text<'_>) -> Option<usize> {
    scanner.offset_of(name.raw)?.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn what_is_no_selector_is_not_read() {
        for text in ["", ".", "a.", ".a", "[0]", "a.[", "a.[]", "a.[-1]", "a.[+1]", "a b", "a..b", "a.[99999999999999999999999]"] {
            assert_eq!(Selector::read(text), None, "{text}");
        }
    }

    fn leaves(value: &Value, path: &str, out: &mut Vec<(String, Value)>) {
        if !path.is_empty() {
            out.push((path.to_owned(), value.clone()));
        }
        let dot = if path.is_empty() { "" } else { "." };
        match value {
            Value::Object(members) => members.iter().for_each(|(name, each)| leaves(each, &format!("{path}{dot}{name}"), out)),
            Value::Array(list) => list.iter().enumerate().for_each(|(at, each)| leaves(each, &format!("{path}.[{at}]"), out)),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn every_part_is_found_where_it_stands(a in any::<i32>(), b in "[a-z\"\\\\é]{0,5}", keys in proptest::collection::btree_set("[a-z_-]{1,4}", 1..5)) {
            let inner: serde_json::Map<_, _> = keys.iter().map(|key| (key.clone(), json!([a, b, {key: b}]))).collect();
            let object = json!({"name": b, "list": [[a], inner], "more": inner});
            let bytes = serde_json::to_vec_pretty(&object).unwrap();
            let mut expected = Vec::new();
            leaves(&object, "", &mut expected);
            let selectors: Vec<_> = expected.iter().map(|(path, _)| Selector::read(path).unwrap()).collect();
            let found = places(&bytes, &selectors).unwrap();
            for ((path, value), place) in expected.iter().zip(found) {
                let place = place.unwrap();
                prop_assert_eq!(&serde_json::from_slice::<Value>(&bytes[place.value.clone()]).unwrap(), value, "{}", path);
                prop_assert!(place.member.end == place.value.end && place.member.start <= place.value.start);
            }
            let absent = Selector::read("list.[7]").unwrap();
            prop_assert_eq!(places(&bytes, &[absent]).unwrap(), [None]);
        }
    }
}
