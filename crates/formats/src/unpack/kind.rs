//! Is this a container, and which? The first bytes say it; a name only where they cannot.

use super::{Entry, tar};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Gzip,
    Zstd,
    Xz,
    Zip,
    Tar,
    Mail,
    Mbox,
    /// Base64 text of one of the above.
    Base64,
    Unsupported {
        what: &'static str,
        advice: &'static str,
    },
}

const UNPACK_FIRST: &str = "unpack it and ingest the files";

/// Containers that are recognised only to be named.
const UNSUPPORTED: &[(&[u8], &str, &str)] = &[
    (b"BZh", "bzip2 stream", UNPACK_FIRST),
    (b"7z\xbc\xaf\x27\x1c", "7z archive", UNPACK_FIRST),
    (b"Rar!\x1a\x07", "rar archive", UNPACK_FIRST),
    (b"MSCF\0\0\0\0", "cabinet archive", UNPACK_FIRST),
    (b"LZIP\x01", "lzip stream", UNPACK_FIRST),
    (b"\x04\x22\x4d\x18", "lz4 stream", UNPACK_FIRST),
    (b"\x1f\x9d", "compress stream", UNPACK_FIRST),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Microsoft compound file (old Office, Outlook .msg)", "save it as text, CSV or .eml"),
    (b"\x78\x9f\x3e\x22", "winmail.dat of Outlook (TNEF)", "ask for a MIME mail"),
];

pub(super) fn of(entry: &Entry<'_>, head: &[u8]) -> Option<Kind> {
    let kind = match head {
        // RFC 1952 §2.3.1.2: the upper bits of the flags are zero
        [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0 => Kind::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Kind::Zstd,
        // RFC 8878 §3.1.2: a skippable frame; only before a real one, else any text could begin so
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Kind::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Kind::Xz,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Kind::Zip,
        // a spanned archive that fitted one disk
        [b'P', b'K', b'0', b'0', b'P', b'K', 3, 4, ..] => Kind::Zip,
        _ if tar::is_header(head) => Kind::Tar,
        _ if is_base64_of_container(head) => Kind::Base64,
        _ if !entry.prose && is_mbox(head) => Kind::Mbox,
        _ if !entry.prose && is_mail(entry, head) => Kind::Mail,
        _ => {
            let (_, what, advice) = UNSUPPORTED.iter().find(|(magic, _, _)| head.starts_with(magic))?;
            // three letters and a digit: text could begin so
            if *what == "bzip2 stream" && head.get(4..10) != Some(b"1AY&SY") {
                return None;
            }
            Kind::Unsupported { what, advice }
        }
    };
    Some(kind)
}

/// Gzip, zip, zstd or xz as base64: its magic bytes make the first letters, and only base64 follows.
fn is_base64_of_container(head: &[u8]) -> bool {
    let starts = [&b"H4sI"[..], b"UEsDB", b"KLUv/", b"/Td6WFoA"].iter().any(|start| head.starts_with(start));
    let fits = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=' | b'\r' | b'\n');
    starts && head.len() >= 24 && head.iter().all(fits)
}

/// `From someone@example.org Mon Mar 23 07:01:02 2026`, and a header after it.
fn is_mbox(head: &[u8]) -> bool {
    let mut lines = head.split(|&c| c == b'\n');
    lines.next().is_some_and(is_mbox_line) && lines.next().and_then(field_name).is_some()
}

/// A line that parts two mails of an mbox. It names a clock time, which prose that begins with `From ` rarely does.
pub(super) fn is_mbox_line(line: &[u8]) -> bool {
    let clock = |w: &[u8]| w[0].is_ascii_digit() && w[1] == b':' && w[2].is_ascii_digit() && w[3].is_ascii_digit();
    line.starts_with(b"From ") && line.len() <= 1000 && line.windows(4).any(clock)
}

/// Fields that only a mail has.
const TELLING: &[&str] = &["received", "return-path", "message-id", "mime-version", "delivered-to", "dkim-signature", "x-mailer"];
/// Fields that other texts may have too.
const COMMON: &[&str] = &[
    "from",
    "to",
    "cc",
    "subject",
    "date",
    "reply-to",
    "sender",
    "content-type",
    "content-transfer-encoding",
    "list-id",
    "x-originating-ip",
];

/// Header fields of RFC 5322 at the start: enough of them that it is no other `Name: value` text.
fn is_mail(entry: &Entry<'_>, head: &[u8]) -> bool {
    let (mut telling, mut common) = (0_u32, 0_u32);
    for (number, line) in head.split(|&c| c == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if number > 0 && matches!(line.first(), Some(b' ' | b'\t')) {
            continue;
        }
        let Some(name) = field_name(line) else { break };
        let name = name.to_ascii_lowercase();
        let is = |known: &&str| known.as_bytes() == name;
        telling |= TELLING.iter().position(is).map_or(0, |n| 1 << n);
        common |= COMMON.iter().position(is).map_or(0, |n| 1 << n);
    }
    let (telling, common) = (telling.count_ones(), common.count_ones());
    let called_mail = entry.media_type.is_some_and(|media| matches!(media, "message/rfc822" | "message/global"))
        || entry.name().to_ascii_lowercase().ends_with(".eml");
    telling + common >= 3 || (telling >= 1 && telling + common >= 2) || (called_mail && telling + common >= 1)
}

/// The name of a header field (RFC 5322 §2.2), when the line is one.
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let end = line.iter().take(80).position(|&c| c == b':')?;
    let name = line[..end].trim_ascii_end();
    (!name.is_empty() && name.iter().all(|c| (33..=126).contains(c))).then_some(name)
}
