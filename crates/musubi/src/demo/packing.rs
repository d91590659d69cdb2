//! How does a report travel? In a zip inside a mail, or in gzip: written here just well enough for any reader.
//!
//! Everything is stored, not compressed: the containers are real, and no compressor has to be carried along for a demo.

use std::fmt::Write;

/// A gzip file (RFC 1952) of stored blocks (RFC 1951 §3.2.4).
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = content.chunks(0xffff).peekable();
    if blocks.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let size = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(size.to_le_bytes());
        out.extend((!size).to_le_bytes());
        out.extend(block);
    }
    out.extend(crc32(content).to_le_bytes());
    out.extend((content.len() as u32).to_le_bytes());
    out
}

/// A zip archive with one stored file, dated 1 January 1980 (the format's zero).
pub(crate) fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    // The fields that the local header and the central directory have in common (APPNOTE 4.3.7, 4.3.12).
    let mut common = Vec::new();
    for field in [20u16, 0x0800, 0, 0, 0x0021] {
        common.extend(field.to_le_bytes());
    }
    for field in [crc32(content), content.len() as u32, content.len() as u32] {
        common.extend(field.to_le_bytes());
    }
    common.extend((name.len() as u16).to_le_bytes());
    common.extend(0u16.to_le_bytes());

    let mut out = b"PK\x03\x04".to_vec();
    out.extend(&common);
    out.extend(name.as_bytes());
    out.extend(content);
    let directory = out.len() as u32;
    out.extend(b"PK\x01\x02");
    out.extend(20u16.to_le_bytes());
    out.extend(&common);
    out.extend([0; 14]); // comment length, disk, attributes, offset of the local header: all zero
    out.extend(name.as_bytes());
    let size = out.len() as u32 - directory;
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend(size.to_le_bytes());
    out.extend(directory.to_le_bytes());
    out.extend(0u16.to_le_bytes());
    out
}

/// A mail with one line of text and one attachment.
#[derive(Debug)]
pub(crate) struct Mail<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) subject: &'a str,
    /// As RFC 5322 §3.3 writes it.
    pub(crate) date: &'a str,
    pub(crate) text: &'a str,
    pub(crate) file_name: &'a str,
    pub(crate) media_type: &'a str,
    pub(crate) attachment: &'a [u8],
}

impl Mail<'_> {
    pub(crate) fn write(&self) -> Vec<u8> {
        let boundary = format!("=_{:08x}", crc32(self.attachment));
        let Self { from, to, subject, date, text, file_name, media_type, .. } = self;
        let mut out = format!(
            "From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {date}\r\nMessage-ID: <{boundary}@reports.example>\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n\
             --{boundary}\r\nContent-Type: {media_type}; name=\"{file_name}\"\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=\"{file_name}\"\r\n\r\n"
        );
        out.reserve(self.attachment.len() * 3 / 2);
        // RFC 2045 §6.8: lines of at most 76 characters, which are 57 bytes.
        for line in self.attachment.chunks(57) {
            base64(line, &mut out);
            out.push_str("\r\n");
        }
        write!(out, "--{boundary}--\r\n").expect("writing to a String never fails");
        out.into_bytes()
    }
}

/// Base64 with padding (RFC 4648 §4).
pub(crate) fn base64(bytes: &[u8], out: &mut String) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let number = group.iter().enumerate().fold(0u32, |sum, (place, byte)| sum | u32::from(*byte) << (16 - 8 * place));
        for place in 0..4 {
            let letter = ALPHABET[(number >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= group.len() { letter as char } else { '=' });
        }
    }
}

/// CRC-32 as zip and gzip use it (polynomial 0xEDB88320, reflected).
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < 256 {
            let mut sum = n as u32;
            let mut bit = 0;
            while bit < 8 {
                sum = if sum & 1 == 1 { 0xedb8_8320 ^ sum >> 1 } else { sum >> 1 };
                bit += 1;
            }
            table[n] = sum;
            n += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |sum, byte| TABLE[((sum ^ u32::from(*byte)) & 0xff) as usize] ^ sum >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_zip_and_gzip_use() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn base64_pads_what_is_left_over() {
        let written = |bytes: &[u8]| {
            let mut out = String::new();
            base64(bytes, &mut out);
            out
        };
        assert_eq!((written(b""), written(b"f"), written(b"fo")), (String::new(), "Zg==".into(), "Zm8=".into()));
        assert_eq!((written(b"foo"), written(b"foobar"), written(&[0xff, 0xfe])), ("Zm9v".into(), "Zm9vYmFy".into(), "//4=".into()));
    }

    #[test]
    fn a_gzip_of_nothing_and_of_more_than_one_block_has_exactly_what_the_format_asks_for() {
        assert_eq!(gzip(b"").len(), 10 + 5 + 8);
        let packed = gzip(&vec![b'x'; 0xffff + 3]);
        assert_eq!(packed.len(), 10 + 5 + 0xffff + 5 + 3 + 8);
        assert_eq!(packed[10..15], [0, 0xff, 0xff, 0, 0], "the first block is not the last");
        assert_eq!(packed[15 + 0xffff..][..5], [1, 3, 0, 0xfc, 0xff], "the second is");
    }

    #[test]
    fn a_zip_points_from_its_end_to_its_directory_and_from_there_to_the_file() {
        let packed = zip("a.csv", b"one,two\n");
        let end = packed.len() - 22;
        assert_eq!(&packed[end..end + 4], b"PK\x05\x06");
        let directory = u32::from_le_bytes(packed[end + 16..end + 20].try_into().expect("four bytes")) as usize;
        assert_eq!(&packed[directory..directory + 4], b"PK\x01\x02");
        assert_eq!(&packed[30..30 + 5 + 8], b"a.csvone,two\n");
    }

    #[test]
    fn a_mail_wraps_its_attachment_at_76_characters() {
        let mail = Mail {
            from: "a@example.net",
            to: "b@example.net",
            subject: "s",
            date: "d",
            text: "t",
            file_name: "f",
            media_type: "m/m",
            attachment: &[7; 200],
        };
        let text = String::from_utf8(mail.write()).expect("mails are text");
        assert!(text.lines().all(|line| line.len() <= 100));
        assert_eq!(text.lines().filter(|line| line.len() == 76 && line.starts_with("BwcH")).count(), 3);
        assert!(text.ends_with("--\r\n"));
    }
}
