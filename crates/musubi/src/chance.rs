//! What nobody can foresee: numbers and names drawn at random.

use uuid::Uuid;

/// An unforeseeable number.
pub(crate) fn number() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// A random UUID (RFC 9562 §5.4).
pub(crate) fn uuid() -> Uuid {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// A UUID that lies behind all of earlier milliseconds (version 7, RFC 9562 §5.7), so that an index of such names grows at its end.
pub(crate) fn rising(now: jiff::Timestamp) -> Uuid {
    let mut random = [0; 10];
    fill(&mut random);
    uuid::Builder::from_unix_timestamp_millis(now.as_millisecond().unsigned_abs(), &random).into_uuid()
}

fn fill(bytes: &mut [u8]) {
    // A process that cannot have them must not go on as if it had.
    getrandom::fill(bytes).expect("the system gives random numbers");
}
