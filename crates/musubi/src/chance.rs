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

fn fill(bytes: &mut [u8]) {
    // A process that cannot have them must not go on as if it had.
    getrandom::fill(bytes).expect("the system gives random numbers");
}
