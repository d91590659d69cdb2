//! Many mails in one file, each behind a line `From sender date` (RFC 4155, "mboxrd" quoting).

use std::io::{self, BufRead, BufReader, Read};

use super::compressed::PIECE;
use super::kind::is_mbox_line;
use super::{Entry, Input, Next, Refusal, Walk, join};

impl Walk<'_> {
    /// Mails are named by their number: `box.mbox/1.eml`.
    pub(super) fn mbox(&mut self, entry: &Entry<'_>, input: &mut dyn Read) -> io::Result<Next> {
        let limit = self.budget.limits.mail;
        let mut input = BufReader::with_capacity(PIECE, input);
        let mut mail = Vec::new();
        let mut number = 0_u64;
        let mut too_large = false;
        let (mut line, mut line_start, mut after_blank) = (Vec::new(), true, true);
        let failure = loop {
            line.clear();
            // lines without end are taken in pieces
            let read = (&mut input).take(PIECE as u64).read_until(b'\n', &mut line);
            let parts = line_start && after_blank && is_mbox_line(&line);
            let done = !matches!(read, Ok(1..));
            if parts || done {
                if number > 0 && self.mbox_mail(entry, number, &mail, too_large)? == Next::Stop {
                    return Ok(Next::Stop);
                }
                if done {
                    break read.err();
                }
                mail.clear();
                too_large = false;
                number += 1;
            } else if mail.len() + line.len() > usize::try_from(limit).unwrap_or(usize::MAX) {
                too_large = true;
                mail.clear();
            } else if !too_large {
                let quoted = line_start
                    && line[0] == b'>'
                    && line.trim_ascii_start().iter().position(|&c| c != b'>').is_some_and(|at| line[at..].starts_with(b"From "));
                mail.extend_from_slice(if quoted { &line[1..] } else { &line });
            }
            after_blank = line_start && matches!(&line[..], b"\n" | b"\r\n");
            line_start = line.last() == Some(&b'\n');
        };
        failure.map_or(Ok(Next::Continue), Err)
    }

    fn mbox_mail(&mut self, entry: &Entry<'_>, number: u64, mail: &[u8], too_large: bool) -> io::Result<Next> {
        let path = join(entry.path, &format!("{number}.eml"));
        if too_large {
            self.visitor.refused(&path, Refusal::MailTooLarge(self.budget.limits.mail));
            return Ok(Next::Continue);
        }
        let inside = Entry { media_type: Some("message/rfc822"), ..entry.inside(&path) };
        self.open(&inside, Input::Seekable(&mut io::Cursor::new(mail)))
    }
}
