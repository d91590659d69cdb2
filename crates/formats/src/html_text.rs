//! What a page of HTML (or a simple XML document) says, without what makes it pretty.
//!
//! No tree is built: tags and texts go by in order, comments, scripts and styles are left out, and rows of tables are
//! put together from whatever closes them. Pages that people wrote by hand nest tables in tables and forget end tags;
//! a row is the innermost one that is open.

use std::borrow::Cow;

use encoding_rs::Encoding;

/// A piece of a page, in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Piece<'a> {
    /// `<td class=x>`; the name may be in any case, `attributes` is the text between name and `>`.
    Open {
        name: &'a str,
        attributes: &'a str,
    },
    Close {
        name: &'a str,
    },
    /// Text as written, character references not resolved.
    Text(&'a str),
    /// Content of `<![CDATA[…]]>`: text without character references.
    Verbatim(&'a str),
}

/// The pieces of `page`; nothing in it can make them fail.
///
/// ```
/// use formats::html_text::{Piece, pieces};
/// let seen: Vec<_> = pieces("<b>a<!-- no --></b>").map(|(_, piece)| piece).collect();
/// assert_eq!(seen, [Piece::Open { name: "b", attributes: "" }, Piece::Text("a"), Piece::Close { name: "b" }]);
/// ```
pub fn pieces(page: &str) -> Pieces<'_> {
    Pieces { page, at: 0 }
}

/// Iterator over offset and piece.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    page: &'a str,
    at: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = (usize, Piece<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let from = self.at;
            let rest = self.page.get(from..).filter(|rest| !rest.is_empty())?;
            if let Some(comment) = rest.strip_prefix("<!--") {
                self.at += 4 + comment.find("-->").map_or(comment.len(), |end| end + 3);
            } else if let Some(verbatim) = rest.strip_prefix("<![CDATA[") {
                let end = verbatim.find("]]>");
                self.at += 9 + end.map_or(verbatim.len(), |end| end + 3);
                return Some((from, Piece::Verbatim(&verbatim[..end.unwrap_or(verbatim.len())])));
            } else if rest.starts_with("<!") || rest.starts_with("<?") {
                self.at += rest.find('>').map_or(rest.len(), |end| end + 1);
            } else if let Some(tag) = tag(rest) {
                self.at += tag.length;
                if !tag.close && (tag.name.eq_ignore_ascii_case("script") || tag.name.eq_ignore_ascii_case("style")) {
                    self.at += end_of_raw_text(&self.page[self.at..], tag.name);
                    continue;
                }
                let piece =
                    if tag.close { Piece::Close { name: tag.name } } else { Piece::Open { name: tag.name, attributes: tag.attributes } };
                return Some((from, piece));
            } else {
                // a lone `<` is text
                let lone = usize::from(rest.starts_with('<'));
                let end = rest[lone..].find('<').map_or(rest.len(), |end| end + lone);
                self.at += end;
                return Some((from, Piece::Text(&rest[..end])));
            }
        }
    }
}

struct Tag<'a> {
    name: &'a str,
    attributes: &'a str,
    close: bool,
    length: usize,
}

fn tag(text: &str) -> Option<Tag<'_>> {
    let inner = text.strip_prefix('<')?;
    let (close, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
    if !inner.bytes().next()?.is_ascii_alphabetic() {
        return None;
    }
    let mut quote = None;
    let end = inner.bytes().position(|c| match (quote, c) {
        (None, b'>') => true,
        (None, b'"' | b'\'') => {
            quote = Some(c);
            false
        }
        (Some(open), c) if open == c => {
            quote = None;
            false
        }
        _ => false,
    });
    // a quote that is never closed ends the tag at the first `>` all the same
    let end = end.or_else(|| inner.find('>'))?;
    let body = &inner[..end];
    let name_end = body.bytes().position(|c| c.is_ascii_whitespace() || c == b'/').unwrap_or(body.len());
    let attributes = body[name_end..].trim();
    Some(Tag {
        name: &body[..name_end],
        attributes: attributes.strip_suffix('/').unwrap_or(attributes),
        close,
        length: text.len() - inner.len() + end + 1,
    })
}

/// Bytes up to `</name`, or to the end.
fn end_of_raw_text(text: &str, name: &str) -> usize {
    text.match_indices("</")
        .find(|(at, _)| text.get(at + 2..at + 2 + name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name)))
        .map_or(text.len(), |(at, _)| at)
}

/// The value of an attribute, references resolved.
///
/// ```
/// use formats::html_text::attribute;
/// assert_eq!(attribute("type=text value='a&amp;b'", "value").as_deref(), Some("a&b"));
/// ```
pub fn attribute<'a>(attributes: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut rest = attributes.trim_start();
    while !rest.is_empty() {
        let key_end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
        let key = &rest[..key_end];
        rest = rest[key_end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            match after.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let inner = &after[1..];
                    let end = inner.find(quote).unwrap_or(inner.len());
                    value = &inner[..end];
                    rest = inner.get(end + 1..).unwrap_or_default();
                }
                _ => {
                    let end = after.find(|c: char| c.is_ascii_whitespace()).unwrap_or(after.len());
                    value = &after[..end];
                    rest = &after[end..];
                }
            }
        } else if key.is_empty() {
            return None;
        }
        if key.eq_ignore_ascii_case(name) {
            return Some(unescape(value));
        }
        rest = rest.trim_start();
    }
    None
}

/// Resolves character references: all numeric ones, and the named ones that reports use.
///
/// ```
/// assert_eq!(formats::html_text::unescape("a&#46;b &amp; &lt;c&#x3e; &unknown;"), "a.b & <c> &unknown;");
/// ```
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let resolved = rest.find(';').filter(|end| *end <= 10).and_then(|end| Some((reference(&rest[1..end])?, end + 1)));
        let (resolved, length) = resolved.unwrap_or(('&', 1));
        out.push(resolved);
        rest = &rest[length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn reference(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        "laquo" => '«',
        "raquo" => '»',
        "copy" => '©',
        _ => return None,
    })
}

/// One row of a table.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Row {
    /// Which table of the page, from 1 in order of their start.
    pub table: usize,
    /// Offset of the row in the page.
    pub offset: usize,
    /// Line of the row in the page, from 1.
    pub line: usize,
    /// Made of `<th>` only.
    pub heading: bool,
    /// Text of each cell: spaces joined, blocks (`<div>`, `<br>`, …) on lines of their own; a text field shows its value.
    pub cells: Vec<String>,
}

/// The rows of all tables, in the order in which they begin: a row comes before those of a table inside it.
///
/// ```
/// let rows = formats::html_text::rows("<table><tr><th>Host<tr><td>a&#46;example<td><input value='192.0.2.1'></table>");
/// assert!(rows[0].heading);
/// assert_eq!(rows[1].cells, ["a.example", "192.0.2.1"]);
/// ```
pub fn rows(page: &str) -> Vec<Row> {
    let mut builder = Builder::default();
    let (mut line, mut counted) = (1, 0);
    for (offset, piece) in pieces(page) {
        line += memchr::memchr_iter(b'\n', &page.as_bytes()[counted..offset]).count();
        counted = offset;
        match piece {
            Piece::Open { name, attributes } => builder.open(name, attributes, offset, line),
            Piece::Close { name } => builder.close(name),
            Piece::Text(text) => builder.text(text),
            Piece::Verbatim(text) => builder.text(&text.replace('&', "&amp;")),
        }
    }
    builder.end()
}

#[derive(Default)]
struct Builder {
    rows: Vec<Row>,
    tables: usize,
    open: Vec<OpenTable>,
}

#[derive(Default)]
struct OpenTable {
    number: usize,
    row: Option<Row>,
    all_headings: bool,
    /// Text of the open cell, references not resolved: a comment may stand in the middle of one.
    cell: Option<String>,
}

impl Builder {
    fn open(&mut self, name: &str, attributes: &str, offset: usize, line: usize) {
        let name = name.to_ascii_lowercase();
        if name == "table" {
            // Deeper than any page needs: what is inside counts as text of the outer cell.
            if self.open.len() < 64 {
                self.tables += 1;
                self.open.push(OpenTable { number: self.tables, ..OpenTable::default() });
            }
            return;
        }
        let Some(table) = self.open.last_mut() else { return };
        match name.as_str() {
            "tr" => {
                self.rows.extend(table.end_row());
                table.row = Some(Row { table: table.number, offset, line, ..Row::default() });
                table.all_headings = true;
            }
            "td" | "th" => {
                table.end_cell();
                if table.row.is_none() {
                    table.row = Some(Row { table: table.number, offset, line, ..Row::default() });
                    table.all_headings = true;
                }
                table.all_headings &= name == "th";
                table.cell = Some(String::new());
            }
            "input" if attribute(attributes, "type").is_none_or(|kind| kind.eq_ignore_ascii_case("text")) => {
                if let (Some(cell), Some(value)) = (&mut table.cell, attribute(attributes, "value")) {
                    cell.push('\n');
                    cell.push_str(&value.replace('&', "&amp;"));
                }
            }
            other => table.block(other),
        }
    }

    fn close(&mut self, name: &str) {
        let name = name.to_ascii_lowercase();
        if name == "table" {
            if let Some(mut table) = self.open.pop() {
                self.rows.extend(table.end_row());
            }
            return;
        }
        let Some(table) = self.open.last_mut() else { return };
        match name.as_str() {
            "tr" => self.rows.extend(table.end_row()),
            "td" | "th" => table.end_cell(),
            other => table.block(other),
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(OpenTable { cell: Some(cell), .. }) = self.open.last_mut() {
            cell.extend(text.chars().map(|c| if c.is_ascii_whitespace() { ' ' } else { c }));
        }
    }

    fn end(mut self) -> Vec<Row> {
        while let Some(mut table) = self.open.pop() {
            self.rows.extend(table.end_row());
        }
        self.rows.sort_by_key(|row| row.offset);
        self.rows
    }
}

impl OpenTable {
    fn block(&mut self, name: &str) {
        if matches!(name, "div" | "p" | "br" | "li" | "ul" | "ol" | "hr" | "pre" | "h1" | "h2" | "h3" | "h4")
            && let Some(cell) = &mut self.cell
        {
            cell.push('\n');
        }
    }

    fn end_cell(&mut self) {
        if let (Some(cell), Some(row)) = (self.cell.take(), &mut self.row) {
            let text = unescape(&cell);
            let lines: Vec<String> =
                text.split('\n').map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|l| !l.is_empty()).collect();
            row.cells.push(lines.join("\n"));
        }
    }

    fn end_row(&mut self) -> Option<Row> {
        self.end_cell();
        let mut row = self.row.take()?;
        row.heading = self.all_headings && !row.cells.is_empty();
        Some(row)
    }
}

/// Bytes of a page as text: UTF-8 when they are, else in the encoding that the page declares (`charset=`, `encoding=`), else Windows-1252.
///
/// ```
/// let page = b"<?xml version='1.0' encoding='iso-8859-15'?><a>M\xfcnchen \xa4</a>";
/// assert!(formats::html_text::decode(page).ends_with("<a>München €</a>"));
/// ```
pub fn decode(page: &[u8]) -> Cow<'_, str> {
    decode_part(page, page)
}

/// As [`decode`], for a part of a page of which `head` is the start.
pub fn decode_part<'a>(part: &'a [u8], head: &[u8]) -> Cow<'a, str> {
    match std::str::from_utf8(part) {
        Ok(text) => Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(_) => declared(head).unwrap_or(encoding_rs::WINDOWS_1252).decode(part).0,
    }
}

/// The encoding that a page names in its first kilobyte.
fn declared(page: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&page[..page.len().min(1024)]).to_ascii_lowercase();
    ["encoding=", "charset="].into_iter().find_map(|word| {
        let value = head[head.find(word)? + word.len()..].trim_start_matches(['"', '\'']);
        let end = value.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').unwrap_or(value.len());
        Encoding::for_label(&value.as_bytes()[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_may_stand_in_the_middle_of_a_reference() {
        let rows = rows("<table><tr><td>bad&#4<!-- x -->6;example/a&<!--x-->#46;php</td></tr></table>");
        assert_eq!(rows[0].cells, ["bad.example/a.php"]);
    }

    #[test]
    fn a_table_in_a_table_has_rows_of_its_own() {
        let page = "<table><tr><td>outer<table><tr><td>inner</td></tr></table>more</td></tr></table>";
        let rows = rows(page);
        // The outer row ends last, but places in a page go forward.
        assert_eq!((rows[0].table, rows[0].cells.as_slice()), (1, &["outermore".to_owned()][..]));
        assert_eq!((rows[1].table, rows[1].cells.as_slice()), (2, &["inner".to_owned()][..]));
    }

    #[test]
    fn scripts_styles_and_comments_say_nothing() {
        let page = "<table><tr>\n<td><script>if (a<b) '</td>'</script><style>td{}</style><!-- <td>no</td> -->yes<div>hidden</div></td></tr></table>";
        let rows = rows(page);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].cells, ["yes\nhidden"]);
        assert_eq!(rows[0].line, 1);
    }

    #[test]
    fn attributes_are_read_in_every_way_of_quoting() {
        for text in ["type=text value=\"a b\"", "value='a b' x", "TYPE = text VALUE = 'a b'", "a value='a b'"] {
            assert_eq!(attribute(text, "value").as_deref(), Some("a b"), "{text}");
        }
        assert_eq!(attribute("x=1 ==", "value"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_page_makes_it_panic(page in "(<|>|/|t[rdh]|table|<table>|<tr><td>|input value=|'|\"|&#|;|<!--|-->|<!\\[CDATA\\[|\\PC){0,60}") {
            let _ = rows(&page);
            let joined: usize = pieces(&page).count();
            proptest::prop_assert!(joined <= page.len());
            let _ = (unescape(&page), attribute(&page, "value"), decode(page.as_bytes()));
        }

        #[test]
        fn no_bytes_make_it_panic(page: Vec<u8>) {
            let _ = rows(&decode(&page));
        }
    }
}
