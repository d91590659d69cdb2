//! A `hosts` file: names that lead nowhere, for single machines and for filters that read such files.
//!
//! It cannot say "and what is below", so only the names themselves are blocked. Names of the machine itself (`localhost`) are never written.

use super::{Entry, Head, Left, LeftOut, Value, Written, chosen, head, why};

/// ```
/// use formats::block_list::{Entry, Head, Value, hosts};
/// let value = Value::Name("evil.example");
/// let entry = Entry { value, id: [0; 16], because: &["phishing".into()], confidence: 80, expires: jiff::Timestamp::MAX, marked: false };
/// assert_eq!(hosts::write(&[entry], true, Head::default()).text, "0.0.0.0 evil.example # phishing\n:: evil.example\n");
/// ```
pub fn write(entries: &[Entry<'_>], reasons: bool, top: Head<'_>) -> Written {
    let mut left_out = Left::new();
    let some = chosen(entries, |value| matches!(value, Value::Name(_)), &mut left_out);
    let mut text = String::with_capacity(256 + some.len() * 64);
    head("#", top, &mut text);
    let mut said = 0;
    for entry in some {
        let Value::Name(name) = entry.value else { continue };
        if name.ends_with(".localhost") || name.starts_with("localhost.") {
            *left_out.entry(LeftOut::Malformed).or_default() += 1;
            continue;
        }
        said += 1;
        text.push_str("0.0.0.0 ");
        text.push_str(name);
        let because = if reasons { why(entry) } else { String::new() };
        if !because.is_empty() {
            text.push_str(" # ");
            text.push_str(&because);
        }
        text.push_str("\n:: ");
        text.push_str(name);
        text.push('\n');
    }
    Written { text, entries: said, left_out }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::made_up;
    use super::*;

    #[test]
    fn the_machine_itself_is_never_led_astray() {
        let names = ["localhost", "localhost.localdomain", "a.localhost"];
        let entry = |name| Entry {
            value: Value::Name(name),
            id: [0; 16],
            because: &[],
            confidence: 1,
            expires: jiff::Timestamp::MAX,
            marked: false,
        };
        let file = write(&names.map(entry), true, Head::default());
        assert_eq!((file.text.as_str(), file.left_out[&LeftOut::Malformed]), ("", 3));
    }

    proptest! {
        #[test]
        fn nothing_but_names_is_led_nowhere(owned in made_up::entries()) {
            let entries: Vec<_> = owned.iter().map(made_up::Owned::entry).collect();
            let file = write(&entries, true, Head { title: "a\n1.2.3.4 b.example", notes: &[] });
            prop_assert_eq!(file.entries as u64 + file.left_out.values().sum::<u64>(), entries.len() as u64);
            let lines: Vec<_> = file.text.lines().map(|line| line.split('#').next().unwrap().trim()).filter(|line| !line.is_empty()).collect();
            prop_assert_eq!(lines.len(), file.entries * 2);
            for line in lines {
                let (address, name) = line.split_once(' ').unwrap();
                prop_assert!(matches!(address, "0.0.0.0" | "::") && entries.iter().any(|entry| entry.value == Value::Name(name)));
            }
        }
    }
}
