//! Zip archives (PKWARE APPNOTE 6.3.10), read by their directory; by their members in a row where the directory is lost.
//!
//! Members that share bytes are how a small archive becomes petabytes (Fifield, "A better zip bomb"), and sizes in
//! headers are claims: so the directory is checked for overlaps first, and every member is counted while it is decoded.

use std::io::{self, BufRead, BufReader, Read, SeekFrom};

use flate2::Crc;

use super::compressed::{Inflate, PIECE, xz, zstd};
use super::meter::{Decoded, Encoded, Tally};
use super::tar::refused_name;
use super::{Entry, Input, Next, Refusal, Seekable, Walk, decode_name, join, safe_name};

const WHAT: &str = "zip member";
const LOCAL: &[u8; 4] = b"PK\x03\x04";
const LOCAL_SIZE: u64 = 30;
/// All names of one directory together; more is no archive of reports.
const NAMES: usize = 32 << 20;

/// What the directory says of a member.
#[derive(Debug)]
struct Member {
    name: String,
    flags: u16,
    method: u16,
    crc: u32,
    encoded: u64,
    decoded: u64,
    /// Of its local header.
    at: u64,
    symlink: bool,
}

impl Member {
    fn refusal(&self) -> Option<Refusal> {
        // bit 0: encrypted; bit 13: names hidden too; method 99: AES
        if self.flags & 0x2001 != 0 || self.method == 99 {
            Some(Refusal::Encrypted(WHAT))
        } else if self.symlink {
            Some(Refusal::NotAFile("symbolic link"))
        } else {
            unknown_method(self.method).map(Refusal::Method)
        }
    }
}

/// The name of a method that is not supported (APPNOTE §4.4.5).
fn unknown_method(method: u16) -> Option<String> {
    let name = match method {
        0 | 8 | 93 | 95 => return None,
        1 => "shrink",
        2..=5 => "reduce",
        6 => "implode",
        9 => "deflate64",
        10 => "PKWARE DCL implode",
        12 => "bzip2",
        14 => "lzma",
        96 => "jpeg",
        97 => "wavpack",
        98 => "ppmd",
        other => return Some(other.to_string()),
    };
    Some(format!("{name} ({method})"))
}

impl Walk<'_> {
    pub(super) fn zip(&mut self, entry: &Entry<'_>, input: &mut dyn Seekable) -> io::Result<Next> {
        let length = input.seek(SeekFrom::End(0))?;
        let Some(directory) = find_directory(input, length)? else {
            return self.zip_without_directory(entry, input, length);
        };
        let members = read_directory(input, &directory, self.budget.limits.members)?;
        check_overlaps(&members, directory.at)?;
        if members.iter().any(|member| member.name == "[Content_Types].xml") {
            return Err(Refusal::Unsupported { what: "Office document", advice: "save it as CSV or text" }.into());
        }
        for member in members {
            // a folder
            if member.name.ends_with(['/', '\\']) && member.decoded == 0 {
                continue;
            }
            let next = match (safe_name(&member.name), member.refusal()) {
                (Ok(name), None) => {
                    let path = join(entry.path, name);
                    let result = self.zip_member(&entry.inside(&path), input, &member);
                    self.settle(&path, result)?
                }
                (Ok(name), Some(refusal)) => self.refuse_member(&join(entry.path, name), refusal),
                (Err(refusal), _) => self.refuse_member(&join(entry.path, refused_name(&refusal)), refusal),
            };
            if next == Next::Stop {
                return Ok(Next::Stop);
            }
        }
        Ok(Next::Continue)
    }

    /// Refused members count too: a report of a million refusals is an attack of its own.
    fn refuse_member(&mut self, path: &str, refusal: Refusal) -> Next {
        self.visitor.refused(path, refusal);
        match self.budget.member() {
            Ok(()) => Next::Continue,
            Err(refusal) => {
                self.visitor.refused(path, refusal);
                Next::Stop
            }
        }
    }

    fn zip_member(&mut self, entry: &Entry<'_>, input: &mut dyn Seekable, member: &Member) -> io::Result<Next> {
        let start = read_local(input, member.at)?.start;
        input.seek(SeekFrom::Start(start))?;
        let tally = Tally::default();
        let region = Encoded { input: input.take(member.encoded), tally: &tally };
        let buffered = BufReader::with_capacity(PIECE, region);
        let decoder: Box<dyn Read + '_> = match member.method {
            0 => Box::new(buffered),
            93 => Box::new(zstd(buffered)?),
            95 => Box::new(xz(buffered)),
            _ => Box::new(Inflate::new(buffered)),
        };
        let checked = Checked { input: decoder, crc: Crc::new(), left: member.decoded, expected: member.crc };
        let mut decoded = Decoded::new(checked, WHAT, &tally, self.budget);
        self.open(entry, Input::Stream(&mut decoded))
    }

    /// A zip whose end is missing: its members follow each other, each behind its own header, as long as they last.
    fn zip_without_directory(&mut self, entry: &Entry<'_>, input: &mut dyn Seekable, length: u64) -> io::Result<Next> {
        let cut = || io::Error::from(Refusal::EndsEarly { what: "zip archive", after: length });
        let mut at = 0;
        loop {
            let Ok(local) = read_local(input, at) else { return Err(cut()) };
            let name = decode_name(&local.name);
            let name = match safe_name(&name) {
                Ok(name) => name.to_owned(),
                Err(refusal) => {
                    // where the next member begins is only known when this one's size is
                    if self.refuse_member(&join(entry.path, refused_name(&refusal)), refusal) == Next::Stop || local.streamed() {
                        return Err(cut());
                    }
                    at = local.start.saturating_add(local.encoded);
                    continue;
                }
            };
            let path = join(entry.path, &name);
            let mut member = Member { name, at, ..local.member() };
            if let Some(refusal) = member.refusal() {
                if self.refuse_member(&path, refusal) == Next::Stop || local.streamed() {
                    return Err(cut());
                }
                at = local.start.saturating_add(local.encoded);
                continue;
            }
            let inside = entry.inside(&path);
            let (next, end) = if local.streamed() {
                if member.method != 8 {
                    return Err(cut());
                }
                self.streamed_member(&inside, input, local.start)?
            } else if member.name.ends_with('/') && member.encoded == 0 {
                (Next::Continue, local.start)
            } else {
                member.encoded = member.encoded.min(length.saturating_sub(local.start));
                let result = self.zip_member(&inside, input, &member);
                (self.settle(&path, result)?, local.start.saturating_add(local.encoded))
            };
            if next == Next::Stop {
                return Ok(Next::Stop);
            }
            at = end;
        }
    }

    /// A member whose size stands only behind it (flag bit 3): decoding finds its end.
    fn streamed_member(&mut self, entry: &Entry<'_>, input: &mut dyn Seekable, start: u64) -> io::Result<(Next, u64)> {
        input.seek(SeekFrom::Start(start))?;
        let tally = Tally::default();
        let region = BufReader::with_capacity(PIECE, Encoded { input: &mut *input, tally: &tally });
        let mut decoded = Decoded::new(Inflate::new(region), WHAT, &tally, self.budget);
        let next = self.open(entry, Input::Stream(&mut decoded))?;
        // what the visitor left unread must be passed to know where it ends
        let drained = io::copy(&mut decoded, &mut io::sink());
        let end = start + decoded.into_decoder().used();
        if next == Next::Stop || drained.is_err() {
            return Ok((next, u64::MAX));
        }
        let mut descriptor = [0; 24];
        input.seek(SeekFrom::Start(end))?;
        let n = fill(input, &mut descriptor)?;
        // APPNOTE §4.3.9: signature or none, sizes of 4 or 8 bytes
        let size = [16, 12, 24, 20].into_iter().find(|&size| {
            let follows = descriptor.get(size..size + 4);
            (size < 20) && n >= size + 4 && matches!(follows, Some(b"PK\x03\x04" | b"PK\x01\x02"))
        });
        Ok((next, end + size.map_or(16, |size| size as u64)))
    }
}

/// As many bytes as there are, up to the buffer.
fn fill(input: &mut dyn Seekable, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Stops a member that is longer, shorter or other than its directory says.
struct Checked<R> {
    input: R,
    crc: Crc,
    left: u64,
    expected: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wrong = |text| Err(io::Error::new(io::ErrorKind::InvalidData, text));
        let n = self.input.read(buffer)?;
        self.crc.update(&buffer[..n]);
        match self.left.checked_sub(n as u64) {
            None => return wrong("it is longer than the archive says"),
            Some(left) => self.left = left,
        }
        if n > 0 || buffer.is_empty() {
            Ok(n)
        } else if self.left > 0 {
            Err(io::ErrorKind::UnexpectedEof.into())
        } else if self.crc.sum() != self.expected {
            wrong("its checksum differs")
        } else {
            Ok(0)
        }
    }
}

/// A header that stands before a member.
struct Local {
    /// Of the content.
    start: u64,
    flags: u16,
    method: u16,
    crc: u32,
    encoded: u64,
    decoded: u64,
    name: Vec<u8>,
}

impl Local {
    /// The sizes stand behind the content.
    fn streamed(&self) -> bool {
        self.flags & 8 != 0 && self.encoded == 0
    }

    fn member(&self) -> Member {
        Member {
            name: String::new(),
            flags: self.flags,
            method: self.method,
            crc: self.crc,
            encoded: self.encoded,
            decoded: self.decoded,
            at: 0,
            symlink: false,
        }
    }
}

fn read_local(input: &mut dyn Seekable, at: u64) -> io::Result<Local> {
    let missing =
        || io::Error::from(Refusal::Damaged { what: "zip archive", after: at, reason: "no member where one should be".to_owned() });
    input.seek(SeekFrom::Start(at))?;
    let mut header = [0; LOCAL_SIZE as usize];
    if fill(input, &mut header)? < header.len() || header[..4] != *LOCAL {
        // a spanned archive that fitted one disk begins with a mark
        if at == 0 && header[..8] == *b"PK00PK\x03\x04" {
            return read_local(input, 4);
        }
        return Err(missing());
    }
    let (name_size, extra_size) = (usize::from(u16_at(&header, 26)), usize::from(u16_at(&header, 28)));
    let mut variable = vec![0; name_size + extra_size];
    if fill(input, &mut variable)? < variable.len() {
        return Err(missing());
    }
    let mut wide = Zip64::of(&variable[name_size..]);
    let decoded = wide.or(u32_at(&header, 22));
    let encoded = wide.or(u32_at(&header, 18));
    variable.truncate(name_size);
    Ok(Local {
        start: at + LOCAL_SIZE + (name_size + extra_size) as u64,
        flags: u16_at(&header, 6),
        method: u16_at(&header, 8),
        crc: u32_at(&header, 14),
        encoded,
        decoded,
        name: variable,
    })
}

/// Where the directory of the archive is.
struct Directory {
    at: u64,
    size: u64,
    /// Bytes before the archive itself: offsets count from there.
    before: u64,
}

/// `None` when the archive has no end.
fn find_directory(input: &mut dyn Seekable, length: u64) -> io::Result<Option<Directory>> {
    const END: usize = 22;
    let tail_at = length.saturating_sub(END as u64 + 0xffff);
    input.seek(SeekFrom::Start(tail_at))?;
    let mut tail = Vec::new();
    input.take(END as u64 + 0xffff).read_to_end(&mut tail)?;
    let found = memchr::memmem::rfind_iter(&tail, b"PK\x05\x06").find(|&at| {
        let end = &tail[at..];
        end.len() >= END && END + usize::from(u16_at(end, 20)) <= end.len()
    });
    let Some(at) = found else { return Ok(None) };
    let end = &tail[at..];
    let mut end_at = tail_at + at as u64;
    let damaged = |reason: &str| io::Error::from(Refusal::Damaged { what: "zip archive", after: length, reason: reason.to_owned() });
    if u16_at(end, 4) != 0 && u16_at(end, 4) != 0xffff {
        return Err(Refusal::Unsupported { what: "zip archive in several volumes", advice: "join it into one file" }.into());
    }
    let (mut size, mut offset) = (u64::from(u32_at(end, 12)), u64::from(u32_at(end, 16)));
    let locator = at.checked_sub(20).map(|from| &tail[from..at]).filter(|locator| locator.starts_with(b"PK\x06\x07"));
    if let Some(locator) = locator {
        let wide_at = u64_at(locator, 8);
        input.seek(SeekFrom::Start(wide_at))?;
        let mut wide = [0; 56];
        if fill(input, &mut wide)? < wide.len() || !wide.starts_with(b"PK\x06\x06") {
            return Err(damaged("its zip64 directory is missing"));
        }
        (size, offset, end_at) = (u64_at(&wide, 40), u64_at(&wide, 48), wide_at);
    }
    // An archive begins where the file does (or behind the mark of a spanned one). If it seems to begin later, the
    // directory is that of an archive inside, and ours was cut off.
    let before = end_at.checked_sub(size).and_then(|at| at.checked_sub(offset)).filter(|before| matches!(before, 0 | 4));
    Ok(before.map(|before| Directory { at: end_at - size, size, before }))
}

fn read_directory(input: &mut dyn Seekable, directory: &Directory, limit: u64) -> io::Result<Vec<Member>> {
    input.seek(SeekFrom::Start(directory.at))?;
    let mut input = BufReader::with_capacity(PIECE, input.take(directory.size));
    let mut members = Vec::new();
    let mut names = 0;
    // one more than may be: whoever opens it says so
    while (members.len() as u64) <= limit {
        let mut header = [0; 46];
        if input.fill_buf()?.is_empty() {
            break;
        }
        let damaged = |reason: &str| {
            let reason = format!("entry {} of its directory {reason}", members.len() + 1);
            io::Error::from(Refusal::Damaged { what: "zip archive", after: directory.at, reason })
        };
        input.read_exact(&mut header).map_err(|_| damaged("ends early"))?;
        // a digital signature ends the entries
        if header.starts_with(b"PK\x05\x05") {
            break;
        }
        if !header.starts_with(b"PK\x01\x02") {
            return Err(damaged("has no signature"));
        }
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(&header, at)));
        let mut variable = vec![0; name + extra + comment];
        input.read_exact(&mut variable).map_err(|_| damaged("ends early"))?;
        names += name;
        if names > NAMES {
            return Err(damaged("makes its names larger than 32 MiB"));
        }
        let mut wide = Zip64::of(&variable[name..name + extra]);
        let decoded = wide.or(u32_at(&header, 24));
        let encoded = wide.or(u32_at(&header, 20));
        let at = wide.or(u32_at(&header, 42)).checked_add(directory.before).ok_or_else(|| damaged("lies outside"))?;
        // made on Unix: the upper half of the external attributes is the mode
        let symlink = header[5] == 3 && u32_at(&header, 38) >> 28 == 0xa;
        members.push(Member {
            name: decode_name(&variable[..name]),
            flags: u16_at(&header, 8),
            method: u16_at(&header, 10),
            crc: u32_at(&header, 16),
            encoded,
            decoded,
            at,
            symlink,
        });
    }
    Ok(members)
}

/// No member may begin before the one before it has ended, nor reach into the directory.
fn check_overlaps(members: &[Member], directory_at: u64) -> Result<(), Refusal> {
    let mut spans: Vec<(u64, u64)> = members.iter().map(|m| (m.at, m.at.saturating_add(LOCAL_SIZE).saturating_add(m.encoded))).collect();
    spans.sort_unstable();
    let nexts = spans.iter().skip(1).map(|span| span.0).chain([directory_at]);
    match spans.iter().zip(nexts).find(|((_, end), next)| end > next) {
        Some((_, at)) => Err(Refusal::Overlap { at }),
        None => Ok(()),
    }
}

/// The 64-bit values of an entry, in the order of those that are all ones (APPNOTE §4.5.3).
struct Zip64<'a>(&'a [u8]);

impl<'a> Zip64<'a> {
    fn of(mut extra: &'a [u8]) -> Self {
        while extra.len() >= 4 {
            let (id, size) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
            let Some(field) = extra.get(4..4 + size) else { break };
            if id == 1 {
                return Self(field);
            }
            extra = &extra[4 + size..];
        }
        Self(&[])
    }

    fn or(&mut self, narrow: u32) -> u64 {
        match self.0.split_first_chunk::<8>() {
            Some((value, rest)) if narrow == u32::MAX => {
                self.0 = rest;
                u64::from_le_bytes(*value)
            }
            _ => u64::from(narrow),
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
