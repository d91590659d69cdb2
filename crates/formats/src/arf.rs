//! Complaints about a mail, readable by machines: the Abuse Reporting Format (RFC 5965), with the fields of
//! authentication failures (RFC 6591) and of source ports (RFC 6692).
//!
//! A complaint is a `multipart/report` of three parts: words for people, fields for machines, and the mail complained
//! about (or its header). Complaints that only hold the fields are read too.

use jiff::Timestamp;

use crate::mail::{Header, Mail, Part};

/// A complaint as written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Of the machine-readable part, in order, unfolded; names as written.
    pub fields: Vec<(String, String)>,
    /// Of the mail that carried the complaint.
    pub report: Header,
    /// Of the mail complained about.
    pub original: Option<Header>,
}

impl Report {
    /// Reads a whole mail, or its machine-readable part alone; `None` when it is no complaint.
    ///
    /// ```
    /// let text = b"Feedback-Type: abuse\r\nVersion: 1\r\nUser-Agent: Example/1.0\r\nSource-IP: 192.0.2.1\r\n";
    /// let report = formats::arf::Report::read(text).unwrap();
    /// assert_eq!(report.field("source-ip"), Some("192.0.2.1"));
    /// ```
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bare = fields(&String::from_utf8_lossy(&bytes[..bytes.len().min(FIELDS)]));
        if is_feedback(&bare) {
            return Some(Self { fields: bare, ..Self::default() });
        }
        let mail = Mail::read(bytes);
        let is_machine_part = |part: &&Part<'_>| part.media_type == "message/feedback-report";
        let machine = mail.parts.iter().find(is_machine_part).or_else(|| {
            // some label the fields as plain text
            mail.parts.iter().find(|part| is_feedback(&fields(&part.text())))
        })?;
        let fields = fields(&machine.text());
        let original =
            mail.parts.iter().find(|part| matches!(&part.media_type[..], "message/rfc822" | "message/global" | "text/rfc822-headers"));
        let original = original.map(|part| Mail::read(&part.bytes()).header);
        is_feedback(&fields).then_some(Self { fields, report: mail.header, original })
    }

    /// The first field of this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every field of this name: some may be repeated (RFC 5965 §3.2).
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .filter(move |(known, value)| known.eq_ignore_ascii_case(name) && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// `abuse`, `fraud`, `virus`, `auth-failure`, `not-spam`, `other`, or a private word; lower case.
    pub fn feedback_type(&self) -> String {
        self.field("Feedback-Type").unwrap_or("other").to_ascii_lowercase()
    }

    /// When the mail complained about arrived.
    pub fn arrival(&self) -> Option<Timestamp> {
        // `Received-Date` is the name that it had in drafts
        let text = self.field("Arrival-Date").or_else(|| self.field("Received-Date"))?;
        if let Some(moment) = crate::time::read(text) {
            return Some(moment.at);
        }
        let date = mail_parser::DateTime::parse_rfc822(text).filter(mail_parser::DateTime::is_valid)?;
        Timestamp::from_second(date.to_timestamp()).ok()
    }
}

/// Fields beyond this are no complaint.
const FIELDS: usize = 256 << 10;

/// RFC 5965 §3.1: `Feedback-Type` and one of the other required fields.
fn is_feedback(fields: &[(String, String)]) -> bool {
    let has = |name: &str| fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    has("Feedback-Type") && (has("User-Agent") || has("Version"))
}

/// `Name: value` lines, folded ones joined, up to the first line that is neither. A comment at the end of a value is dropped.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t'])
            && let Some((_, value)) = fields.last_mut()
        {
            value.push(' ');
            value.push_str(line.trim());
            continue;
        }
        if line.trim().is_empty() {
            // some begin with an empty line, or part the required fields from the others (RFC 5965 appendix B)
            continue;
        }
        match line.split_once(':') {
            Some((name, value)) if !name.is_empty() && name.bytes().all(|c| c.is_ascii_graphic()) => {
                fields.push((name.to_owned(), value.trim().to_owned()));
            }
            _ => break,
        }
    }
    for (name, value) in &mut fields {
        let structured = ["source-ip", "source-port", "reported-domain", "incidents", "feedback-type", "version"];
        if structured.iter().any(|known| name.eq_ignore_ascii_case(known))
            && let Some((before, _)) = value.split_once('(')
        {
            *value = before.trim().to_owned();
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_fields_are_joined_and_comments_dropped() {
        let report = Report::read(
            b"Feedback-Type: abuse (spam)\nVersion: 1\n\nAuthentication-Results: mail.example.com;\n\tspf=fail\nSource-IP: 192.0.2.1 (relay)\n\
              Received-Date: Thu, 8 Mar 2005 14:00:00 EDT\nOriginal-Rcpt-To: <a@example.com>\nOriginal-Rcpt-To: <b@example.com>\n",
        )
        .unwrap();
        assert_eq!(report.feedback_type(), "abuse");
        assert_eq!(report.field("authentication-results"), Some("mail.example.com; spf=fail"));
        assert_eq!(report.field("source-ip"), Some("192.0.2.1"));
        assert_eq!(report.all("Original-Rcpt-To").count(), 2);
        assert_eq!(report.arrival().unwrap().to_string(), "2005-03-08T18:00:00Z");
    }

    #[test]
    fn other_mails_are_no_complaints() {
        assert_eq!(Report::read(b"From: a@example.org\nSubject: Feedback-Type\n\nFeedback-Type: abuse\n"), None);
        assert_eq!(Report::read(b""), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_complaint_or_none(bytes: Vec<u8>) {
            let _ = Report::read(&[b"Feedback-Type: x\nVersion: 1\n", &bytes[..]].concat()).map(|r| (r.arrival(), r.feedback_type()));
            let _ = Report::read(&bytes);
        }
    }
}
