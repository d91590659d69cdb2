//! How much came out of how much: the limits, kept while decoding.

use std::cell::Cell;
use std::io::{self, Read};

use super::{Limits, Refusal};

/// The ratio is looked at from here on: small files of zeros are no attack.
const RATIO_FROM: u64 = 16 << 20;

/// A decoder gives at most this at once, so that the limits are looked at often.
const STRIDE: usize = 1 << 20;

/// What is left of the limits of one evidence.
pub(super) struct Budget {
    pub(super) limits: Limits,
    decoded: Cell<u64>,
    members: Cell<u64>,
    spent: Cell<bool>,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), decoded: Cell::new(0), members: Cell::new(0), spent: Cell::new(false) }
    }

    /// A limit of the whole evidence was reached: nothing more is opened.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.get()
    }

    pub(super) fn member(&self) -> Result<(), Refusal> {
        self.members.set(self.members.get() + 1);
        if self.members.get() <= self.limits.members {
            return Ok(());
        }
        self.spent.set(true);
        Err(Refusal::TooManyMembers(self.limits.members))
    }

    fn decode(&self, bytes: u64) -> Result<(), Refusal> {
        self.decoded.set(self.decoded.get().saturating_add(bytes));
        if self.decoded.get() <= self.limits.total {
            return Ok(());
        }
        self.spent.set(true);
        Err(Refusal::TooMuch(self.limits.total))
    }
}

/// What one decoder has taken in.
#[derive(Default)]
pub(super) struct Tally {
    encoded: Cell<u64>,
    /// Reading below the decoder failed: that error says it better than the decoder's.
    failed: Cell<bool>,
}

/// The side of a decoder that reads.
pub(super) struct Encoded<'t, R> {
    pub(super) input: R,
    pub(super) tally: &'t Tally,
}

impl<R: Read> Read for Encoded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer) {
            Ok(n) => {
                self.tally.encoded.set(self.tally.encoded.get() + n as u64);
                Ok(n)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.tally.failed.set(true);
                }
                Err(error)
            }
        }
    }
}

/// The side of a decoder that gives: keeps the limits and puts the decoder's errors into words.
pub(super) struct Decoded<'t, R> {
    decoder: R,
    what: &'static str,
    tally: &'t Tally,
    budget: &'t Budget,
    given: u64,
    broken: Option<Refusal>,
}

impl<'t, R: Read> Decoded<'t, R> {
    pub(super) fn new(decoder: R, what: &'static str, tally: &'t Tally, budget: &'t Budget) -> Self {
        Self { decoder, what, tally, budget, given: 0, broken: None }
    }

    pub(super) fn into_decoder(self) -> R {
        self.decoder
    }

    fn check(&mut self, n: usize) -> Result<usize, Refusal> {
        self.given += n as u64;
        self.budget.decode(n as u64)?;
        let ratio = self.budget.limits.ratio;
        if self.given > RATIO_FROM && self.given / ratio.max(1) > self.tally.encoded.get() {
            return Err(Refusal::Bomb { what: self.what, ratio, after: self.given });
        }
        Ok(n)
    }
}

impl<R: Read> Read for Decoded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(refusal) = &self.broken {
            return Err(refusal.clone().into());
        }
        let stride = buffer.len().min(STRIDE);
        let result = match self.decoder.read(&mut buffer[..stride]) {
            Ok(n) => self.check(n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => match Refusal::of(&error) {
                Some(refusal) => Err(refusal.clone()),
                None if self.tally.failed.get() => return Err(error),
                None if error.kind() == io::ErrorKind::UnexpectedEof => Err(Refusal::EndsEarly { what: self.what, after: self.given }),
                None => Err(Refusal::Damaged { what: self.what, after: self.given, reason: error.to_string() }),
            },
        };
        result.map_err(|refusal| {
            self.broken = Some(refusal.clone());
            refusal.into()
        })
    }
}
