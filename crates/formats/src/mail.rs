//! A mail taken apart: what it says of itself, and its parts as they were sent (RFC 5322, MIME).
//!
//! Header fields are decoded by `mail-parser`. The tree of parts is split here, because a part must come out byte for
//! byte whatever its label says (a zip is often sent as `text/csv`), without decoding all attachments at once, and
//! because no nesting that a stranger sends may exhaust the stack.

use std::borrow::Cow;
use std::io::Read;

use encoding_rs::Encoding;
use jiff::Timestamp;
use mail_parser::{ContentType, GetHeader as _, HeaderName, HeaderValue, MessageParser};

use crate::text::{Base64, quoted_printable};
use crate::unpack::is_hidden;

/// What a mail says of itself, decoded.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Header {
    /// The first address of `From`.
    pub from: Option<String>,
    pub subject: Option<String>,
    pub date: Option<Timestamp>,
    /// Without angle brackets.
    pub message_id: Option<String>,
    /// As written: `Reports <reports.example.org>`.
    pub list_id: Option<String>,
}

/// How the bytes of a part were made fit for mail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transfer {
    Plain,
    Base64,
    QuotedPrintable,
}

/// A part that is not multipart.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// Its file name without folders (RFC 2183 §2.3), or one made from its type: `body.txt`, `message.eml`, `part-2.csv`.
    pub name: String,
    /// `text/csv`, lower case, without parameters.
    pub media_type: String,
    /// The charset of a text that is neither UTF-8 nor ASCII.
    pub charset: Option<&'static Encoding>,
    /// Text for people, not an attachment.
    pub body: bool,
    pub transfer: Transfer,
    /// As in the mail, still in its transfer encoding.
    pub raw: &'a [u8],
}

impl Part<'_> {
    /// The bytes that were sent.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self.transfer {
            Transfer::Plain => Cow::Borrowed(self.raw),
            Transfer::QuotedPrintable => Cow::Owned(quoted_printable(self.raw)),
            Transfer::Base64 => {
                let mut bytes = Vec::with_capacity(self.raw.len() / 4 * 3);
                // reading from memory cannot fail
                let _ = Base64::new(self.raw).read_to_end(&mut bytes);
                Cow::Owned(bytes)
            }
        }
    }

    /// The text that was sent; what cannot be decoded becomes U+FFFD.
    pub fn text(&self) -> String {
        let bytes = self.bytes();
        self.charset.unwrap_or(encoding_rs::UTF_8).decode(&bytes).0.into_owned()
    }
}

/// A mail taken apart.
#[derive(Clone, Debug)]
pub struct Mail<'a> {
    pub header: Header,
    /// Of the mail as a whole: `multipart/report`.
    pub media_type: String,
    /// The `report-type` of a `multipart/report`, lower case: `feedback-report`.
    pub report_type: Option<String>,
    /// In order, without the HTML twin of a plain text.
    pub parts: Vec<Part<'a>>,
    /// It ends before its last boundary.
    pub cut: bool,
    /// It has more than 10,000 parts, or nests them more than 32 deep; those beyond are left out.
    pub excessive: bool,
}

/// Parts beyond these are no mail but an attack.
const PARTS: usize = 10_000;
const DEPTH: u8 = 32;
/// Header fields beyond this are left out.
const HEADER: usize = 256 << 10;

impl<'a> Mail<'a> {
    /// Takes a mail apart; whatever the bytes, something comes out.
    ///
    /// ```
    /// let mail = formats::mail::Mail::read(b"From: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?= <a@example.jp>\r\nSubject: report\r\n\r\nhello\r\n");
    /// assert_eq!(mail.header.from.as_deref(), Some("a@example.jp"));
    /// assert_eq!(mail.parts[0].text(), "hello\r\n");
    /// ```
    pub fn read(bytes: &'a [u8]) -> Self {
        let parser = MessageParser::new()
            .with_mime_headers()
            .header_address(HeaderName::From)
            .header_date(HeaderName::Date)
            .header_text(HeaderName::Subject)
            .header_id(HeaderName::MessageId)
            .header_text(HeaderName::ListId)
            .default_header_ignore();
        let (head, body) = split_header(bytes);
        let fields = fields_of(&parser, head);
        let mut split = Split { parser, parts: Vec::new(), cut: false, excessive: false, unnamed: 0 };
        split.part(&fields, body, false, 0);
        let content_type = content_type(&fields, &HeaderName::ContentType);
        Self {
            header: header(&fields),
            media_type: media_type(content_type, false),
            report_type: content_type.and_then(|ct| ct.attribute("report-type")).map(str::to_ascii_lowercase),
            parts: split.parts,
            cut: split.cut,
            excessive: split.excessive,
        }
    }
}

/// The parts of a multipart mail byte for byte, each with its own header, and the value of a parameter of its type.
///
/// A signature is made over these bytes (RFC 3156 §5). `None` when the mail is not multipart.
///
/// ```
/// let mail = b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nA: 1\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n";
/// assert_eq!(formats::mail::pieces(mail).unwrap(), [&b"A: 1\r\n\r\nx"[..], b"\r\ny"]);
/// ```
pub fn pieces(mail: &[u8]) -> Option<Vec<&[u8]>> {
    let (head, body) = split_header(mail);
    let fields = fields_of(&MessageParser::new().with_mime_headers().default_header_ignore(), head);
    let kind = content_type(&fields, &HeaderName::ContentType)?;
    let boundary = kind.attribute("boundary").filter(|_| kind.ctype().eq_ignore_ascii_case("multipart"))?;
    split_parts(body, boundary.as_bytes()).map(|(parts, _)| parts)
}

type Fields<'x> = Vec<mail_parser::Header<'x>>;

fn fields_of<'x>(parser: &MessageParser, head: &'x [u8]) -> Fields<'x> {
    parser.parse_headers(head).and_then(|message| message.parts.into_iter().next()).map(|part| part.headers).unwrap_or_default()
}

fn header(fields: &Fields<'_>) -> Header {
    let text = |name: HeaderName<'static>| Some(fields.header_value(&name)?.as_text()?.trim().to_owned()).filter(|text| !text.is_empty());
    let date = fields
        .header_value(&HeaderName::Date)
        .and_then(HeaderValue::as_datetime)
        .filter(|date| date.is_valid())
        .and_then(|date| Timestamp::from_second(date.to_timestamp()).ok());
    Header {
        from: fields
            .header_value(&HeaderName::From)
            .and_then(HeaderValue::as_address)
            .and_then(|from| from.first())
            .and_then(|from| from.address())
            .map(str::to_owned),
        subject: text(HeaderName::Subject),
        date,
        message_id: text(HeaderName::MessageId),
        list_id: text(HeaderName::ListId),
    }
}

/// The header with its empty line, and what follows.
pub(crate) fn split_header(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(end) = memchr::memchr(b'\n', &bytes[at..]) {
        let line = &bytes[at..at + end];
        at += end + 1;
        if line.is_empty() || line == b"\r" {
            return (&bytes[..at.min(HEADER)], &bytes[at..]);
        }
    }
    (&bytes[..bytes.len().min(HEADER)], &[])
}

fn content_type<'m>(fields: &'m Fields<'_>, name: &HeaderName<'static>) -> Option<&'m ContentType<'m>> {
    fields.header_value(name).and_then(HeaderValue::as_content_type)
}

/// RFC 2045 §5.2: without a type it is plain text; RFC 2046 §5.1.5: in a digest a mail.
fn media_type(content_type: Option<&ContentType<'_>>, in_digest: bool) -> String {
    match content_type {
        Some(ct) => format!("{}/{}", ct.ctype(), ct.subtype().unwrap_or_default()).to_ascii_lowercase(),
        None if in_digest => "message/rfc822".to_owned(),
        None => "text/plain".to_owned(),
    }
}

struct Split<'a> {
    parser: MessageParser,
    parts: Vec<Part<'a>>,
    cut: bool,
    excessive: bool,
    unnamed: usize,
}

impl<'a> Split<'a> {
    fn part(&mut self, fields: &Fields<'_>, body: &'a [u8], in_digest: bool, depth: u8) {
        if self.parts.len() >= PARTS || depth > DEPTH {
            self.excessive = true;
            return;
        }
        let content_type = content_type(fields, &HeaderName::ContentType);
        let media = media_type(content_type, in_digest);
        let boundary = content_type.and_then(|ct| ct.attribute("boundary")).filter(|_| media.starts_with("multipart/"));
        if let Some(boundary) = boundary
            && let Some((pieces, closed)) = split_parts(body, boundary.as_bytes())
        {
            self.cut |= !closed;
            let from = self.parts.len();
            for piece in pieces {
                // a part may have no header: it should then begin with an empty line, and often does not
                let first_line = piece.split(|&c| c == b'\n').next().unwrap_or_default();
                let headless = !first_line.contains(&b':') && !first_line.trim_ascii().is_empty();
                let (head, body) = if headless { (&b""[..], piece) } else { split_header(piece) };
                let fields = fields_of(&self.parser, head);
                self.part(&fields, body, media == "multipart/digest", depth + 1);
            }
            if media == "multipart/alternative" {
                self.drop_twins(from);
            }
            return;
        }
        self.leaf(fields, media, body);
    }

    /// RFC 2046 §5.1.4: all say the same; plain text is the form that people wrote tables in.
    fn drop_twins(&mut self, from: usize) {
        let says_something = |part: &Part<'_>| part.body && part.media_type == "text/plain" && !part.raw.trim_ascii().is_empty();
        if self.parts[from..].iter().any(says_something) {
            let mut at = 0;
            self.parts.retain(|part| {
                at += 1;
                at <= from || !(part.body && part.media_type == "text/html")
            });
        }
    }

    fn leaf(&mut self, fields: &Fields<'_>, media_type: String, raw: &'a [u8]) {
        let content_type = content_type(fields, &HeaderName::ContentType);
        let disposition = self::content_type(fields, &HeaderName::ContentDisposition);
        let transfer = match fields.header_value(&HeaderName::ContentTransferEncoding).and_then(HeaderValue::as_text).map(str::trim) {
            Some(word) if word.eq_ignore_ascii_case("base64") => Transfer::Base64,
            Some(word) if word.eq_ignore_ascii_case("quoted-printable") => Transfer::QuotedPrintable,
            _ => Transfer::Plain,
        };
        let given = disposition.and_then(|d| d.attribute("filename")).or_else(|| content_type.and_then(|ct| ct.attribute("name")));
        let given = given.and_then(file_name);
        let prose = matches!(&media_type[..], "text/plain" | "text/html");
        let body = prose && given.is_none() && !disposition.is_some_and(ContentType::is_attachment);
        let is_text = media_type.starts_with("text/");
        let charset = content_type.and_then(|ct| ct.attribute("charset")).filter(|_| is_text);
        let charset = match charset {
            Some(label) => Encoding::for_label(label.trim().as_bytes()).filter(|encoding| *encoding != encoding_rs::UTF_8),
            None if is_text && transfer == Transfer::Plain && is_iso_2022_jp(raw) => Some(encoding_rs::ISO_2022_JP),
            None => None,
        };
        // `us-ascii` is read as windows-1252 on the web; a mail that says so and holds UTF-8 all the same is common
        let charset = charset
            .filter(|encoding| *encoding != encoding_rs::WINDOWS_1252 || std::str::from_utf8(raw).is_err() || transfer != Transfer::Plain);
        let name = given.unwrap_or_else(|| self.name(&media_type, body));
        self.parts.push(Part { name, media_type, charset, body, transfer, raw });
    }

    /// A name for a part that has none.
    fn name(&mut self, media_type: &str, body: bool) -> String {
        let (kind, subtype) = media_type.split_once('/').unwrap_or(("", media_type));
        let (stem, end) = match (media_type, body) {
            ("text/plain", true) => ("body", "txt"),
            ("text/html", true) => ("body", "html"),
            ("message/rfc822" | "message/global", _) => ("message", "eml"),
            ("message/feedback-report", _) => ("feedback-report", "txt"),
            ("message/delivery-status", _) => ("delivery-status", "txt"),
            ("text/rfc822-headers", _) => ("headers", "txt"),
            (_, _) => ("part", subtype.rsplit(['.', '+', '-']).next().unwrap_or_default()),
        };
        let end = match end {
            "plain" => "txt",
            "octet" | "stream" | "" => "bin",
            "gzip" => "gz",
            _ if kind == "message" => "txt",
            other if other.bytes().all(|c| c.is_ascii_alphanumeric()) => other,
            _ => "bin",
        };
        let end = if stem == "message" { "eml" } else { end };
        self.unnamed += 1;
        let first = format!("{stem}.{end}");
        if stem != "part" && !self.parts.iter().any(|part| part.name == first) {
            return first;
        }
        format!("{stem}-{}.{end}", self.unnamed)
    }
}

/// The last component of a name that a mail gives, without control characters.
fn file_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|&c| !is_hidden(c)).take(200).collect();
    let clean = clean.trim();
    (!clean.is_empty() && clean != ".." && clean != ".").then(|| clean.to_owned())
}

/// Escapes into JIS X 0208 in text that is all seven bit: a Japanese mail that forgot to say so (RFC 1468).
fn is_iso_2022_jp(raw: &[u8]) -> bool {
    let start = &raw[..raw.len().min(64 << 10)];
    [&b"\x1b$B"[..], b"\x1b$@"].iter().any(|escape| memchr::memmem::find(start, escape).is_some()) && start.is_ascii()
}

/// The parts between boundaries, and whether the last boundary was there (RFC 2046 §5.1.1); `None` without any.
fn split_parts<'a>(body: &'a [u8], boundary: &[u8]) -> Option<(Vec<&'a [u8]>, bool)> {
    let delimiter = [b"--", boundary].concat();
    let mut parts = Vec::new();
    let mut open: Option<usize> = None;
    for at in memchr::memmem::find_iter(body, &delimiter) {
        if at > 0 && body[at - 1] != b'\n' {
            continue;
        }
        let after = &body[at + delimiter.len()..];
        let line = &after[..memchr::memchr(b'\n', after).unwrap_or(after.len())];
        let last = line.starts_with(b"--");
        let rest = if last { &line[2..] } else { line };
        if !rest.trim_ascii().is_empty() {
            continue;
        }
        if let Some(start) = open {
            let part = body.get(start..at).unwrap_or_default();
            let part = part.strip_suffix(b"\n").unwrap_or(part);
            parts.push(part.strip_suffix(b"\r").unwrap_or(part));
        }
        if last {
            // without a part before it, it closes nothing
            return open.is_some().then_some((parts, true));
        }
        if parts.len() > PARTS {
            break;
        }
        open = Some((at + delimiter.len() + line.len() + 1).min(body.len()));
    }
    parts.push(&body[open?..]);
    Some((parts, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(mail: &[u8]) -> Vec<String> {
        Mail::read(mail).parts.iter().map(|part| part.name.clone()).collect()
    }

    #[test]
    fn a_plain_text_has_no_html_twin() {
        let alternative = b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=ab\n\n\
            --ab\nContent-Type: text/plain\n\nx\n--ab\nContent-Type: text/html\n\n<p>x\n--ab--\n\
            --a\nContent-Type: text/csv; name=\"/tmp/../r.csv\"\n\nip\n--a--\n";
        assert_eq!(names(alternative), ["body.txt", "r.csv"]);
        let html_only = b"Content-Type: multipart/alternative; boundary=ab\n\n--ab\nContent-Type: text/html\n\n<p>x\n--ab--\n";
        assert_eq!(names(html_only), ["body.html"]);
    }

    #[test]
    fn japanese_headers_and_bodies_are_decoded() {
        let mail = b"From: =?ISO-2022-JP?B?GyRCRnxLXBsoQg==?= <a@example.jp>\r\nSubject: =?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=\r\n\
            Date: Mon, 23 Mar 2026 16:01:02 +0900\r\nMessage-ID: <1@example.jp>\r\nList-Id: Reports <r.example.jp>\r\n\
            Content-Type: text/plain; charset=ISO-2022-JP\r\n\r\n\x1b$BF|K\\\x1b(B\r\n";
        let mail = Mail::read(mail);
        assert_eq!(mail.header.subject.as_deref(), Some("日本"));
        assert_eq!(mail.header.date.unwrap().to_string(), "2026-03-23T07:01:02Z");
        assert_eq!(mail.header.message_id.as_deref(), Some("1@example.jp"));
        assert_eq!(mail.header.list_id.as_deref(), Some("Reports <r.example.jp>"));
        assert_eq!(mail.parts[0].text(), "日本\r\n");
        let unlabelled = Mail::read(b"Subject: x\n\n\x1b$BF|K\\\x1b(B\n");
        assert_eq!(unlabelled.parts[0].text(), "日本\n");
    }

    #[test]
    fn a_mail_that_ends_early_gives_what_it_has_and_says_so() {
        let mail = b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\none\n--a\nContent-Type: text/csv\n\nip\n192.0";
        let read = Mail::read(mail);
        assert!(read.cut);
        assert_eq!(read.parts.iter().map(Part::text).collect::<Vec<_>>(), ["one", "ip\n192.0"]);
    }

    #[test]
    fn mails_nested_without_end_exhaust_nothing() {
        let deep = b"Content-Type: message/rfc822\n\n".repeat(100_000);
        assert_eq!(Mail::read(&deep).parts.len(), 1);
        let mut multiparts = Vec::new();
        for n in 0..1000 {
            multiparts.extend_from_slice(format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n").as_bytes());
        }
        assert!(Mail::read(&multiparts).excessive);
        let many = [&b"Content-Type: multipart/mixed; boundary=a\n\n"[..], &b"--a\n".repeat(50_000)].concat();
        assert!(Mail::read(&many).excessive);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_some_mail(bytes: Vec<u8>) {
            for part in &Mail::read(&bytes).parts {
                let _ = part.text();
            }
        }

        #[test]
        fn any_structure_is_some_mail(lines in proptest::collection::vec("(--a|--a--|--b|--b--|Content-Type: multipart/(mixed|alternative|digest); boundary=[ab]|Content-Type: (text/html|message/rfc822)|Content-Transfer-Encoding: (base64|quoted-printable)||x)", 0..40)) {
            for part in &Mail::read(lines.join("\n").as_bytes()).parts {
                let _ = part.text();
            }
        }
    }
}
