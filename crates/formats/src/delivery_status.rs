//! What became of a mail, told by a mail system: delivery status notifications (RFC 3464) in their `multipart/report`
//! (RFC 6522, formerly RFC 3462).
//!
//! A notification is words for people, groups of fields for machines, and the mail it is about or its header. The first
//! group is about the mail (`Original-Envelope-Id`), each further one about one recipient. Real ones lack empty lines
//! between the groups or have too many: what a field is about is told by its name, not by its place.

use crate::mail::{Mail, Part};
use crate::mail_fields::Fields;

/// What happened to the mail for one recipient (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Action {
    /// It will never arrive.
    Failed,
    /// It has not arrived yet; the mail system goes on trying.
    Delayed,
    /// It is in the mailbox.
    Delivered,
    /// It was handed to a mail system that does not promise to tell more.
    Relayed,
    /// It was passed to several addresses, and no more will be told.
    Expanded,
}

impl Action {
    fn read(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "failed" => Self::Failed,
            "delayed" => Self::Delayed,
            "delivered" => Self::Delivered,
            "relayed" => Self::Relayed,
            "expanded" => Self::Expanded,
            _ => return None,
        })
    }
}

/// `class.subject.detail` (RFC 3463 §2).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Status {
    /// 2 success, 4 failed for now, 5 failed for good.
    pub class: u8,
    pub subject: u16,
    pub detail: u16,
}

impl Status {
    /// Reads `5.1.1`; what follows it after a blank is passed over.
    pub fn read(text: &str) -> Option<Self> {
        let mut numbers = text.split_whitespace().next()?.split('.').map(|n| (n.len() <= 3).then(|| n.parse::<u16>().ok()).flatten());
        let status = Self { class: u8::try_from(numbers.next()??).ok()?, subject: numbers.next()??, detail: numbers.next()?? };
        (matches!(status.class, 2 | 4 | 5) && numbers.next().is_none()).then_some(status)
    }

    /// The mailbox or its domain does not exist, or no longer (RFC 3463 §3.2): a better contact is needed.
    pub fn no_such_address(self) -> bool {
        self.class == 5 && self.subject == 1 && matches!(self.detail, 1 | 2 | 3 | 6 | 10)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// One recipient of the mail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recipient {
    /// As the sender wrote it, when the report says so, else as the last mail system knew it.
    pub address: String,
    pub action: Action,
    pub status: Option<Status>,
    /// The words of the mail system that decided: `550 5.1.1 no such mailbox`.
    pub diagnostic: Option<String>,
}

/// A notification.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DeliveryStatus {
    /// The `ENVID` with which the mail was handed over (RFC 3461 §4.4).
    pub envelope_id: Option<String>,
    pub reporting_mta: Option<String>,
    pub recipients: Vec<Recipient>,
    /// Header of the mail that the report is about, when it came back.
    pub original: Option<Fields>,
}

/// Recipients beyond these are left out: a notice has one.
const RECIPIENTS: usize = 1000;
/// Fields beyond this are no report.
const LENGTH: usize = 256 << 10;

impl DeliveryStatus {
    /// Reads a mail; `None` when it is no notification or tells of no recipient.
    ///
    /// ```
    /// let mail = b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
    ///     --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\nOriginal-Envelope-Id: n-1\r\n\r\n\
    ///     Final-Recipient: rfc822; a@isp.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n";
    /// let report = formats::delivery_status::DeliveryStatus::read(mail).unwrap();
    /// assert_eq!(report.envelope_id.as_deref(), Some("n-1"));
    /// assert!(report.recipients[0].status.unwrap().no_such_address());
    /// ```
    pub fn read(mail: &[u8]) -> Option<Self> {
        Self::of(&Mail::read(mail))
    }

    /// The same of a mail already taken apart.
    pub fn of(mail: &Mail<'_>) -> Option<Self> {
        let is_status = |part: &&Part<'_>| matches!(&part.media_type[..], "message/delivery-status" | "message/global-delivery-status");
        let part = mail.parts.iter().find(is_status)?;
        let mut report = Self::fields(&part.bytes())?;
        let header = |part: &&Part<'_>| {
            matches!(&part.media_type[..], "text/rfc822-headers" | "message/rfc822" | "message/global" | "message/global-headers")
        };
        report.original = mail.parts.iter().find(header).map(|part| Fields::read(&part.bytes()));
        Some(report)
    }

    /// The machine-readable part alone.
    pub fn fields(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LENGTH)]);
        let mut report = Self::default();
        let mut open = Open::default();
        let mut field: Option<(&str, String)> = None;
        // one more empty line, so that the last field and the last recipient end
        for line in text.lines().chain([""]) {
            if line.starts_with([' ', '\t']) && !line.trim().is_empty() {
                if let Some((_, value)) = &mut field {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                continue;
            }
            if let Some((name, value)) = field.take() {
                report.field(&mut open, name, &value);
            }
            match line.split_once(':') {
                Some((name, value)) => field = Some((name.trim(), value.trim().to_owned())),
                None if line.trim().is_empty() => report.end(&mut open),
                None => {}
            }
        }
        (!report.recipients.is_empty()).then_some(report)
    }

    fn field(&mut self, open: &mut Open, name: &str, value: &str) {
        let value = value.chars().filter(|c| !c.is_control()).collect::<String>();
        match name.to_ascii_lowercase().as_str() {
            "original-envelope-id" => self.envelope_id = self.envelope_id.take().or(some(value)),
            "reporting-mta" => self.reporting_mta = self.reporting_mta.take().or(some(typed(&value))),
            // each begins the next recipient when this one has it already: some leave out the empty line between them
            "original-recipient" => {
                if open.original.is_some() {
                    self.end(open);
                }
                open.original = some(typed(&value));
            }
            "final-recipient" => {
                if open.last.is_some() {
                    self.end(open);
                }
                open.last = some(typed(&value));
            }
            "action" => open.action = Action::read(uncommented(&value)),
            "status" => open.status = Status::read(uncommented(&value)),
            "diagnostic-code" => open.diagnostic = some(typed(&value)),
            _ => {}
        }
    }

    fn end(&mut self, open: &mut Open) {
        let done = std::mem::take(open);
        let (Some(address), Some(action)) = (done.original.clone().or_else(|| done.last.clone()), done.action) else {
            // between two groups about one recipient stands an empty line too many: keep what there is
            if done.original.is_some() || done.last.is_some() {
                *open = done;
            }
            return;
        };
        if self.recipients.len() < RECIPIENTS {
            self.recipients.push(Recipient { address, action, status: done.status, diagnostic: done.diagnostic });
        }
    }
}

/// What is known of a recipient so far.
#[derive(Default)]
struct Open {
    original: Option<String>,
    last: Option<String>,
    action: Option<Action>,
    status: Option<Status>,
    diagnostic: Option<String>,
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Without the type before it: `rfc822; a@isp.example`, and without the angle brackets that some add.
fn typed(value: &str) -> String {
    let value = value.split_once(';').map_or(value, |(_, value)| value).trim();
    value.strip_prefix('<').and_then(|v| v.strip_suffix('>')).unwrap_or(value).to_owned()
}

/// Without the comment after it: `failed (bounced)`.
fn uncommented(value: &str) -> &str {
    value.split('(').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> DeliveryStatus {
        DeliveryStatus::fields(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_failure_tells_who_why_and_which_envelope() {
        let report = fields(
            "Reporting-MTA: dns; mx.isp.example\nOriginal-Envelope-Id: notice-k3v9\nArrival-Date: Mon, 23 Mar 2026 07:01:02 +0000\n\n\
             Final-Recipient: rfc822; x@inside.isp.example\nOriginal-Recipient: rfc822;abuse@isp.example\nAction: failed (gone)\n\
             Status: 5.1.1 (bad destination mailbox)\nDiagnostic-Code: smtp; 550 5.1.1\n  <x@inside.isp.example>: unknown\n",
        );
        assert_eq!(report.envelope_id.as_deref(), Some("notice-k3v9"));
        assert_eq!(report.reporting_mta.as_deref(), Some("mx.isp.example"));
        let [recipient] = &report.recipients[..] else { panic!("{report:?}") };
        assert_eq!((recipient.address.as_str(), recipient.action), ("abuse@isp.example", Action::Failed));
        assert_eq!(recipient.status.unwrap().to_string(), "5.1.1");
        assert_eq!(recipient.diagnostic.as_deref(), Some("550 5.1.1 <x@inside.isp.example>: unknown"));
    }

    #[test]
    fn groups_without_empty_lines_or_with_too_many_are_still_recipients() {
        let run_together = fields(
            "Reporting-MTA: dns; a\nFinal-Recipient: rfc822; <a@x.example>\nAction: delayed\nStatus: 4.4.1\nFinal-Recipient: rfc822; b@x.example\nAction: RELAYED\n",
        );
        assert_eq!(
            run_together.recipients.iter().map(|r| (&r.address[..], r.action)).collect::<Vec<_>>(),
            [("a@x.example", Action::Delayed), ("b@x.example", Action::Relayed)]
        );
        let torn = fields("\n\nFinal-Recipient: rfc822; a@x.example\n\n\nAction: failed\nStatus: 5.0.0\n");
        assert_eq!(torn.recipients.len(), 1);
    }

    #[test]
    fn a_report_about_nobody_or_with_an_unknown_action_is_none() {
        for text in
            ["", "Reporting-MTA: dns; a\n", "Final-Recipient: rfc822; a@x.example\nAction: exploded\n", "Action: failed\n", ": x\n\t\n"]
        {
            assert_eq!(DeliveryStatus::fields(text.as_bytes()), None, "{text:?}");
        }
        for (text, status) in [("5.1.1", true), ("5.1", false), ("3.0.0", false), ("5.1.1.1", false), ("5.1.9999", false), ("x", false)] {
            assert_eq!(Status::read(text).is_some(), status, "{text}");
        }
    }

    #[test]
    fn the_mail_that_came_back_is_found_again() {
        let report = DeliveryStatus::read(
            b"Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n--b\r\n\r\nwords\r\n--b\r\n\
              Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\nFinal-Recipient: rfc822; a@x.example\r\nAction: failed\r\n\r\n\
              --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <1.notice@csirt.example>\r\nFrom: x\r\n--b--\r\n",
        );
        assert_eq!(report.unwrap().original.unwrap().message_ids("message-id"), ["1.notice@csirt.example"]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_report_or_none(bytes: Vec<u8>) {
            let _ = DeliveryStatus::fields(&bytes);
            let _ = DeliveryStatus::read(&bytes);
        }

        #[test]
        fn any_lines_give_recipients_that_are_whole(lines in proptest::collection::vec("(Final-Recipient: rfc822; a@b.example|Action: (failed|x|delayed)|Status: 5.1.1|Original-Recipient: rfc822;c@d.example|| folded|Diagnostic-Code: smtp; x|:)", 0..30)) {
            for recipient in DeliveryStatus::fields(lines.join("\n").as_bytes()).into_iter().flat_map(|r| r.recipients) {
                proptest::prop_assert!(recipient.address.contains('@'));
            }
        }
    }
}
