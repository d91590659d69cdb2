//! One stream inside another: gzip, zstd, xz, and base64 text of any container.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

use super::kind::Kind;
use super::meter::{Decoded, Encoded, Tally};
use super::peek::Headed;
use super::{Entry, Input, Next, Walk, join};
use crate::text::Base64;

/// Encoded bytes are read in pieces of this size.
pub(super) const PIECE: usize = 64 << 10;

/// A dictionary or window beyond this is refused: it would be memory that a stranger chose.
const WINDOW_LOG: u32 = 27;

impl Walk<'_> {
    pub(super) fn compressed(&mut self, entry: &Entry<'_>, kind: Kind, input: Headed<'_>) -> io::Result<Next> {
        let tally = Tally::default();
        let input = BufReader::with_capacity(PIECE, Encoded { input, tally: &tally });
        let (what, decoder): (_, Box<dyn Read + '_>) = match kind {
            Kind::Zstd => ("zstd stream", Box::new(zstd(input)?)),
            Kind::Xz => ("xz stream", Box::new(xz(input))),
            Kind::Base64 => ("base64 text", Box::new(Base64::new(input))),
            _ => ("gzip stream", Box::new(Gzip::new(input))),
        };
        let mut decoded = Decoded::new(decoder, what, &tally, self.budget);
        let path = join(entry.path, &inner_name(entry.name(), kind));
        self.open(&entry.inside(&path), Input::Stream(&mut decoded))
    }
}

/// All frames of a zstd stream.
pub(super) fn zstd<R: BufRead>(input: R) -> io::Result<zstd::Decoder<'static, R>> {
    let mut decoder = zstd::Decoder::with_buffer(input)?;
    decoder.window_log_max(WINDOW_LOG)?;
    Ok(decoder)
}

/// All streams of an xz file.
pub(super) fn xz<R: Read>(input: R) -> impl Read {
    lzma_rust2::XzReader::new_mem_limit(input, true, (1 << WINDOW_LOG >> 10) + 1024)
}

/// `report.csv.gz` holds `report.csv`; a name without such an end stays.
fn inner_name(name: &str, kind: Kind) -> String {
    let ends: &[(&str, &str)] = match kind {
        Kind::Gzip => &[(".tgz", ".tar"), (".gz", ""), (".gzip", "")],
        Kind::Zstd => &[(".tzst", ".tar"), (".zst", ""), (".zstd", "")],
        Kind::Xz => &[(".txz", ".tar"), (".xz", "")],
        _ => &[(".b64", ""), (".base64", "")],
    };
    let lower = name.to_ascii_lowercase();
    for (end, instead) in ends {
        if lower.len() > end.len() && lower.ends_with(end) {
            return format!("{}{instead}", &name[..name.len() - end.len()]);
        }
    }
    name.to_owned()
}

/// All members of a gzip stream (RFC 1952 §2.2). Zeros after the last one are padding of tapes and disks.
struct Gzip<R: BufRead> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Gzip<R> {
    fn new(input: R) -> Self {
        Self { member: Some(GzDecoder::new(input)) }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let n = member.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            let Some(mut input) = self.member.take().map(GzDecoder::into_inner) else { break };
            let next = loop {
                let ahead = input.fill_buf()?;
                match ahead.iter().position(|&byte| byte != 0) {
                    Some(at) => break Some((at, ahead[at])),
                    None if ahead.is_empty() => break None,
                    None => {
                        let zeros = ahead.len();
                        input.consume(zeros);
                    }
                }
            };
            match next {
                Some((0, 0x1f)) => self.member = Some(GzDecoder::new(input)),
                Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "what follows the last member is not gzip")),
                None => {}
            }
        }
        Ok(0)
    }
}

/// Raw DEFLATE that knows whether it came to its end, and how far it has read.
pub(super) struct Inflate<R> {
    input: R,
    state: Decompress,
    ended: bool,
}

impl<R: BufRead> Inflate<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, state: Decompress::new(false), ended: false }
    }

    /// Encoded bytes used.
    pub(super) fn used(&self) -> u64 {
        self.state.total_in()
    }
}

impl<R: BufRead> Read for Inflate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            let input = self.input.fill_buf()?;
            let at_end = input.is_empty();
            let (was_in, was_out) = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(input, buffer, FlushDecompress::None).map_err(io::Error::other)?;
            let (used, given) = (self.state.total_in() - was_in, self.state.total_out() - was_out);
            // both are bounded by the lengths of slices
            self.input.consume(used as usize);
            self.ended = status == Status::StreamEnd;
            if given > 0 {
                return Ok(given as usize);
            }
            if at_end && !self.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}
