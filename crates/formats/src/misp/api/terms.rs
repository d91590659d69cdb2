//! Which texts does a search name? One, several, some of them not, `%` for anything.
//!
//! MISP takes a text, a list (`!` before what must not be), or `{"OR": …, "AND": …, "NOT": …}`. Letters are compared without case.
//! Exact texts are looked up, so that ten thousand values cost no more than one.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

/// Texts that one search may name.
pub(super) const TERM_LIMIT: usize = 50_000;
/// Texts with `%` that one search may name: each is tried on each value.
const GLOB_LIMIT: usize = 500;
/// Bytes of one text.
const TERM_BYTES: usize = 65_535;

/// What a search says of one key; by default nothing, and everything matches.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Terms {
    any: Set,
    all: Vec<Set>,
    none: Set,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Set {
    exact: BTreeSet<String>,
    globs: Vec<Glob>,
}

/// Pieces between the `%`.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Glob(Vec<String>);

impl Terms {
    /// Reads the value of a key; the error says what was meant.
    pub(super) fn read(value: &Value) -> Result<Self, &'static str> {
        let mut terms = Self::default();
        match value {
            Value::Object(logic) => {
                for (word, value) in logic {
                    match word.to_ascii_uppercase().as_str() {
                        "OR" => each(value, &mut |text| terms.any.add(text))?,
                        "NOT" => each(value, &mut |text| terms.none.add(text))?,
                        "AND" => each(value, &mut |text| {
                            let mut one = Set::default();
                            one.add(text)?;
                            terms.all.push(one);
                            if terms.all.len() > GLOB_LIMIT { Err("not so many texts under \"AND\"") } else { Ok(()) }
                        })?,
                        _ => return Err("a text, a list of texts, or an object with \"OR\", \"AND\", \"NOT\""),
                    }
                }
            }
            _ => each(value, &mut |text| match text.strip_prefix('!') {
                Some(text) => terms.none.add(text),
                None => terms.any.add(text),
            })?,
        }
        Ok(terms)
    }

    /// It asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.any.is_empty() && self.all.is_empty() && self.none.is_empty()
    }

    /// These texts together are what is asked for.
    pub fn match_any<'a>(&self, texts: impl Iterator<Item = &'a str> + Clone) -> bool {
        if self.is_empty() {
            return true;
        }
        let has = |set: &Set| texts.clone().any(|text| set.has(text));
        (self.none.is_empty() || !has(&self.none)) && self.all.iter().all(has) && (self.any.is_empty() || has(&self.any))
    }

    /// The texts that are asked for exactly and at least one of which must be there: what an index can look up. `None` when no
    /// index can help.
    pub fn exact(&self) -> Option<impl Iterator<Item = &str>> {
        (self.any.globs.is_empty() && !self.any.exact.is_empty()).then(|| self.any.exact.iter().map(String::as_str))
    }
}

fn each(value: &Value, take: &mut dyn FnMut(&str) -> Result<(), &'static str>) -> Result<(), &'static str> {
    match value {
        // The older way to name several.
        Value::String(text) => text.split("&&").try_for_each(|text| take(text.trim())),
        Value::Number(number) => take(&number.to_string()),
        Value::Array(list) => {
            if list.len() > TERM_LIMIT {
                return Err("a list of at most 50000 texts");
            }
            list.iter().try_for_each(|one| match one {
                Value::String(text) => take(text),
                Value::Number(number) => take(&number.to_string()),
                _ => Err("a list of texts"),
            })
        }
        Value::Null => Ok(()),
        _ => Err("a text, a list of texts, or an object with \"OR\", \"AND\", \"NOT\""),
    }
}

pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

impl Set {
    fn add(&mut self, text: &str) -> Result<(), &'static str> {
        if text.len() > TERM_BYTES {
            return Err("a text of at most 65535 bytes");
        }
        if text.contains('%') {
            if self.globs.len() == GLOB_LIMIT {
                return Err("at most 500 texts with %");
            }
            self.globs.push(Glob::new(text));
        } else if !text.is_empty() {
            self.exact.insert(fold(text).into_owned());
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.globs.is_empty()
    }

    fn has(&self, text: &str) -> bool {
        let text = fold(text);
        self.exact.contains(&*text) || self.globs.iter().any(|glob| glob.fits(&text))
    }
}

impl Glob {
    fn new(text: &str) -> Self {
        Self(fold(text).split('%').map(str::to_owned).collect())
    }

    /// First piece at the start, last at the end, the others in order between: one pass.
    fn fits(&self, text: &str) -> bool {
        let [first, middle @ .., last] = self.0.as_slice() else { return false };
        let Some(rest) = text.strip_prefix(first.as_str()) else { return false };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
        middle.iter().all(|piece| match rest.find(piece.as_str()) {
            Some(at) => {
                rest = &rest[at + piece.len()..];
                true
            }
            None => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits(terms: Value, texts: &[&str]) -> bool {
        Terms::read(&terms).unwrap().match_any(texts.iter().copied())
    }

    #[test]
    fn terms_say_what_may_must_and_must_not_be() {
        assert!(fits(json!("tlp:AMBER"), &["x", "TLP:amber"]));
        assert!(fits(json!(["a", "!b"]), &["a"]) && !fits(json!(["a", "!b"]), &["a", "b"]));
        assert!(fits(json!({"AND": ["a", "b"], "NOT": "c"}), &["b", "a"]) && !fits(json!({"AND": ["a", "b"]}), &["a"]));
        assert!(fits(json!("!x"), &[]) && fits(json!([]), &[]) && !fits(json!("a"), &[]));
        assert!(fits(json!("a&&b"), &["b"]));
        assert!(Terms::read(&json!({"XOR": "a"})).is_err() && Terms::read(&json!([[]])).is_err());
    }

    #[test]
    fn percent_stands_for_anything() {
        for (glob, text, right) in [
            ("%evil%", "An.EVIL.example", true),
            ("evil%", "anevil", false),
            ("%.example", "evil.example", true),
            ("a%b%c", "axxbyyc", true),
            ("a%a", "a", false),
            ("%", "", true),
        ] {
            assert_eq!(fits(json!(glob), &[text]), right, "{glob} {text}");
        }
    }
}
