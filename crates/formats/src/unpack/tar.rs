//! Tar archives: v7, ustar, pax (POSIX.1-2001) and GNU, read block by block.

use std::io::{self, Read};

use super::{Entry, Input, Next, Refusal, Walk, decode_name, join, safe_name};

const BLOCK: usize = 512;
/// Long names and pax records beyond this are no names.
const RECORDS: u64 = 1 << 20;

impl Walk<'_> {
    pub(super) fn tar(&mut self, entry: &Entry<'_>, input: &mut dyn Read) -> io::Result<Next> {
        let mut archive = Archive { input, at: 0, left: 0, padding: 0 };
        while let Some(member) = archive.next()? {
            let path = join(entry.path, member.name.as_deref().unwrap_or_else(|refusal| refused_name(refusal)));
            let refusal = match (member.name.as_ref(), member.kind) {
                (Ok(_), MemberKind::File) => {
                    if self.open(&entry.inside(&path), Input::Stream(&mut archive))? == Next::Stop {
                        return Ok(Next::Stop);
                    }
                    continue;
                }
                (Err(refusal), _) => refusal.clone(),
                (_, MemberKind::Other(what)) => Refusal::NotAFile(what),
                (_, MemberKind::Sparse) => Refusal::Unsupported { what: "sparse file", advice: "pack it without --sparse" },
            };
            self.visitor.refused(&path, refusal);
            self.budget.member().map_err(io::Error::from)?;
        }
        Ok(Next::Continue)
    }
}

/// What stands for a name that is not repeated in a path.
pub(super) fn refused_name(_refusal: &Refusal) -> &'static str {
    "(unsafe name)"
}

/// Does a tar header stand here? Its checksum says so (signed sums are of old Suns).
pub(super) fn is_header(head: &[u8]) -> bool {
    let Some(block) = head.get(..BLOCK) else { return false };
    let Some(said) = number(&block[148..156]) else { return false };
    let sums = |as_number: fn(u8) -> i64| -> i64 {
        let field = 148..156;
        block.iter().enumerate().map(|(at, &byte)| if field.contains(&at) { 32 } else { as_number(byte) }).sum()
    };
    // a block of zeros ends an archive; it has no sum written in it
    said > 0 && i64::try_from(said).is_ok_and(|said| said == sums(i64::from) || said == sums(|byte| i64::from(byte.cast_signed())))
}

/// Octal text, or base 256 when the first bit is set (GNU).
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (high, low) = field.split_at(field.len().saturating_sub(8));
        let positive = high.iter().enumerate().all(|(at, &byte)| byte == if at == 0 { 0x80 } else { 0 });
        let low: [u8; 8] = low.try_into().ok()?;
        return (positive && low[0] < 0x80).then(|| u64::from_be_bytes(low));
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

struct Archive<'a> {
    input: &'a mut dyn Read,
    at: u64,
    /// Of the member whose header was read last.
    left: u64,
    padding: u64,
}

struct Member {
    name: Result<String, Refusal>,
    kind: MemberKind,
}

#[derive(Clone, Copy)]
enum MemberKind {
    File,
    Sparse,
    Other(&'static str),
}

/// What records before a header say about it.
#[derive(Default)]
struct Ahead {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl Archive<'_> {
    /// The next member that is not a folder; its content is then read from the archive itself.
    fn next(&mut self) -> io::Result<Option<Member>> {
        let mut ahead = Ahead::default();
        loop {
            self.skip()?;
            let mut block = [0; BLOCK];
            self.exactly(&mut block)?;
            if block.iter().all(|&byte| byte == 0) {
                return Ok(None);
            }
            if !is_header(&block) {
                return Err(self.damaged("no header where the next member should be"));
            }
            let size = number(&block[124..136]).ok_or_else(|| self.damaged("a size that is no number"))?;
            self.left = size;
            self.padding = size.wrapping_neg() % BLOCK as u64;
            let kind = match block[156] {
                b'L' => {
                    ahead.path = Some(self.record()?);
                    continue;
                }
                b'x' | b'X' => {
                    let record = self.record()?;
                    self.pax(&record, &mut ahead)?;
                    continue;
                }
                // names of links, headers for all, names of volumes, folders: nothing that a member would need
                b'K' | b'g' | b'V' | b'5' | b'D' => {
                    if matches!(block[156], b'5' | b'D') {
                        ahead = Ahead::default();
                    }
                    continue;
                }
                b'1' => MemberKind::Other("hard link"),
                b'2' => MemberKind::Other("symbolic link"),
                b'3' => MemberKind::Other("character device"),
                b'4' => MemberKind::Other("block device"),
                b'6' => MemberKind::Other("pipe"),
                b'S' => MemberKind::Sparse,
                _ if ahead.sparse => MemberKind::Sparse,
                _ => MemberKind::File,
            };
            if let Some(size) = ahead.size {
                self.left = size;
                self.padding = size.wrapping_neg() % BLOCK as u64;
            }
            if matches!(kind, MemberKind::Other(_)) {
                // POSIX: links and devices carry no content whatever their size says
                (self.left, self.padding) = (0, 0);
            }
            let name = decode_name(&ahead.path.unwrap_or_else(|| header_name(&block)));
            // v7 writes folders as files whose name ends so
            if matches!(kind, MemberKind::File) && name.ends_with('/') && self.left == 0 {
                ahead = Ahead::default();
                continue;
            }
            return Ok(Some(Member { name: safe_name(&name).map(str::to_owned), kind }));
        }
    }

    fn damaged(&self, reason: &str) -> io::Error {
        Refusal::Damaged { what: "tar archive", after: self.at, reason: reason.to_owned() }.into()
    }

    fn exactly(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) => return Err(Refusal::EndsEarly { what: "tar archive", after: self.at }.into()),
                Ok(n) => {
                    filled += n;
                    self.at += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// To the next header.
    fn skip(&mut self) -> io::Result<()> {
        let mut rest = self.left.saturating_add(self.padding);
        (self.left, self.padding) = (0, 0);
        let mut buffer = [0; 16 << 10];
        while rest > 0 {
            let n = buffer.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
            self.exactly(&mut buffer[..n])?;
            rest -= n as u64;
        }
        Ok(())
    }

    /// The content of a record that speaks about the next member.
    fn record(&mut self) -> io::Result<Vec<u8>> {
        if self.left > RECORDS {
            return Err(self.damaged("a name longer than 1 MiB"));
        }
        let mut record = vec![0; usize::try_from(self.left).unwrap_or(0)];
        self.left = 0;
        self.exactly(&mut record)?;
        while record.last() == Some(&0) {
            record.pop();
        }
        Ok(record)
    }

    /// `length key=value\n`, again and again.
    fn pax(&mut self, mut record: &[u8], ahead: &mut Ahead) -> io::Result<()> {
        while !record.is_empty() {
            let parsed = (|| {
                let space = record.iter().position(|&c| c == b' ')?;
                let length: usize = std::str::from_utf8(&record[..space]).ok()?.parse().ok()?;
                let (line, rest) = record.split_at_checked(length)?;
                let line = line.get(space + 1..)?.strip_suffix(b"\n")?;
                let equals = line.iter().position(|&c| c == b'=')?;
                Some((&line[..equals], &line[equals + 1..], rest))
            })();
            let Some((key, value, rest)) = parsed else {
                return Err(self.damaged("a pax record that cannot be read"));
            };
            match key {
                b"path" => ahead.path = Some(value.to_vec()),
                b"size" => ahead.size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok()),
                _ if key.starts_with(b"GNU.sparse") => ahead.sparse = true,
                _ => {}
            }
            record = rest;
        }
        Ok(())
    }
}

/// The name in the header itself; ustar puts the front of long ones into `prefix`.
fn header_name(block: &[u8; BLOCK]) -> Vec<u8> {
    let text = |field: &[u8]| field.split(|&c| c == 0).next().unwrap_or_default().to_vec();
    let name = text(&block[..100]);
    let prefix = text(&block[345..500]);
    if &block[257..263] == b"ustar\0" && !prefix.is_empty() {
        return [&prefix[..], b"/", &name].concat();
    }
    name
}

/// The content of the member at hand.
impl Read for Archive<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if n == 0 {
            return Ok(0);
        }
        let n = self.input.read(&mut buffer[..n])?;
        if n == 0 {
            return Err(Refusal::EndsEarly { what: "tar archive", after: self.at }.into());
        }
        self.at += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}
