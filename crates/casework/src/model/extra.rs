//! All that a report said beyond the columns of an event, as one flat JSON object.
//!
//! Keys are IntelMQ's where it has one (`source.geolocation.city`, `malware.hash.md5`); any
//! other key is what IntelMQ would call `extra.<key>`. The text is built in place, so that a
//! row costs no allocation; keys end up in ascending order, so that two reports that say the
//! same in another order are the same.

use std::fmt::Write as _;

/// A flat JSON object under construction.
#[derive(Clone, Debug, Default)]
pub struct Extra {
    text: String,
    /// Start of the last key in `text`, and its end: enough to see whether keys come in order.
    last_key: (usize, usize),
    unsorted: bool,
    /// Keys were added since the last [`Extra::finish`]: the closing brace is missing.
    open: bool,
}

impl Extra {
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn clear(&mut self) {
        self.text.clear();
        self.last_key = (0, 0);
        self.unsorted = false;
        self.open = false;
    }

    pub fn str(&mut self, key: &str, value: &str) {
        self.key(key);
        quote(&mut self.text, value);
    }

    pub fn int(&mut self, key: &str, value: i64) {
        self.key(key);
        let _ = write!(self.text, "{value}");
    }

    /// A number that is not finite has no JSON form and is kept as text.
    pub fn float(&mut self, key: &str, value: f64) {
        if value.is_finite() {
            self.key(key);
            self.text.push_str(&serde_json::Number::from_f64(value).map_or_else(|| "null".to_owned(), |n| n.to_string()));
        } else {
            self.str(key, &value.to_string());
        }
    }

    pub fn bool(&mut self, key: &str, value: bool) {
        self.key(key);
        self.text.push_str(if value { "true" } else { "false" });
    }

    /// Any JSON value: objects and lists stay nested as they are; `null` says nothing and is left out.
    pub fn json(&mut self, key: &str, value: &serde_json::Value) {
        if !value.is_null() {
            self.key(key);
            self.text.push_str(&value.to_string());
        }
    }

    fn key(&mut self, key: &str) {
        if self.open {
            self.text.push(',');
        } else if self.text.pop().is_some() {
            // finished before: the object is opened again
            self.text.push(',');
            self.unsorted = true;
        } else {
            self.text.push('{');
        }
        self.open = true;
        let start = self.text.len();
        quote(&mut self.text, key);
        let end = self.text.len();
        let (was_start, was_end) = self.last_key;
        if was_end > 0 && self.text[was_start..was_end] >= self.text[start..end] {
            self.unsorted = true;
        }
        self.last_key = (start, end);
        self.text.push(':');
    }

    /// The object as JSON text with keys ascending (the last of two equal keys wins); empty when nothing was said.
    pub fn finish(&mut self) -> &str {
        if self.open {
            self.open = false;
            self.text.push('}');
            if self.unsorted
                && let Ok(pairs) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&self.text)
            {
                let mut pairs: Vec<_> = pairs.into_iter().collect();
                pairs.sort_by(|a, b| a.0.cmp(&b.0));
                let sorted: serde_json::Map<_, _> = pairs.into_iter().collect();
                self.text = serde_json::Value::Object(sorted).to_string();
                self.unsorted = false;
            }
        }
        &self.text
    }
}

/// JSON string literal (RFC 8259 §7).
fn quote(out: &mut String, value: &str) {
    out.push('"');
    // Nearly no text has anything to escape: seen without a branch per byte.
    let special = value.bytes().fold(false, |found, byte| found | (byte < b' ') | (byte == b'"') | (byte == b'\\'));
    if !special {
        out.push_str(value);
        out.push('"');
        return;
    }
    let mut start = 0;
    for (at, byte) in value.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&value[start..at]);
        start = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&value[start..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_out_in_order_whatever_order_they_came_in() {
        let mut one = Extra::default();
        one.str("b", "x\"y\n");
        one.int("a", -3);
        let mut two = Extra::default();
        two.int("a", -3);
        two.str("b", "x\"y\n");
        assert_eq!(one.finish(), r#"{"a":-3,"b":"x\"y\n"}"#);
        assert_eq!(one.finish(), two.finish());
    }

    #[test]
    fn an_empty_extra_is_empty_text() {
        assert_eq!(Extra::default().finish(), "");
    }

    proptest::proptest! {
        #[test]
        fn every_text_survives(key in ".{1,10}", value in ".{0,40}") {
            let mut extra = Extra::default();
            extra.str(&key, &value);
            let back: serde_json::Value = serde_json::from_str(extra.finish()).unwrap();
            proptest::prop_assert_eq!(back[&key].as_str(), Some(value.as_str()));
        }
    }
}
