//! The first bytes of a stream, looked at before it is read.

use std::io::{self, Read};
use std::rc::Rc;

const HEAD: u64 = 64 << 10;

/// Up to 64 KiB from the start of `input`, and the error that ended them early.
pub(super) fn peek(input: &mut dyn Read) -> (Vec<u8>, Option<io::Error>) {
    let mut head = Vec::new();
    let failure = input.take(HEAD).read_to_end(&mut head).err();
    (head, failure)
}

/// A stream whose head was peeked, read from its start again. Past the head each read goes straight through.
pub(super) struct Headed<'a> {
    head: Rc<[u8]>,
    at: usize,
    failure: Option<io::Error>,
    rest: &'a mut dyn Read,
    whole: bool,
}

impl<'a> Headed<'a> {
    pub(super) fn new(head: Vec<u8>, failure: Option<io::Error>, rest: &'a mut dyn Read) -> Self {
        let whole = failure.is_none() && (head.len() as u64) < HEAD;
        Self { head: head.into(), at: 0, failure, rest, whole }
    }

    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    pub(super) fn share_head(&self) -> Rc<[u8]> {
        Rc::clone(&self.head)
    }

    /// The head is all there is.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }
}

impl Read for Headed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at < self.head.len() {
            let n = buffer.len().min(self.head.len() - self.at);
            buffer[..n].copy_from_slice(&self.head[self.at..self.at + n]);
            self.at += n;
            return Ok(n);
        }
        match self.failure.take() {
            Some(error) => Err(error),
            None if self.whole => Ok(0),
            None => self.rest.read(buffer),
        }
    }
}
