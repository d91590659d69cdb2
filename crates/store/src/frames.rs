//! Where in a compressed original does some byte of it lie? Originals are kept as Zstandard frames of a mebibyte each (RFC 8878, §3.1), which any
//! decompressor reads as one: whoever wants a row far behind passes over the frames before it by their headers, without unpacking them.

use std::fs::File;
use std::io::{self, Write};

use crate::pages::read_at;

/// Bytes of an original in one frame.
pub(crate) const PIECE: usize = 1 << 20;

/// Writes an original piece by piece, each a frame that says how long it is.
pub(crate) struct Frames {
    file: File,
    compressor: zstd::bulk::Compressor<'static>,
    begun: bool,
}

impl Frames {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        Ok(Self { file, compressor: zstd::bulk::Compressor::new(1)?, begun: false })
    }

    pub(crate) fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.begun = true;
        self.file.write_all(&self.compressor.compress(bytes)?)
    }

    pub(crate) fn finish(mut self) -> io::Result<File> {
        if !self.begun {
            self.piece(&[])?;
        }
        Ok(self.file)
    }
}

/// A frame that begins before a byte of the original or with it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Place {
    /// Where it begins in the file, and in the original.
    pub(crate) file: u64,
    pub(crate) original: u64,
}

/// The last frame that begins no later than `offset` of the original, as far as frames say how long they are.
pub(crate) fn before(file: &File, offset: u64) -> Place {
    let mut place = Place::default();
    let Ok(whole) = file.metadata().map(|about| about.len()) else { return place };
    while let Ok(Some((length, holds))) = frame(file, place.file) {
        let behind = Place { file: place.file + length, original: place.original.saturating_add(holds) };
        if behind.original > offset || behind.file > whole {
            break;
        }
        place = behind;
    }
    place
}

/// How many bytes the frame at this place has in the file, and how many of the original it holds; `None` when it does not say, or is none.
fn frame(file: &File, at: u64) -> io::Result<Option<(u64, u64)>> {
    // Magic number, descriptor, and at most a window (1), a dictionary's name (4) and the content's size (8).
    let mut head = [0; 5];
    read_at(file, &mut head, at)?;
    if head[..4] != 0xFD2F_B528_u32.to_le_bytes() {
        return Ok(None);
    }
    let descriptor = head[4];
    let (single, checksum) = (descriptor & 0x20 != 0, descriptor & 0x04 != 0);
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size = match descriptor >> 6 {
        0 if !single => return Ok(None),
        flag => 1_usize << flag,
    };
    let mut place = at + 5 + u64::from(!single) + dictionary;
    let mut content = [0; 8];
    read_at(file, &mut content[..size], place)?;
    // Sizes of two bytes begin where those of one end.
    let holds = u64::from_le_bytes(content) + if size == 2 { 256 } else { 0 };
    place += size as u64;
    loop {
        let mut block = [0; 4];
        read_at(file, &mut block[..3], place)?;
        let header = u32::from_le_bytes(block);
        let length = match header >> 1 & 3 {
            0 | 2 => u64::from(header >> 3),
            1 => 1,
            _ => return Ok(None),
        };
        place += 3 + length;
        if header & 1 == 1 {
            return Ok(Some((place + if checksum { 4 } else { 0 } - at, holds)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, SeekFrom};

    use super::*;

    /// Text that repeats itself, but not in equal pieces.
    fn original(length: usize) -> Vec<u8> {
        (0_u64..).flat_map(|n| format!("{n},192.0.2.{},{:x}\n", n % 251, n.wrapping_mul(0x9e37_79b9)).into_bytes()).take(length).collect()
    }

    fn written(original: &[u8]) -> File {
        let mut frames = Frames::new(tempfile::tempfile().unwrap()).unwrap();
        original.chunks(PIECE).for_each(|piece| frames.piece(piece).unwrap());
        frames.finish().unwrap()
    }

    #[test]
    fn any_decompressor_reads_the_frames_as_one() {
        for length in [0, 1, 255, 256, 70_000, PIECE, 2 * PIECE + 17] {
            let (original, mut file) = (original(length), written(&original(length)));
            file.seek(SeekFrom::Start(0)).unwrap();
            assert!(zstd::decode_all(&file).unwrap() == original, "{length}");
        }
    }

    #[test]
    fn a_place_is_found_without_what_lies_before_it() {
        let original = original(3 * PIECE + 300);
        let mut file = written(&original);
        for offset in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE - 1, 3 * PIECE, 3 * PIECE + 299] {
            let place = before(&file, offset as u64);
            assert_eq!(place.original, (offset / PIECE * PIECE) as u64);
            file.seek(SeekFrom::Start(place.file)).unwrap();
            let mut rest = Vec::new();
            zstd::Decoder::new(&file).unwrap().read_to_end(&mut rest).unwrap();
            assert!(rest == original[place.original as usize..], "{offset}");
        }
    }

    #[test]
    fn what_does_not_say_how_long_it_is_is_read_from_its_beginning() {
        let original = original(PIECE + 5);
        let mut stream = zstd::Encoder::new(tempfile::tempfile().unwrap(), 1).unwrap();
        stream.write_all(&original).unwrap();
        assert_eq!(before(&stream.finish().unwrap(), PIECE as u64), Place::default());
        let mut garbage = tempfile::tempfile().unwrap();
        garbage.write_all(&original[..1000]).unwrap();
        assert_eq!(before(&garbage, 900), Place::default());
    }

    #[test]
    fn a_file_that_was_cut_or_damaged_ends_the_way() {
        let whole = original(3 * PIECE);
        let length = written(&whole).metadata().unwrap().len();
        for kept in [0, 3, 4, 5, 9, 12, length / 2, length - 1] {
            let file = written(&whole);
            file.set_len(kept).unwrap();
            assert!(before(&file, 3 * PIECE as u64).file <= kept);
            file.set_len(length).unwrap();
            assert!(before(&file, 3 * PIECE as u64).file <= length);
        }
    }
}
