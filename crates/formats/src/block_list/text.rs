//! A list that everything can read: one value a line, or CSV with what is known of each.

use super::{Entry, Head, Left, LeftOut, Written, chosen, head, hexadecimal, why};

/// The columns of [`csv`].
pub const COLUMNS: &str = "value,kind,confidence,expires,marked,indicator,reasons";

/// Comments begin with `#`; so no value may, and those that do are left out.
///
/// ```
/// use formats::block_list::{Entry, Head, Value, text};
/// let value = Value::Name("evil.example");
/// let entry = Entry { value, id: [0; 16], because: &[], confidence: 80, expires: jiff::Timestamp::MAX, marked: false };
/// assert_eq!(text::plain(&[entry], Head { title: "names", notes: &[] }).text, "# names\nevil.example\n");
/// ```
pub fn plain(entries: &[Entry<'_>], top: Head<'_>) -> Written {
    let mut left_out = Left::new();
    let some = chosen(entries, |_| true, &mut left_out);
    let mut text = String::with_capacity(256 + some.len() * 32);
    head("#", top, &mut text);
    let mut said = 0;
    for entry in some {
        let value = entry.value.written();
        if value.starts_with('#') || value.trim() != value {
            *left_out.entry(LeftOut::Malformed).or_default() += 1;
            continue;
        }
        said += 1;
        text.push_str(&value);
        text.push('\n');
    }
    Written { text, entries: said, left_out }
}

/// RFC 4180 with a line of names and no comments. A cell that a spreadsheet would take for a formula has a `'` before it.
///
/// ```
/// use formats::block_list::{Entry, Value, text};
/// let value = Value::Name("evil.example");
/// let expires = "2026-12-01T00:00:00Z".parse().unwrap();
/// let entry = Entry { value, id: [0xab; 16], because: &["=1+1".into(), "b".into()], confidence: 80, expires, marked: false };
/// let file = text::csv(&[entry]).text;
/// let line = file.split("\r\n").nth(1).unwrap();
/// assert_eq!(line, format!("evil.example,domain,80,2026-12-01T00:00:00Z,no,{},\"'=1+1; b\"", "ab".repeat(16)));
/// ```
pub fn csv(entries: &[Entry<'_>]) -> Written {
    let mut left_out = Left::new();
    let some = chosen(entries, |_| true, &mut left_out);
    let mut text = String::with_capacity(256 + some.len() * 128);
    text.push_str(COLUMNS);
    text.push_str("\r\n");
    for entry in &some {
        cell(&entry.value.written(), &mut text);
        text.push(',');
        cell(entry.value.kind(), &mut text);
        text.push_str(&format!(",{},{:.0},{},", entry.confidence, entry.expires, if entry.marked { "yes" } else { "no" }));
        hexadecimal(&entry.id, &mut text);
        text.push(',');
        cell(&why(entry), &mut text);
        text.push_str("\r\n");
    }
    Written { text, entries: some.len(), left_out }
}

fn cell(text: &str, out: &mut String) {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\'']);
    if !formula && !text.contains([',', '"', ';', ' ']) {
        out.push_str(text);
        return;
    }
    out.push('"');
    out.push_str(if formula { "'" } else { "" });
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::made_up;
    use super::*;

    /// Cells as RFC 4180 §2 has them.
    fn cells(line: &str) -> Vec<String> {
        let (mut cells, mut one, mut quoted) = (Vec::new(), String::new(), false);
        let mut letters = line.chars().peekable();
        while let Some(c) = letters.next() {
            match c {
                '"' if quoted && letters.next_if_eq(&'"').is_some() => one.push('"'),
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(std::mem::take(&mut one)),
                c => one.push(c),
            }
        }
        assert!(!quoted, "{line}");
        cells.push(one);
        cells
    }

    proptest! {
        #[test]
        fn every_value_is_read_back_and_nothing_else(owned in made_up::entries()) {
            let entries: Vec<_> = owned.iter().map(made_up::Owned::entry).collect();
            let file = csv(&entries);
            prop_assert_eq!(file.entries as u64 + file.left_out.values().sum::<u64>(), entries.len() as u64);
            let lines: Vec<_> = file.text.split_terminator("\r\n").skip(1).map(cells).collect();
            prop_assert_eq!(lines.len(), file.entries);
            for line in &lines {
                prop_assert_eq!(line.len(), 7);
                prop_assert!(!line.iter().any(|cell| cell.starts_with(['=', '+', '-', '@'])));
                let value = line[0].strip_prefix('\'').unwrap_or(&line[0]);
                prop_assert!(entries.iter().any(|entry| entry.value.written() == value && entry.value.kind() == line[1]), "{}", value);
            }
            let file = plain(&entries, Head { title: "a\nb", notes: &[] });
            let said: BTreeSet<_> = file.text.lines().filter(|line| !line.starts_with('#')).collect();
            prop_assert!(said.iter().all(|line| entries.iter().any(|entry| entry.value.written() == *line)));
            prop_assert_eq!(file.entries as u64 + file.left_out.values().sum::<u64>(), entries.len() as u64);
        }
    }
}
