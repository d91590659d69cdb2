//! Places where a test can make things go wrong. In release builds there are none.
//!
//! `MUSUBI_FAULT` in a debug build: `ack-before-commit` acknowledges a file before its transaction (so that the crash tests can
//! prove they see a loss); `die-at=PLACE:N` kills the process at the N-th pass of a place.

#[cfg(debug_assertions)]
fn wish() -> Option<&'static str> {
    static WISH: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    WISH.get_or_init(|| std::env::var("MUSUBI_FAULT").ok()).as_deref()
}

/// The broken variant that the crash tests must find out.
pub(crate) fn acknowledge_before_commit() -> bool {
    #[cfg(debug_assertions)]
    return wish() == Some("ack-before-commit");
    #[cfg(not(debug_assertions))]
    false
}

/// A place between two steps that must not be told apart by who comes after.
pub(crate) fn point(_place: &str) {
    #[cfg(debug_assertions)]
    {
        use std::sync::atomic::{AtomicU64, Ordering};
        static PASSED: AtomicU64 = AtomicU64::new(0);
        let Some((place, times)) = wish().and_then(|w| w.strip_prefix("die-at=")).and_then(|w| w.rsplit_once(':')) else { return };
        if place == _place && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == times.parse().unwrap_or(1) {
            std::process::abort();
        }
    }
}
