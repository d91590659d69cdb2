//! A mail opened: its parts, and what is to be said when the report is only linked.

use std::io::{self, BufReader, Cursor, Read};

use crate::mail::{Mail, Part, Transfer};
use crate::text::{Base64, quoted_printable};

use super::compressed::PIECE;
use super::{Entry, Input, Next, Refusal, Walk, join};

impl Walk<'_> {
    pub(super) fn mail(&mut self, entry: &Entry<'_>, input: &mut dyn Read) -> io::Result<Next> {
        let limit = self.budget.limits.mail;
        let mut bytes = Vec::new();
        let failure = input.take(limit.saturating_add(1)).read_to_end(&mut bytes).err();
        if bytes.len() as u64 > limit {
            return Err(Refusal::MailTooLarge(limit).into());
        }
        let mail = Mail::read(&bytes);
        let says_something = mail.parts.iter().any(|part| !part.raw.trim_ascii().is_empty());
        for part in mail.parts.iter().filter(|part| !is_signature(part)) {
            let path = join(entry.path, &part.name);
            if is_encrypted(&mail, part) {
                self.visitor.refused(&path, Refusal::Encrypted("mail"));
                continue;
            }
            // an empty text before the attachments says nothing
            if says_something && part.body && part.raw.trim_ascii().is_empty() {
                continue;
            }
            let mut inside = entry.inside(&path);
            inside.media_type = Some(&part.media_type);
            inside.mail = Some(&mail.header);
            inside.charset = part.charset;
            inside.prose = part.body || part.media_type == "text/rfc822-headers" || part.media_type == "message/feedback-report";
            if self.mail_part(&inside, part)? == Next::Stop {
                return Ok(Next::Stop);
            }
        }
        if let Some(links) = only_links(&mail) {
            self.visitor.refused(entry.path, Refusal::LinkOnly { links });
        }
        if let Some(error) = failure {
            return Err(error);
        }
        if mail.cut {
            return Err(Refusal::EndsEarly { what: "mail", after: bytes.len() as u64 }.into());
        }
        if mail.excessive {
            let reason = "it has more than 10000 parts, or parts nested more than 32 deep".to_owned();
            return Err(Refusal::Damaged { what: "mail", after: bytes.len() as u64, reason }.into());
        }
        Ok(Next::Continue)
    }

    fn mail_part(&mut self, entry: &Entry<'_>, part: &Part<'_>) -> io::Result<Next> {
        match part.transfer {
            Transfer::Plain => self.open(entry, Input::Seekable(&mut Cursor::new(part.raw))),
            Transfer::QuotedPrintable => self.open(entry, Input::Seekable(&mut Cursor::new(quoted_printable(part.raw)))),
            Transfer::Base64 => {
                let mut decoded = Base64::new(BufReader::with_capacity(PIECE, part.raw));
                self.open(entry, Input::Stream(&mut decoded))
            }
        }
    }
}

/// A signature is about the report, not one.
fn is_signature(part: &Part<'_>) -> bool {
    matches!(&part.media_type[..], "application/pgp-signature" | "application/pkcs7-signature" | "application/x-pkcs7-signature")
}

fn is_encrypted(mail: &Mail<'_>, part: &Part<'_>) -> bool {
    match &part.media_type[..] {
        "application/pgp-encrypted" => true,
        "application/octet-stream" => mail.media_type == "multipart/encrypted",
        // .p7m may also be signed only; it is refused as encrypted unless it says so
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => true,
        _ => part.raw.starts_with(b"-----BEGIN PGP MESSAGE-----"),
    }
}

/// File name ends that reports have.
const REPORT_ENDS: &[&str] = &[".csv", ".tsv", ".json", ".jsonl", ".xml", ".txt", ".zip", ".gz", ".xz", ".zst", ".tar", ".tgz"];

/// The links of a mail that delivers a report by link: nothing is attached, and the subject or the lines around a link speak of it.
fn only_links(mail: &Mail<'_>) -> Option<Vec<String>> {
    const MANY: usize = 16;
    if mail.parts.iter().any(|part| !part.body && !part.media_type.starts_with("image/") && !is_signature(part)) {
        return None;
    }
    let speaks = |text: &str| ["report", "レポート", "報告"].iter().any(|word| text.contains(word));
    let subject_speaks = mail.header.subject.as_deref().is_some_and(|subject| speaks(&subject.to_lowercase()));
    let mut links: Vec<String> = Vec::new();
    for part in mail.parts.iter().filter(|part| part.body && part.raw.len() < 1 << 20) {
        let text = part.text();
        let mut before = String::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let lower = line.to_lowercase();
            let spoken_of = subject_speaks || speaks(&lower) || speaks(&before);
            let download = lower.contains("download") || before.contains("download");
            for link in links_in(line).filter(|link| is_report_link(link, spoken_of, download)) {
                if links.len() < MANY && !links.iter().any(|known| known == link) {
                    links.push(link.to_owned());
                }
            }
            before = lower;
        }
    }
    (!links.is_empty()).then_some(links)
}

fn is_report_link(link: &str, spoken_of: bool, download: bool) -> bool {
    let (_, rest) = link.split_once("://").unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let path = rest.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let named_as_file = path.contains('/') && REPORT_ENDS.iter().any(|end| path.ends_with(end));
    host.eq_ignore_ascii_case("dl.shadowserver.org") || (spoken_of && (named_as_file || download))
}

fn links_in(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let at = rest.match_indices("http").map(|(at, _)| at).find(|&at| {
            let after = &rest[at + 4..];
            after.starts_with("://") || after.starts_with("s://")
        })?;
        let from = &rest[at..];
        let end = from
            .find(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '<' | '>' | '|' | '`'))
            .unwrap_or(from.len());
        rest = &from[end..];
        Some(from[..end].trim_end_matches(['.', ',', ';', ')', ']']))
    })
}
