//! Addresses of others as text that no program takes for a link: `hxxps://evil[.]example/`.

/// The same text, harmless to copy, still readable; what is no address stays as it is.
pub(crate) fn defang(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    // The scheme's letters, whatever their case.
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at);
        let start =
            before.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let (left, scheme) = before.split_at(start);
        dots(left, &mut out);
        out.push_str(&scheme.replace('t', "x").replace('T', "X"));
        out.push_str("://");
        rest = &after[3..];
    }
    dots(rest, &mut out);
    out
}

/// A full stop between letters or digits joins labels.
fn dots(text: &str, out: &mut String) {
    let mut before = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        match character {
            '.' if joins(before) && joins(characters.peek().copied()) => out.push_str("[.]"),
            '@' if joins(before) && joins(characters.peek().copied()) => out.push_str("[@]"),
            other => out.push(other),
        }
        before = Some(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_click() {
        assert_eq!(defang("https://evil.example/a.php?x=1"), "hxxps://evil[.]example/a[.]php?x=1");
        assert_eq!(defang("see HTTP://a.b."), "see HXXP://a[.]b.");
        assert_eq!(defang("198.51.100.7"), "198[.]51[.]100[.]7");
        assert_eq!(defang("abuse@evil.example"), "abuse[@]evil[.]example");
        assert_eq!(defang("終わり。End. New"), "終わり。End. New");
        assert_eq!(defang("「http://例え.jp」"), "「hxxp://例え[.]jp」");
    }
}
