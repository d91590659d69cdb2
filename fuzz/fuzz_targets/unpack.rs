//! Containers, all of them, nested in any way, under small limits.
#![cfg_attr(feature = "run", no_main)]

use std::io::{self, Cursor, Read};

use formats::unpack::{Limits, Next, Part, Refusal, Spool, Visitor, walk};

const LIMITS: Limits = Limits { depth: 4, ratio: 100, total: 4 << 20, members: 64, mail: 1 << 20 };

#[derive(Default)]
struct Counting<'n> {
    name: &'n str,
    parts: u64,
    refusals: u64,
    bytes: u64,
}

impl Visitor for Counting<'_> {
    fn wants_whole(&mut self, path: &str, _: &[u8]) -> bool {
        path.ends_with("whole")
    }

    fn part(&mut self, part: &Part<'_>, input: &mut dyn Read) -> io::Result<Next> {
        self.parts += 1;
        let inside = part.path.strip_prefix(self.name).expect("a path begins with the evidence's own name");
        assert!(part.head.len() <= 64 << 10 && !inside.split('/').any(|step| step == ".."), "{inside}");
        let mut start = vec![0; part.head.len()];
        input.read_exact(&mut start)?;
        assert_eq!(start, part.head, "the head is not what comes first");
        let rest = io::copy(input, &mut io::sink())?;
        assert!(!part.whole || rest == 0, "more comes after the whole");
        self.bytes += start.len() as u64 + rest;
        Ok(Next::Continue)
    }

    fn refused(&mut self, _: &str, reason: Refusal) {
        self.refusals += 1;
        assert!(!reason.to_string().is_empty());
    }

    fn spool(&mut self) -> io::Result<Box<dyn Spool>> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }
}

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let (name, bytes) = musubi_fuzz::named(input);
    let mut seen = Counting { name, ..Counting::default() };
    walk(name, &mut Cursor::new(bytes), &LIMITS, &mut seen).expect("neither input nor visitor fails");
    assert!(seen.parts <= LIMITS.members && seen.refusals <= 4 * LIMITS.members, "{} parts, {} refusals", seen.parts, seen.refusals);
    // A leaf in another encoding grows when it becomes UTF-8; what was not in a container counts for nothing.
    assert!(seen.bytes <= 3 * (LIMITS.total + (1 << 20) + bytes.len() as u64), "{} bytes", seen.bytes);
});
