//! What stays the same in the address of a page when the kit behind it makes a new one for every victim?

/// Longest shape kept, in bytes.
const LONGEST: usize = 160;

/// Path and names of parameters of a URL, with what varies replaced by `*`: segments of mostly digits, hashes, tokens. Neither
/// values of parameters nor fragments are part of it. The last segment keeps its ending (`*.php`).
///
/// ```
/// use casework::correlate::shape::path_shape;
/// assert_eq!(path_shape("https://a.example/jp/7f3a9c01/signin.php?id=12&s=x"), "/jp/*/signin.php?id&s");
/// assert_eq!(path_shape("https://a.example"), "/");
/// ```
pub fn path_shape(url: &str) -> String {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after_scheme.find(['/', '?', '#']).map_or("", |at| &after_scheme[at..]);
    let path = path.split_once('#').map_or(path, |(path, _)| path);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut shape = String::new();
    for segment in path.split('/').filter(|s| !s.is_empty()) {
        shape.push('/');
        match segment.rsplit_once('.') {
            Some((stem, ending)) if varies(stem) && !stem.is_empty() && ending.len() <= 5 => {
                shape.push_str("*.");
                shape.push_str(ending);
            }
            _ if varies(segment) => shape.push('*'),
            _ => shape.push_str(segment),
        }
    }
    if shape.is_empty() || path.ends_with('/') {
        shape.push('/');
    }
    let mut names: Vec<&str> = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name)).collect();
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    // One whose name varies is no name.
    names.retain(|name| !varies(name));
    if !names.is_empty() {
        shape.push('?');
        shape.push_str(&names.join("&"));
    }
    let mut shape: String = shape.chars().map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c.to_ascii_lowercase() }).collect();
    if shape.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| shape.is_char_boundary(*at)).unwrap_or(0);
        shape.truncate(end);
    }
    shape
}

/// Made for this page only: a number of four digits or more, a hash, a long token, a mail address.
fn varies(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let hexadecimal = text.len() >= 6 && digits > 0 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    digits >= 4 || hexadecimal || text.len() >= 24 || text.contains(['@', '%', '*'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pages_of_one_kit_have_one_shape() {
        let one = path_shape("http://x.example/wp-content/9f8e7d6c5b/login.html?session=abc&id=1");
        let two = path_shape("http://y.example/wp-content/0a1b2c3d4e/login.html?id=77&session=zz#top");
        assert_eq!(one, two);
        assert_ne!(one, path_shape("http://x.example/wp-content/9f8e7d6c5b/card.html?session=abc&id=1"));
        assert_eq!(path_shape("https://x.example/inv/20260323.pdf"), "/inv/*.pdf");
        assert_eq!(path_shape("https://x.example/?u=a@b.example"), "/?u");
    }

    proptest! {
        #[test]
        fn any_text_has_a_short_shape_without_blanks(url in ".{0,300}") {
            let shape = path_shape(&url);
            prop_assert!(shape.len() <= LONGEST + 4 && !shape.contains(char::is_whitespace), "{shape:?}");
        }

        #[test]
        fn the_shape_of_a_shape_is_itself(path in "(/[a-zA-Z0-9.]{0,12}){0,6}", query in "([a-z0-9]{1,6}=[a-z0-9]{0,4}&?){0,3}") {
            let shape = path_shape(&format!("http://a.example{path}?{query}"));
            prop_assert_eq!(path_shape(&format!("http://a.example{shape}")), shape);
        }
    }
}
