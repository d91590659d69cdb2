//! Texts made readable on the way: UTF-16 and old charsets to UTF-8, base64 to bytes.

use std::io::{self, BufRead, Read};

use encoding_rs::{Decoder, Encoding, UTF_16BE, UTF_16LE};

/// Read in pieces of this size.
const PIECE: usize = 64 << 10;

/// The UTF-16 that a byte order mark announces. UTF-8 needs no transcoding, whatever its mark.
pub(crate) fn byte_order_mark(head: &[u8]) -> Option<&'static Encoding> {
    match head {
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        _ => None,
    }
}

/// A text as UTF-8, without byte order mark; what its encoding does not know becomes U+FFFD.
pub(crate) struct Transcoded<R> {
    input: R,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_at: usize,
    raw_end: usize,
    text: Vec<u8>,
    at: usize,
    last: bool,
    finished: bool,
}

impl<R: Read> Transcoded<R> {
    pub(crate) fn new(encoding: &'static Encoding, input: R) -> Self {
        Self {
            input,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: vec![0; PIECE],
            raw_at: 0,
            raw_end: 0,
            text: Vec::new(),
            at: 0,
            last: false,
            finished: false,
        }
    }
}

impl<R: Read> Read for Transcoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() {
            if self.finished || buffer.is_empty() {
                return Ok(0);
            }
            if self.raw_at == self.raw_end && !self.last {
                (self.raw_at, self.raw_end) = (0, self.input.read(&mut self.raw)?);
                self.last = self.raw_end == 0;
            }
            self.text.resize(PIECE, 0);
            let (result, read, written, _) = self.decoder.decode_to_utf8(&self.raw[self.raw_at..self.raw_end], &mut self.text, self.last);
            self.raw_at += read;
            self.text.truncate(written);
            self.at = 0;
            self.finished = self.last && result == encoding_rs::CoderResult::InputEmpty;
        }
        let n = buffer.len().min(self.text.len() - self.at);
        buffer[..n].copy_from_slice(&self.text[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

/// What a byte of base64 text stands for (RFC 4648 §4); `PAD` and `OTHER` for the rest.
const SEXTETS: [u8; 256] = {
    let mut table = [OTHER; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut n = 0;
    while n < 64 {
        table[alphabet[n] as usize] = n as u8;
        n += 1;
    }
    table[b'=' as usize] = PAD;
    table
};
const PAD: u8 = 64;
const OTHER: u8 = 65;

/// Base64 as mails carry it: line ends and whatever else is not of the alphabet is passed over (RFC 2045 §6.8),
/// padding ends a group, so that pieces padded one by one read on.
pub(crate) struct Base64<R> {
    input: R,
    group: u32,
    sextets: u8,
    bytes: Vec<u8>,
    at: usize,
    finished: bool,
}

impl<R: BufRead> Base64<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, group: 0, sextets: 0, bytes: Vec::new(), at: 0, finished: false }
    }

    fn flush(&mut self) {
        // 2 sextets hold one whole byte, 3 hold two; one alone holds none
        let [_, a, b, _] = (self.group << (6 * (4 - u32::from(self.sextets.min(4))))).to_be_bytes();
        match self.sextets {
            2 => self.bytes.push(a),
            3 => self.bytes.extend_from_slice(&[a, b]),
            _ => {}
        }
        (self.group, self.sextets) = (0, 0);
    }
}

impl<R: BufRead> Read for Base64<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.bytes.len() {
            if self.finished || buffer.is_empty() {
                return Ok(0);
            }
            self.bytes.clear();
            self.at = 0;
            let mut text = self.input.fill_buf()?;
            text = &text[..text.len().min(PIECE)];
            let used = text.len();
            if used == 0 {
                self.finished = true;
                self.flush();
                continue;
            }
            let (mut group, mut sextets, mut padded) = (self.group, self.sextets, None);
            for (at, &c) in text.iter().enumerate() {
                match SEXTETS[usize::from(c)] {
                    PAD => {
                        padded = Some(at + 1);
                        break;
                    }
                    OTHER => {}
                    sextet => {
                        group = group << 6 | u32::from(sextet);
                        sextets += 1;
                        if sextets == 4 {
                            self.bytes.extend_from_slice(&group.to_be_bytes()[1..]);
                            (group, sextets) = (0, 0);
                        }
                    }
                }
            }
            (self.group, self.sextets) = (group, sextets);
            if padded.is_some() {
                self.flush();
            }
            self.input.consume(padded.unwrap_or(used));
        }
        let n = buffer.len().min(self.bytes.len() - self.at);
        buffer[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

/// Quoted-printable text as bytes (RFC 2045 §6.7); what is not well-formed stays as it is.
pub(crate) fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let hex = |c: Option<&u8>| c.and_then(|&c| char::from(c).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'=', b'\n', rest) {
        let (before, special) = rest.split_at(at);
        if special[0] == b'\n' {
            // blanks at the end of a line were added on the way
            let (line, end) = match before.strip_suffix(b"\r") {
                Some(line) => (line, &b"\r\n"[..]),
                None => (before, &b"\n"[..]),
            };
            out.extend_from_slice(line.trim_ascii_end());
            out.extend_from_slice(end);
            rest = &special[1..];
            continue;
        }
        out.extend_from_slice(before);
        if let (Some(high), Some(low)) = (hex(special.get(1)), hex(special.get(2))) {
            out.push(high << 4 | low);
            rest = &special[3..];
            continue;
        }
        let blanks = special[1..].iter().take_while(|c| matches!(c, b' ' | b'\t')).count() + 1;
        rest = match &special[blanks..] {
            [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] => rest,
            [] => &[],
            _ => {
                out.push(b'=');
                &special[1..]
            }
        };
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut input: impl Read) -> Vec<u8> {
        let mut out = Vec::new();
        input.read_to_end(&mut out).unwrap();
        out
    }

    #[test]
    fn base64_is_read_through_line_ends_and_paddings() {
        for (text, want) in [
            ("SGVsbG8=", "Hello"),
            ("SGVs\r\nbG8=\r\n", "Hello"),
            ("SGVsbG8", "Hello"),
            ("SGVsbA==SGVsbG8=", "HellHello"),
            ("", ""),
            ("A", ""),
            ("!!SGV sbG8=!!", "Hello"),
        ] {
            assert_eq!(all(Base64::new(text.as_bytes())), want.as_bytes(), "{text}");
        }
    }

    #[test]
    fn quoted_printable_is_undone_and_bad_escapes_stay() {
        for (text, want) in [
            ("a=3Db", "a=b"),
            ("soft =\r\nbreak", "soft break"),
            ("soft= \nbreak=", "softbreak"),
            ("trailing  \r\nnext\t\nend", "trailing\r\nnext\nend"),
            ("100=zz =4", "100=zz =4"),
        ] {
            assert_eq!(String::from_utf8(quoted_printable(text.as_bytes())).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn utf_16_is_read_with_either_mark_and_through_any_piece_size() {
        let text = "ip,名前\r\n192.0.2.1,日本\r\n".repeat(20_000);
        let le: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let be: Vec<u8> = [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
        for bytes in [le, be] {
            let encoding = byte_order_mark(&bytes).unwrap();
            assert_eq!(String::from_utf8(all(Transcoded::new(encoding, &bytes[..]))).unwrap(), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn base64_gives_back_any_bytes(bytes: Vec<u8>, width in 1_usize..80) {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
            let lines: Vec<u8> = text.as_bytes().chunks(width).flat_map(|line| [line, b"\r\n"].concat()).collect();
            proptest::prop_assert_eq!(all(Base64::new(&lines[..])), bytes);
        }

        #[test]
        fn any_bytes_are_some_quoted_printable(bytes: Vec<u8>) {
            proptest::prop_assert!(quoted_printable(&bytes).len() <= bytes.len());
        }
    }
}
