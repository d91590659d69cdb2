//! What stands in evidence, shown so that nothing of it can act: text defanged, of a mail its headers and plain text alone, of anything
//! else its first bytes. HTML is never rendered, a picture never loaded, an address never a link.

use std::io::Read as _;

use formats::mail::Mail;
use maud::{Markup, html};
use store::evidence::Evidence;

use crate::console::visit::Visit;

/// Bytes that are looked at, and characters that are shown.
const READ: u64 = 512 << 10;
const SHOWN: usize = 40_000;
/// Bytes of a dump.
const DUMP: usize = 2048;

pub(super) async fn view(visit: &Visit, evidence: &Evidence) -> Markup {
    if evidence.kept.is_empty() {
        return html! { p.quiet { (visit.say("evidence-gone")) } };
    }
    let (home, kept) = (visit.server.home.clone(), evidence.kept.clone());
    let read = tokio::task::spawn_blocking(move || -> Result<Vec<u8>, store::StoreError> {
        let mut bytes = Vec::new();
        let place = kept.clone();
        store::evidence::open(&home, &kept)?.take(READ).read_to_end(&mut bytes).map_err(store::StoreError::file(place))?;
        Ok(bytes)
    });
    match read.await {
        Ok(Ok(bytes)) => {
            let whole = (bytes.len() as u64) < READ;
            html! {
                (shown(visit, &evidence.name, &bytes))
                @if !whole { p.quiet { (visit.say("evidence-cut")) } }
            }
        }
        other => {
            tracing::warn!("{}: its original cannot be shown: {other:?}", evidence.id);
            html! { p.quiet { (visit.say("evidence-unreadable")) } }
        }
    }
}

/// By what it is, as its bytes say.
fn shown(visit: &Visit, name: &str, bytes: &[u8]) -> Markup {
    if is_mail(name, bytes) {
        return mail(visit, bytes);
    }
    match text(bytes) {
        Some(text) => html! { pre.evidence tabindex="0" { (defanged(&cut(text))) } },
        None => html! { pre.evidence.dump tabindex="0" { (dump(bytes)) } },
    }
}

fn is_mail(name: &str, bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(2048)];
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let fields = ["received:", "from:", "subject:", "date:", "message-id:", "return-path:", "mime-version:"];
    let found = fields.iter().filter(|field| head.lines().any(|line| line.starts_with(**field))).count();
    found >= 3 || (found >= 1 && name.to_ascii_lowercase().ends_with(".eml"))
}

/// Headers, and what is plain text; everything else is named.
fn mail(visit: &Visit, bytes: &[u8]) -> Markup {
    let read = Mail::read(bytes);
    let head_end = bytes
        .windows(4)
        .position(|part| part == b"\r\n\r\n")
        .or_else(|| bytes.windows(2).position(|part| part == b"\n\n"))
        .unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..head_end]);
    html! {
        pre.evidence tabindex="0" { (defanged(&cut(&head))) }
        @for part in read.parts.iter().take(50) {
            @if part.media_type == "text/plain" {
                pre.evidence tabindex="0" { (defanged(&cut(&part.text()))) }
            } @else {
                p.quiet { (visit.say("evidence-not-shown")) " " code { (part.media_type) } " " (part.name) }
            }
        }
    }
}

/// The bytes as text, when that is what they are.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // Cut in the middle of a character.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let strange = text.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')).count();
    (strange == 0).then_some(text)
}

fn cut(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// Addresses that a program would make a link of, or a hand would copy into one, no longer are ones.
fn defanged(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at);
        let scheme_at = before
            .rfind(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let (lead, scheme) = before.split_at(scheme_at);
        out.push_str(lead);
        out.push_str(&scheme.to_ascii_lowercase().replace("tt", "xx"));
        out.push_str("[:]//");
        let after = &after[3..];
        let host = after.find(|c: char| c.is_whitespace() || "/?#\"'<>,;)".contains(c)).unwrap_or(after.len());
        out.push_str(&after[..host].replace('.', "[.]"));
        rest = &after[host..];
    }
    out.push_str(rest);
    out
}

/// The first bytes, sixteen a line.
fn dump(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (at, line) in bytes[..bytes.len().min(DUMP)].chunks(16).enumerate() {
        let digits: String = line.iter().map(|byte| format!("{byte:02x} ")).collect();
        let plain: String = line.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '·' }).collect();
        out.push_str(&format!("{:08x}  {digits:<48} {plain}\n", at * 16));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_no_links_any_more() {
        for (text, shown) in [
            ("see http://evil.example/a.b?c=1 now", "see hxxp[:]//evil[.]example/a.b?c=1 now"),
            ("(HTTPS://Evil.Example)", "(hxxps[:]//Evil[.]Example)"),
            ("結https://a.b", "結hxxps[:]//a[.]b"),
            ("ftp://x.y,z", "ftp[:]//x[.]y,z"),
            ("://", "[:]//"),
            ("no address at all.", "no address at all."),
        ] {
            assert_eq!(defanged(text), shown, "{text}");
        }
    }

    #[test]
    fn text_is_text_and_the_rest_is_not() {
        assert_eq!(text(b"a,b\n1,2\n"), Some("a,b\n1,2\n"));
        assert_eq!(text("日本".as_bytes().split_last().unwrap().1), Some("日"));
        assert_eq!(text(b"PK\x03\x04\0\0"), None);
        assert!(dump(b"PK\x03\x04<b>").starts_with("00000000  50 4b 03 04 3c 62 3e"));
    }

    #[test]
    fn a_mail_is_known_by_its_head() {
        assert!(is_mail("x", b"Received: from a\r\nFrom: b\r\nSubject: c\r\n\r\nhello"));
        assert!(!is_mail("x.csv", b"from,to\n1,2\n"));
    }
}
