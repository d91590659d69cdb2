//! How is what an outside party gives kept apart from the same bytes of somebody else? In an envelope that names the party: an archive of
//! one member (tar, POSIX.1-1988 ustar), `PARTY/NAME`.
//!
//! Evidence is known by its bytes and kept once. Without an envelope a party would hear by "known" what others gave, and whoever gives a
//! public list before we fetch it would decide under which terms we hold it. The same party giving the same file again gives the same bytes.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use casework::model::party::PartyId;

const BLOCK: usize = 512;

/// Puts a file into an envelope.
///
/// # Errors
/// When one cannot be read or the other cannot be written.
pub(crate) fn seal(file: &Path, party: &PartyId, name: &str, into: &Path) -> io::Result<()> {
    let mut input = File::open(file)?;
    let size = input.metadata()?.len();
    let mut out = File::create(into)?;
    out.write_all(&header(party, name, size)?)?;
    let copied = io::copy(&mut (&mut input).take(size), &mut out)?;
    if copied != size {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"));
    }
    let rest = (BLOCK - (size % BLOCK as u64) as usize) % BLOCK;
    // Two empty blocks end an archive.
    out.write_all(&vec![0; rest + 2 * BLOCK])
}

/// The path of what is in the envelope, as it stands before paths in it.
pub(crate) fn inside(party: &PartyId, name: &str) -> String {
    format!("{name}/{party}/")
}

/// Nothing in it but name, size and what must be there.
fn header(party: &PartyId, name: &str, size: u64) -> io::Result<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, member(name).as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    if size >= 1 << 33 {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 8 GiB"));
    }
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\0");
    put(263, b"00");
    put(345, party.as_str().as_bytes());
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(block)
}

/// The name as it fits: at most 100 bytes, its ending kept, since formats are told by it too.
fn member(name: &str) -> String {
    let name: String = name.chars().map(|c| if c == '/' || c == '\\' || c.is_control() { '_' } else { c }).collect();
    let name = if name.is_empty() || name.chars().all(|c| c == '.') { "upload".to_owned() } else { name };
    let from = name.char_indices().map(|(at, _)| at).find(|at| name.len() - at <= 100).unwrap_or(0);
    name[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use formats::unpack::{Limits, Next, Part, Refusal, Spool, Visitor, walk};

    use super::*;

    #[derive(Default)]
    struct Seen(Vec<(String, Vec<u8>)>);

    impl Visitor for Seen {
        fn part(&mut self, part: &Part<'_>, input: &mut dyn io::Read) -> io::Result<Next> {
            let mut bytes = Vec::new();
            input.read_to_end(&mut bytes)?;
            self.0.push((part.path.to_owned(), bytes));
            Ok(Next::Continue)
        }

        fn refused(&mut self, path: &str, reason: Refusal) {
            panic!("{path}: {reason}");
        }

        fn spool(&mut self) -> io::Result<Box<dyn Spool>> {
            Ok(Box::new(io::Cursor::new(Vec::new())))
        }
    }

    #[test]
    fn what_was_put_in_comes_out_and_names_who_gave_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, sealed) = (folder.path().join("f"), folder.path().join("t"));
        let (isp, other): (PartyId, PartyId) = ("isp".parse().unwrap(), "other".parse().unwrap());
        for size in [1, 511, 512, 513, 100_000] {
            let bytes: Vec<u8> = (0..size).map(|n| b'a' + (n % 23) as u8).collect();
            std::fs::write(&file, &bytes).unwrap();
            seal(&file, &isp, "../a.csv", &sealed).unwrap();
            let mut seen = Seen::default();
            walk("a.csv", &mut File::open(&sealed).unwrap(), &Limits::default(), &mut seen).unwrap();
            assert_eq!(seen.0, [(inside(&isp, "a.csv") + ".._a.csv", bytes)]);
        }
        let read = |party: &PartyId| {
            seal(&file, party, "a.csv", &sealed).unwrap();
            std::fs::read(&sealed).unwrap()
        };
        assert_eq!(read(&isp), read(&isp), "the same again is the same");
        assert_ne!(read(&isp), read(&other), "what two parties give is two things");
    }

    #[test]
    fn a_name_fits_and_keeps_its_ending() {
        assert_eq!(member("a/b.csv"), "a_b.csv");
        assert_eq!(member(".."), "upload");
        let long = member(&("結".repeat(200) + ".jsonl"));
        assert!(long.len() <= 100 && long.ends_with(".jsonl"), "{long}");
    }
}
