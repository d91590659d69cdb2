//! What does a mail that came to our desk answer, and what does it say?
//!
//! First which notice ([`super::token`]), then who speaks: a mail system (delivery reports), a program (automatic
//! replies) or a person. Of what people write only the unmistakable is understood; all else says [`Says::ForAPerson`].
//! A mail proves nothing about who sent it: what an answer may change is decided where it is recorded.

use formats::automatic_mail::{self, Sign};
use formats::delivery_status::{Action, DeliveryStatus, Recipient};
use formats::html_text::{Piece, pieces, unescape};
use formats::mail::Mail;
use formats::mail_address::Address;
use formats::mail_fields::Fields;
use jiff::Timestamp;

pub use super::token::{About, FoundIn, Token};
use super::words;
use crate::model::party::Language;

/// What the one who was told can answer in a word.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Reply {
    Fixed,
    FalsePositive,
    /// The address, device or domain belongs to somebody else.
    NotOurs,
    /// They cannot act on what they were told.
    NeedMore,
}

impl Reply {
    pub const ALL: [Self; 4] = [Self::Fixed, Self::FalsePositive, Self::NotOurs, Self::NeedMore];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::FalsePositive => "false-positive",
            Self::NotOurs => "not-ours",
            Self::NeedMore => "need-more",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reply| reply.as_str() == text)
    }

    /// The word that a notice offers for it: written on the first line of an answer, it is understood.
    pub fn keyword(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Fixed, Language::En) => "FIXED",
            (Self::FalsePositive, Language::En) => "FALSE POSITIVE",
            (Self::NotOurs, Language::En) => "NOT OURS",
            (Self::NeedMore, Language::En) => "NEED MORE",
            (Self::Fixed, Language::Ja) => "対応済",
            (Self::FalsePositive, Language::Ja) => "誤検知",
            (Self::NotOurs, Language::Ja) => "当方ではない",
            (Self::NeedMore, Language::Ja) => "詳細希望",
        }
    }
}

/// What became of the mail on its way; of several recipients the worst.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Delivery {
    Failed,
    Delayed,
    /// Delivered, or handed to a mail system that tells no more.
    Succeeded,
}

impl Delivery {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "delivery-failed",
            Self::Delayed => "delivery-delayed",
            Self::Succeeded => "delivery-succeeded",
        }
    }
}

/// What a mail says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Says {
    Reply(Reply),
    Delivery(Delivery, Vec<Recipient>),
    /// A program answered, and by which sign that is known: nothing has been done yet.
    Automatic(Sign),
    /// To be read by a person.
    ForAPerson,
}

impl Says {
    /// One word for the register and for people: `fixed`, `delivery-failed`, `automatic`, `for-a-person`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Reply(reply) => reply.as_str(),
            Self::Delivery(delivery, _) => delivery.as_str(),
            Self::Automatic(_) => "automatic",
            Self::ForAPerson => "for-a-person",
        }
    }
}

/// A mail understood as far as it can be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    pub about: About,
    pub says: Says,
    /// Why it was understood so, in a few words: the line, the sign, the status.
    pub because: String,
    /// The first address of `From`, as claimed.
    pub from: Option<String>,
    /// Without angle brackets; also tells the same mail twice apart from two mails.
    pub message_id: Option<String>,
    pub date: Option<Timestamp>,
}

impl Answer {
    /// Reads a mail that came to `desk` (the address to which the token of a notice is added). An encrypted mail must be
    /// opened first; unopened it is for a person.
    pub fn read(mail: &[u8], desk: &Address) -> Self {
        let fields = Fields::read(mail);
        let parts = Mail::read(mail);
        let report = DeliveryStatus::of(&parts);
        let about = About::of(
            &fields,
            parts.header.subject.as_deref(),
            report.as_ref().and_then(|report| report.envelope_id.as_deref()),
            report.as_ref().and_then(|report| report.original.as_ref()),
            desk,
        );
        let (says, because) = says(&fields, &parts, report);
        let clean: String = because.chars().filter(|c| !c.is_control()).take(200).collect();
        Self { about, says, because: clean, from: parts.header.from, message_id: parts.header.message_id, date: parts.header.date }
    }
}

fn says(fields: &Fields, mail: &Mail<'_>, report: Option<DeliveryStatus>) -> (Says, String) {
    if let Some(report) = report {
        let worst = report.recipients.iter().map(|recipient| of_action(recipient.action)).min().unwrap_or(Delivery::Succeeded);
        let of_worst = report.recipients.iter().find(|recipient| of_action(recipient.action) == worst);
        let because = of_worst.map(|r| {
            let status = r.status.map(|status| format!("{status} ")).unwrap_or_default();
            format!("{status}{}", r.diagnostic.as_deref().unwrap_or(&r.address))
        });
        return (Says::Delivery(worst, report.recipients), because.unwrap_or_default());
    }
    if let Some(sign) = automatic_mail::sign(fields, mail) {
        return (Says::Automatic(sign), sign.as_str().to_owned());
    }
    if mail.cut || mail.excessive {
        return (Says::ForAPerson, "the mail is cut off or has too many parts".to_owned());
    }
    match mail.media_type.as_str() {
        "multipart/encrypted" => return (Says::ForAPerson, "encrypted, and could not be opened".to_owned()),
        "multipart/report" => return (Says::ForAPerson, "a report of another kind".to_owned()),
        _ => {}
    }
    // what people say stands in the first part; a text further down is an attachment or an old mail
    let Some(body) = mail.parts.first().filter(|part| part.body) else { return (Says::ForAPerson, "no text".to_owned()) };
    let text = if body.media_type == "text/html" { html_lines(&body.text()) } else { Some(body.text()) };
    match text.as_deref().and_then(words::understand) {
        Some((reply, line)) => (Says::Reply(reply), line),
        None => (Says::ForAPerson, "not one of the offered answers".to_owned()),
    }
}

fn of_action(action: Action) -> Delivery {
    match action {
        Action::Failed => Delivery::Failed,
        Action::Delayed => Delivery::Delayed,
        Action::Delivered | Action::Relayed | Action::Expanded => Delivery::Succeeded,
    }
}

/// The text of a page in lines, quotations marked by `>`; `None` when something in it is hidden from the eye.
fn html_lines(page: &str) -> Option<String> {
    let (mut out, mut unseen, mut quoted) = (String::new(), 0_u32, 0_u32);
    for (_, piece) in pieces(page) {
        match piece {
            Piece::Open { name, attributes, .. } => {
                let attributes = attributes.to_ascii_lowercase();
                let squeezed: String = attributes.chars().filter(|c| !c.is_whitespace()).collect();
                if ["display:none", "visibility:hidden", "font-size:0", "hidden=", "opacity:0"].iter().any(|hides| squeezed.contains(hides))
                {
                    return None;
                }
                match name.to_ascii_lowercase().as_str() {
                    "style" | "script" | "head" | "title" => unseen += 1,
                    "blockquote" => quoted += 1,
                    "hr" => out.push_str("\n__________\n"),
                    _ if ["gmail_quote", "divrplyfwdmsg", "moz-cite-prefix", "yahoo_quoted"].iter().any(|m| attributes.contains(m)) => {
                        out.push_str("\n__________\n");
                    }
                    "br" | "p" | "div" | "tr" | "li" | "table" | "h1" | "h2" | "h3" | "pre" => out.push('\n'),
                    _ => {}
                }
            }
            Piece::Close { name } => match name.to_ascii_lowercase().as_str() {
                "style" | "script" | "head" | "title" => unseen = unseen.saturating_sub(1),
                "blockquote" => quoted = quoted.saturating_sub(1),
                "p" | "div" | "tr" | "li" => out.push('\n'),
                _ => {}
            },
            Piece::Text(text) if unseen == 0 => {
                for line in unescape(text).split(['\r', '\n']) {
                    let line = line.trim();
                    if quoted > 0 && !line.is_empty() {
                        out.push_str("\n> ");
                    }
                    out.push_str(line);
                    if !line.is_empty() {
                        out.push(' ');
                    }
                }
                if quoted > 0 {
                    out.push('\n');
                }
            }
            Piece::Text(_) => {}
            _ => {}
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "k3v9xq2mabcdefgh";

    fn desk() -> Address {
        "notice@csirt.example".parse().unwrap()
    }

    fn token() -> Token {
        TOKEN.replace('9', "7").parse().unwrap()
    }

    fn read(mail: &str) -> Answer {
        Answer::read(mail.replace("TOKEN", token().as_str()).as_bytes(), &desk())
    }

    #[track_caller]
    fn told(mail: &str, word: &str) -> Answer {
        let answer = read(mail);
        assert_eq!(answer.says.as_str(), word, "{mail}\n{answer:?}");
        answer
    }

    #[test]
    fn a_person_answers_in_a_word() {
        let answer = told(
            "From: Abuse desk <abuse@isp.example>\r\nTo: notice+TOKEN@csirt.example\r\nMessage-ID: <7@isp.example>\r\n\
             Date: Mon, 23 Mar 2026 16:01:02 +0900\r\nSubject: Re: x\r\n\r\nFIXED\r\n\r\n> the notice\r\n",
            "fixed",
        );
        assert_eq!(answer.about, About::Notice(token(), FoundIn::ReplyAddress));
        assert_eq!(answer.from.as_deref(), Some("abuse@isp.example"));
        assert_eq!((answer.because.as_str(), answer.message_id.as_deref()), ("fixed", Some("7@isp.example")));
    }

    #[test]
    fn every_word_that_a_notice_offers_is_understood_and_none_means_two_things() {
        for reply in Reply::ALL {
            for language in [Language::En, Language::Ja] {
                let mail = format!("From: a@isp.example\nContent-Type: text/plain; charset=utf-8\n\n{}\n", reply.keyword(language));
                assert_eq!(read(&mail).says, Says::Reply(reply), "{mail}");
            }
            assert_eq!(Reply::read(reply.as_str()), Some(reply));
        }
    }

    #[test]
    fn japanese_encodings_are_understood() {
        let mail = b"From: a@isp.example\nContent-Type: text/plain; charset=iso-2022-jp\n\n\x1b$BBP1~:Q\x1b(B\n";
        assert_eq!(Answer::read(mail, &desk()).says, Says::Reply(Reply::Fixed));
        told(
            "From: a@isp.example\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n6Kqk5qSc55+l\n",
            "false-positive",
        );
    }

    #[test]
    fn a_program_that_quotes_a_keyword_is_still_a_program() {
        let answer = told("From: a@isp.example\nTo: notice+TOKEN@csirt.example\nAuto-Submitted: auto-replied\n\nFIXED\n", "automatic");
        assert_eq!(answer.about, About::Notice(token(), FoundIn::ReplyAddress));
        told(
            "From: a@isp.example\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\n\nFIXED\n--b--\n",
            "automatic",
        );
        told(
            "From: a@isp.example\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n\nFIXED\n--b--\n",
            "for-a-person",
        );
    }

    fn report(envelope: &str, recipients: &str) -> String {
        format!(
            "Return-Path: <>\nFrom: MAILER-DAEMON@mx.isp.example\nTo: bounces@csirt.example\nAuto-Submitted: auto-replied\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nIt failed. FIXED\n--b\n\
             Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.isp.example\n{envelope}\n{recipients}\n--b\n\
             Content-Type: text/rfc822-headers\n\nMessage-ID: <1.TOKEN@csirt.example>\n--b--\n"
        )
    }

    #[test]
    fn a_mail_system_tells_that_it_failed_was_late_or_arrived() {
        let failed = "Final-Recipient: rfc822; a@isp.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such mailbox\n";
        let delayed = "Final-Recipient: rfc822; b@isp.example\nAction: delayed\nStatus: 4.4.1\n";
        let relayed = "Final-Recipient: rfc822; c@isp.example\nAction: relayed\nStatus: 2.0.0\n";
        let envelope = "Original-Envelope-Id: notice-TOKEN-1\n";
        let answer = told(&report(envelope, failed), "delivery-failed");
        assert_eq!(answer.about, About::Notice(token(), FoundIn::EnvelopeId));
        assert_eq!(answer.because, "5.1.1 550 no such mailbox");
        told(&report(envelope, delayed), "delivery-delayed");
        told(&report(envelope, &format!("{relayed}\n{failed}\n{delayed}")), "delivery-failed");
        let without_envelope = told(&report("", relayed), "delivery-succeeded");
        assert_eq!(without_envelope.about, About::Notice(token(), FoundIn::Original));
    }

    #[test]
    fn html_is_read_as_it_is_seen() {
        let html = |body: &str| format!("From: a@isp.example\nContent-Type: text/html; charset=utf-8\n\n{body}\n");
        told(&html("<html><head><style>p{}</style><title>NOT OURS</title></head><body><p>FIXED</p><p>Thanks</p></body></html>"), "fixed");
        told(
            &html("<div>FIXED</div><br><div class=\"gmail_quote\">On Monday <a@b.example> wrote:<blockquote>NOT OURS</blockquote></div>"),
            "fixed",
        );
        told(&html("<div>FIXED</div><blockquote>NOT OURS</blockquote>"), "fixed");
        told(&html("<div>FIXED</div><hr><b>From:</b> CSIRT<br>NOT OURS"), "fixed");
        told(&html("<div>FIXED</div><blockquote>one</blockquote><div>except this</div>"), "for-a-person");
        told(&html("<div style='display: none'>FIXED</div>"), "for-a-person");
        told(&html("<div>not</div> <div>FIXED</div>"), "for-a-person");
        told(&html("<span>not </span><b>FIXED</b>"), "for-a-person");
    }

    #[test]
    fn hostile_mails_go_to_a_person() {
        for mail in [
            "",
            "FIXED",
            "Subject: FIXED\n\n",
            "Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nFIXED\n--b--\n",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nFIXED\n",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nFIXED\n--b--\n",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: image/png\n\nx\n--b\n\nFIXED\n--b--\n",
            "Content-Type: message/rfc822\n\nFrom: x\n\nFIXED\n",
        ] {
            assert_eq!(Answer::read(mail.as_bytes(), &desk()).says, Says::ForAPerson, "{mail}");
        }
        let crowded = format!("Content-Type: multipart/mixed; boundary=a\n\n{}", "--a\n".repeat(20_000));
        told(&crowded, "for-a-person");
        let long = format!("From: a@isp.example\nTo: {}notice+TOKEN@csirt.example\n\nFIXED\n", "x@y.example, ".repeat(5000));
        assert_eq!(read(&long).about, About::Notice(token(), FoundIn::ReplyAddress));
    }

    #[test]
    fn what_is_remembered_of_a_mail_cannot_break_a_line() {
        let failed = "Final-Recipient: rfc822; a@isp.example\nAction: failed\nDiagnostic-Code: smtp; 550 \x1b[31mred\x07\n";
        assert_eq!(read(&report("", failed)).because, "550 [31mred");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_some_answer(bytes: Vec<u8>) {
            let _ = Answer::read(&bytes, &desk());
            let _ = Answer::read(&[b"Content-Type: text/html\n\n", &bytes[..]].concat(), &desk());
        }
    }
}
