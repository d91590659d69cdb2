//! A letter becomes a mail: header and one MIME entity, all of it seven bit (RFC 5322, RFC 2045, RFC 2047).
//!
//! Whatever a text holds (lone CR, NUL, lines without end, `From ` at the start of one) is put into an encoding that no
//! mail system changes, because a changed byte breaks the signature. Whatever a header value holds is encoded; a control
//! character in one is refused: it is an attack or a mistake, and both want to be seen.

use casework::model::party::Language;
use formats::mail_address::Address;
use jiff::Timestamp;
use mail_builder::headers::Header as _;
use mail_builder::headers::address::Address as Mailbox;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::text::Text;
use mail_builder::mime::{BodyPart, MimePart};

/// A letter with everything that a reader of it sees.
#[derive(Clone, Debug)]
pub(crate) struct Letter<'a> {
    pub(crate) from: &'a Address,
    /// Our name beside it.
    pub(crate) from_name: &'a str,
    pub(crate) to: &'a Address,
    pub(crate) reply_to: &'a Address,
    pub(crate) subject: &'a str,
    /// Without angle brackets.
    pub(crate) message_id: &'a str,
    /// The mail that this one follows, without angle brackets.
    pub(crate) follows: Option<&'a str>,
    pub(crate) date: Timestamp,
    pub(crate) language: Language,
    pub(crate) text: &'a str,
    pub(crate) attachments: Vec<Attachment<'a>>,
}

/// A file that goes with a letter.
#[derive(Clone, Debug)]
pub(crate) struct Attachment<'a> {
    pub(crate) name: &'a str,
    /// `text/csv; header=present` (RFC 4180), `application/json`.
    pub(crate) media_type: &'a str,
    pub(crate) bytes: &'a [u8],
}

/// A mail not yet signed: it cannot be sent.
#[derive(Clone, Debug)]
pub(crate) struct Unsealed {
    /// Fields of the outer header, each ending in CRLF; without `MIME-Version` and `Content-…`.
    pub(super) header: Vec<u8>,
    /// The content with its own `Content-…` fields: what is signed.
    pub(super) entity: Vec<u8>,
}

/// A letter that cannot be a mail.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("the {field} {value:?} holds a control character")]
    Control { field: &'static str, value: String },
    #[error("the {field} {value:?} is empty, too long, or not in the form that this field needs")]
    Form { field: &'static str, value: String },
    #[error("line {line} of the mail {what}")]
    Line { line: usize, what: &'static str },
}

/// A subject beyond this is a mistake.
const SUBJECT: usize = 500;

impl Unsealed {
    /// Writes the mail.
    ///
    /// # Errors
    /// When a header value holds a control character or has not the form of its field.
    pub(crate) fn write(letter: &Letter<'_>) -> Result<Self, Unfit> {
        let shown = |value: &str| value.chars().take(80).collect::<String>();
        let harmless = |field, value: &str| {
            // line and paragraph separators begin a new line for some readers
            let control = |c: char| {
                c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            };
            if value.chars().any(control) { Err(Unfit::Control { field, value: shown(value) }) } else { Ok(()) }
        };
        let formed = |field, value: &str, good: bool| {
            if good { Ok(()) } else { Err(Unfit::Form { field, value: shown(value) }) }
        };
        harmless("name of the sender", letter.from_name)?;
        harmless("subject", letter.subject)?;
        formed("subject", letter.subject, !letter.subject.trim().is_empty() && letter.subject.len() <= SUBJECT)?;
        for (field, id) in std::iter::once(("message id", letter.message_id)).chain(letter.follows.map(|id| ("message id followed", id))) {
            let plain = |c: u8| c.is_ascii_graphic() && !b"<>()[],;:\\\"".contains(&c);
            formed(field, id, id.len() <= 200 && id.bytes().all(plain) && id.split('@').count() == 2)?;
        }
        for attachment in &letter.attachments {
            harmless("name of an attachment", attachment.name)?;
            formed("name of an attachment", attachment.name, !attachment.name.is_empty() && !attachment.name.contains(['/', '\\']))?;
            harmless("type of an attachment", attachment.media_type)?;
            formed(
                "type of an attachment",
                attachment.media_type,
                attachment.media_type.is_ascii() && attachment.media_type.contains('/'),
            )?;
        }
        let mut header = Vec::with_capacity(512);
        let mut field = |name: &str, write: &dyn Fn(&mut Vec<u8>, usize)| {
            header.extend_from_slice(name.as_bytes());
            header.extend_from_slice(b": ");
            write(&mut header, name.len() + 2);
        };
        let mailbox = |name: Option<&str>, address: &Address| Mailbox::new_address(name.map(str::to_owned), address.to_string());
        let (from, to, reply_to) = (mailbox(Some(letter.from_name), letter.from), mailbox(None, letter.to), mailbox(None, letter.reply_to));
        let line = |text: String| move |out: &mut Vec<u8>, _: usize| out.extend_from_slice(format!("{text}\r\n").as_bytes());
        // RFC 5322 §3.3
        field("Date", &line(letter.date.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()));
        field("From", &|out, at| from.write_header(out, at));
        field("To", &|out, at| to.write_header(out, at));
        field("Reply-To", &|out, at| reply_to.write_header(out, at));
        field("Subject", &|out, at| Text::new(letter.subject).write_header(out, at));
        field("Message-ID", &line(format!("<{}>", letter.message_id)));
        if let Some(id) = letter.follows {
            field("In-Reply-To", &line(format!("<{id}>")));
            field("References", &line(format!("<{id}>")));
        }
        field("Content-Language", &line(letter.language.as_str().to_owned()));
        // RFC 3834 §5: no program shall answer; the second is for those who do not know the first
        field("Auto-Submitted", &line("auto-generated".to_owned()));
        field("X-Auto-Response-Suppress", &line("OOF, AutoReply".to_owned()));
        Ok(Self { header, entity: entity(letter) })
    }
}

fn entity(letter: &Letter<'_>) -> Vec<u8> {
    let text = encoded(ContentType::new("text/plain").attribute("charset", "utf-8"), &canonical(letter.text));
    let part = if letter.attachments.is_empty() {
        text
    } else {
        let attached = letter.attachments.iter().map(|attachment| {
            let mut fields = attachment.media_type.split(';');
            let mut kind = ContentType::new(fields.next().unwrap_or_default().trim().to_owned());
            for (name, value) in fields.filter_map(|field| field.split_once('=')) {
                kind = kind.attribute(name.trim().to_owned(), value.trim().to_owned());
            }
            encoded(kind.attribute("name", attachment.name.to_owned()), attachment.bytes).attachment(attachment.name.to_owned())
        });
        MimePart::new("multipart/mixed", BodyPart::Multipart(std::iter::once(text).chain(attached).collect()))
    };
    let mut out = Vec::new();
    part.write_part(&mut out);
    out
}

/// RFC 2046 §4.1.1: lines of text end in CRLF; other control characters than tabs say nothing to a reader.
fn canonical(text: &str) -> Vec<u8> {
    let clean: String = text.chars().filter(|&c| !c.is_control() || matches!(c, '\t' | '\n')).collect();
    clean.replace('\n', "\r\n").into_bytes()
}

/// In base64 always (RFC 2045 §6.8): no mail system on the way has a reason to touch it, and Japanese text is shortest so.
fn encoded<'x>(kind: ContentType<'x>, bytes: &[u8]) -> MimePart<'x> {
    use std::fmt::Write as _;
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut body = String::with_capacity(bytes.len() / 57 * 78 + 80);
    for line in bytes.chunks(57) {
        for three in line.chunks(3) {
            let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
            for n in 0..4 {
                body.push(if n <= three.len() { char::from(DIGITS[(bits >> (18 - 6 * n) & 63) as usize]) } else { '=' });
            }
        }
        let _ = body.write_str("\r\n");
    }
    MimePart::new(kind, BodyPart::Binary(body.into_bytes().into())).transfer_encoding("base64")
}

/// Every line ends in CRLF, is seven bit without NUL, and at most 998 octets long (RFC 5321 §4.5.3.1.6): then no server has
/// a reason to change or refuse it, and nothing in it can end the mail early.
///
/// # Errors
/// Names the first line that is not so.
pub(super) fn well_formed(mail: &[u8]) -> Result<(), Unfit> {
    let mut line = 1;
    let mut start = 0;
    let mut at = 0;
    let bad = |line, what| Err(Unfit::Line { line, what });
    while at < mail.len() {
        match mail[at] {
            b'\r' if mail.get(at + 1) == Some(&b'\n') => {
                (line, at, start) = (line + 1, at + 2, at + 2);
                continue;
            }
            b'\r' => return bad(line, "holds a CR without LF"),
            b'\n' => return bad(line, "holds a LF without CR"),
            0 => return bad(line, "holds a NUL"),
            128.. => return bad(line, "holds a byte beyond ASCII"),
            _ => {}
        }
        if at - start >= 998 {
            return bad(line, "is longer than 998 octets");
        }
        at += 1;
    }
    if start == mail.len() && !mail.is_empty() { Ok(()) } else { bad(line, "does not end in CR LF") }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use formats::mail::Mail;
    use formats::mail_fields::Fields;

    pub(crate) fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    pub(crate) struct Names(Address, Address, Address);

    impl Default for Names {
        fn default() -> Self {
            Self(address("csirt@csirt.example"), address("abuse@isp.example"), address("notice+k3v7@csirt.example"))
        }
    }

    pub(crate) fn letter(names: &Names) -> Letter<'_> {
        Letter {
            from: &names.0,
            from_name: "例示CSIRT, \"test\"",
            to: &names.1,
            reply_to: &names.2,
            subject: "感染機器のお知らせ: 12 台 [notice k3v7]",
            message_id: "1.k3v7@csirt.example",
            follows: None,
            date: "2026-03-23T07:01:02Z".parse().unwrap(),
            language: Language::Ja,
            text: "感染した機器があります。\n\n.\nFrom here on: see the table.  \n",
            attachments: vec![
                Attachment { name: "events.csv", media_type: "text/csv; header=present", bytes: b"ip,time\r\n192.0.2.1,2026-03-23\r\n" },
                Attachment { name: "xarf.json", media_type: "application/json", bytes: "{\"a\":\"日本\"}".as_bytes() },
            ],
        }
    }

    fn whole(letter: &Letter<'_>) -> Vec<u8> {
        let Unsealed { header, entity } = Unsealed::write(letter).unwrap();
        [&header[..], b"MIME-Version: 1.0\r\n", &entity].concat()
    }

    #[test]
    fn a_letter_is_read_back_as_it_was_written() {
        let names = Names::default();
        let bytes = whole(&letter(&names));
        well_formed(&bytes).unwrap();
        let mail = Mail::read(&bytes);
        assert_eq!(mail.header.subject.as_deref(), Some("感染機器のお知らせ: 12 台 [notice k3v7]"));
        assert_eq!(mail.header.from.as_deref(), Some("csirt@csirt.example"));
        assert_eq!(mail.header.message_id.as_deref(), Some("1.k3v7@csirt.example"));
        assert_eq!(mail.header.date.unwrap().to_string(), "2026-03-23T07:01:02Z");
        let parts: Vec<(&str, &str)> = mail.parts.iter().map(|p| (p.name.as_str(), p.media_type.as_str())).collect();
        assert_eq!(parts, [("body.txt", "text/plain"), ("events.csv", "text/csv"), ("xarf.json", "application/json")]);
        assert_eq!(mail.parts[0].text(), "感染した機器があります。\r\n\r\n.\r\nFrom here on: see the table.  \r\n");
        assert_eq!(&mail.parts[1].bytes()[..], b"ip,time\r\n192.0.2.1,2026-03-23\r\n");
        assert_eq!(mail.parts[2].text(), "{\"a\":\"日本\"}");
        let fields = Fields::read(&bytes);
        assert_eq!(fields.first("Auto-Submitted"), Some("auto-generated"));
        assert_eq!(fields.addresses("Reply-To"), ["notice+k3v7@csirt.example"]);
        assert_eq!(fields.first("To"), Some("<abuse@isp.example>"));
    }

    #[test]
    fn no_header_value_can_begin_a_line() {
        let names = Names::default();
        let good = letter(&names);
        for attack in ["a\r\nBcc: x@evil.example", "a\nb", "a\rb", "a\0b", "a\x1b[2Jb", "a\u{85}b", "a\u{2028}b", "a\u{202e}b", "\t"] {
            let bad = [
                Letter { subject: attack, ..good.clone() },
                Letter { from_name: attack, ..good.clone() },
                Letter { message_id: attack, ..good.clone() },
                Letter { follows: Some(attack), ..good.clone() },
                Letter { attachments: vec![Attachment { name: attack, media_type: "text/csv", bytes: b"" }], ..good.clone() },
                Letter { attachments: vec![Attachment { name: "a", media_type: attack, bytes: b"" }], ..good.clone() },
            ];
            for letter in bad {
                assert!(Unsealed::write(&letter).is_err(), "{attack:?}");
            }
        }
        for id in ["", "a", "a@b@c", "a@b>", "a b@c", "é@b"] {
            assert!(Unsealed::write(&Letter { message_id: id, ..good.clone() }).is_err(), "{id:?}");
        }
        assert!(Unsealed::write(&Letter { subject: "", ..good.clone() }).is_err());
        // braces are text: nothing evaluates them
        let template = Letter { subject: "{{ party.key }} {% raw %}", ..good.clone() };
        assert_eq!(Mail::read(&whole(&template)).header.subject.as_deref(), Some("{{ party.key }} {% raw %}"));
    }

    #[test]
    fn text_with_lone_ends_of_line_nul_and_endless_lines_is_a_mail_like_any_other() {
        let names = Names::default();
        let endless = "x".repeat(100_000);
        for (text, read) in [
            ("a\rb\nc\r\nd", "ab\r\nc\r\nd"),
            (".\r\nQUIT\r\n", ".\r\nQUIT\r\n"),
            ("a\r\n.\r\nMAIL FROM:<x@y>\r\n", "a\r\n.\r\nMAIL FROM:<x@y>\r\n"),
            ("a\0b\x07", "ab"),
            (&endless, &endless),
            ("", ""),
        ] {
            let bytes = whole(&Letter { text, attachments: vec![], ..letter(&names) });
            well_formed(&bytes).unwrap();
            assert_eq!(Mail::read(&bytes).parts[0].text(), read);
        }
        let every_byte: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for length in [0, 1, 2, 3, 56, 57, 58, 1000] {
            let attachments = vec![Attachment { name: "x.bin", media_type: "application/octet-stream", bytes: &every_byte[..length] }];
            let bytes = whole(&Letter { attachments, ..letter(&names) });
            well_formed(&bytes).unwrap();
            assert_eq!(&Mail::read(&bytes).parts[1].bytes()[..], &every_byte[..length]);
        }
    }

    #[test]
    fn a_mail_that_a_server_might_misread_is_not_well_formed() {
        for bad in [&b""[..], b"a", b"a\n", b"a\r", b"a\rb\r\n", b"a\r\n.\nb\r\n", b"a\0\r\n", "é\r\n".as_bytes(), &[b'x'; 999]] {
            assert!(well_formed(bad).is_err(), "{bad:?}");
        }
        assert_eq!(well_formed(&[&[b'x'; 998][..], b"\r\n"].concat()), Ok(()));
        assert_eq!(well_formed(b"a\r\nb\n\r\n"), Err(Unfit::Line { line: 2, what: "holds a LF without CR" }));
    }
}
