//! What does a client want of a collection? The query of a request (§3.4, §3.5, §5.3 to §5.8).

use std::fmt;

use super::read_timestamp;

/// What was asked for; empty lists ask for everything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    /// Microseconds since 1970: only what came strictly later.
    pub added_after: Option<i64>,
    /// At most so many in a page.
    pub limit: Option<usize>,
    /// Where the page before ended, as the server said it.
    pub next: Option<String>,
    pub ids: Vec<String>,
    pub types: Vec<String>,
    pub versions: Wanted,
    /// `2.0`, `2.1`; empty: the newest that there is of each object.
    pub spec_versions: Vec<String>,
}

/// Which versions of each object (§3.4.1, `match[version]`).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wanted {
    All,
    /// Each once, never none.
    These(Vec<Which>),
}

impl Default for Wanted {
    fn default() -> Self {
        Self::These(vec![Which::Last])
    }
}

/// One kind of version.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Which {
    First,
    Last,
    /// Microseconds since 1970.
    At(i64),
}

/// A query that cannot be answered: HTTP status 400.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{parameter}: {reason}")]
pub struct BadFilter {
    pub parameter: String,
    pub reason: String,
}

/// Values of one parameter, at most; the cap keeps a query from becoming a bulk job.
const VALUES: usize = 1000;

impl Filter {
    /// Reads the part of an address behind the `?`. Unknown parameters are ignored (§3.4).
    ///
    /// # Errors
    /// For the first parameter that is given twice or cannot be understood.
    ///
    /// ```
    /// use formats::taxii::{Filter, Wanted, Which};
    /// let filter = Filter::read("limit=10&match%5Btype%5D=indicator,malware&match[version]=first,last")?;
    /// assert_eq!((filter.limit, filter.types.len()), (Some(10), 2));
    /// assert_eq!(filter.versions, Wanted::These(vec![Which::First, Which::Last]));
    /// assert!(Filter::read("limit=0").is_err());
    /// # Ok::<(), formats::taxii::BadFilter>(())
    /// ```
    pub fn read(query: &str) -> Result<Self, BadFilter> {
        let mut filter = Self::default();
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let known = matches!(
                name.as_ref(),
                "added_after" | "limit" | "next" | "match[id]" | "match[type]" | "match[version]" | "match[spec_version]"
            );
            if !known {
                continue;
            }
            if seen.iter().any(|seen| *seen == name) {
                return Err(bad(&name, "is given more than once"));
            }
            filter.set(&name, &value)?;
            seen.push(name.into_owned());
        }
        Ok(filter)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), BadFilter> {
        match name {
            "added_after" => {
                let at =
                    read_timestamp(value).ok_or_else(|| bad(name, format!("{value:?} is no timestamp (YYYY-MM-DDTHH:MM:SS.ssssssZ)")))?;
                self.added_after = Some(at);
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| *limit > 0);
                // More than any page holds is the same as all that a page holds.
                let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) && value.bytes().any(|b| b != b'0');
                let limit = limit.or(digits.then_some(usize::MAX));
                self.limit = Some(limit.ok_or_else(|| bad(name, format!("{value:?} is no positive number")))?);
            }
            "next" => self.next = Some(value.to_owned()),
            "match[id]" => self.ids = list(name, value)?,
            "match[type]" => self.types = list(name, value)?,
            "match[spec_version]" => self.spec_versions = list(name, value)?,
            _ => self.versions = versions(name, value)?,
        }
        Ok(())
    }

    /// The same text for queries that select the same of a collection, wherever they begin and however long their pages are.
    pub fn selection(&self) -> String {
        let sorted = |values: &[String]| {
            let mut values = values.to_vec();
            values.sort();
            values.dedup();
            values.join(",")
        };
        let versions = match &self.versions {
            Wanted::All => "all".to_owned(),
            Wanted::These(these) => {
                let mut these = these.clone();
                these.sort();
                these.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
            }
        };
        format!("{}|{}|{versions}|{}", sorted(&self.ids), sorted(&self.types), sorted(&self.spec_versions))
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("first"),
            Self::Last => f.write_str("last"),
            Self::At(at) => f.write_str(&super::timestamp(*at)),
        }
    }
}

fn bad(parameter: &str, reason: impl Into<String>) -> BadFilter {
    BadFilter { parameter: parameter.to_owned(), reason: reason.into() }
}

fn list(name: &str, value: &str) -> Result<Vec<String>, BadFilter> {
    let values: Vec<String> = value.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect();
    match values.len() {
        0 => Err(bad(name, "is empty")),
        n if n > VALUES => Err(bad(name, format!("has {n} values, at most {VALUES} are looked for at once"))),
        _ => Ok(values),
    }
}

fn versions(name: &str, value: &str) -> Result<Wanted, BadFilter> {
    let values = list(name, value)?;
    if values.iter().any(|value| value == "all") {
        // §3.4.1: `all` stands alone.
        return if values.len() == 1 { Ok(Wanted::All) } else { Err(bad(name, "`all` cannot be joined with other versions")) };
    }
    let mut these = Vec::with_capacity(values.len());
    for value in values {
        let which = match value.as_str() {
            "first" => Which::First,
            "last" => Which::Last,
            at => Which::At(read_timestamp(at).ok_or_else(|| bad(name, format!("{at:?} is neither first, last, all nor a timestamp")))?),
        };
        if !these.contains(&which) {
            these.push(which);
        }
    }
    Ok(Wanted::These(these))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_in_full() {
        let filter = Filter::read(
            "added_after=2020-01-01T00:00:00.000000Z&limit=5&next=abc&match[id]=a--1,b--2&match[type]=indicator\
             &match[version]=2018-03-02T01:01:01Z,first,2018-03-02T01:01:01.000Z&match[spec_version]=2.0,2.1&match[bogus]=1&x=y",
        );
        let filter = filter.unwrap();
        assert_eq!(filter.added_after, read_timestamp("2020-01-01T00:00:00Z"));
        assert_eq!((filter.limit, filter.next.as_deref(), filter.ids.len(), filter.types.len()), (Some(5), Some("abc"), 2, 1));
        // The same moment twice is one version.
        assert_eq!(filter.versions, Wanted::These(vec![Which::At(1_519_952_461_000_000), Which::First]));
        assert_eq!(Filter::read("").unwrap(), Filter::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, parameter) in [
            ("added_after=notatime", "added_after"),
            ("added_after=", "added_after"),
            ("limit=0", "limit"),
            ("limit=00", "limit"),
            ("limit=-1", "limit"),
            ("limit=abc", "limit"),
            ("limit=1.5", "limit"),
            ("limit=", "limit"),
            ("match[version]=notaversion", "match[version]"),
            ("match[version]=all,last", "match[version]"),
            ("match[type]=a&match%5Btype%5D=b", "match[type]"),
            ("limit=1&limit=1", "limit"),
            ("match[id]=", "match[id]"),
        ] {
            assert_eq!(Filter::read(query).unwrap_err().parameter, parameter, "{query}");
        }
        assert_eq!(Filter::read("limit=99999999999999999999999").unwrap().limit, Some(usize::MAX));
    }

    #[test]
    fn the_same_selection_is_the_same_text() {
        let text = |query: &str| Filter::read(query).unwrap().selection();
        assert_eq!(text("match[id]=b--2,a--1&limit=3"), text("limit=9&match[id]=a--1,b--2,a--1&next=x&added_after=2020-01-01T00:00:00Z"));
        assert_eq!(text(""), text("match[version]=last"));
        assert_ne!(text("match[type]=a"), text("match[id]=a"));
    }
}
