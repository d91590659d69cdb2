//! Places where a test can make things go wrong. In release builds there are none.
//!
//! `MUSUBI_FAULT` in a debug build, several separated by commas: `ack-before-commit` acknowledges files before their transaction and
//! dwells there (so that the crash tests can prove they see a loss); `die-at=PLACE:N` kills the process at the N-th pass of a place;
//! `commit-events=N`, `batch-events=N`, `small=BYTES`, `glance=N` make steps short, so that little evidence passes many of them; `clock-ahead=HOURS`
//! lets the clock go before that of the house, so that days can pass in a test.

#[cfg(debug_assertions)]
fn wish(name: &str) -> Option<&'static str> {
    static WISHES: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
    let wishes =
        WISHES.get_or_init(|| std::env::var("MUSUBI_FAULT").map(|w| w.split(',').map(str::to_owned).collect()).unwrap_or_default());
    wishes.iter().find_map(|wish| wish.strip_prefix(name)).and_then(|rest| rest.strip_prefix('=').or(rest.is_empty().then_some("")))
}

/// The broken variant that the crash tests must find out.
pub(crate) fn acknowledge_before_commit() -> bool {
    #[cfg(debug_assertions)]
    return wish("ack-before-commit").is_some();
    #[cfg(not(debug_assertions))]
    false
}

/// The size of a step.
pub(crate) fn size<T: std::str::FromStr>(_name: &str, ordinary: T) -> T {
    #[cfg(debug_assertions)]
    return wish(_name).and_then(|size| size.parse().ok()).unwrap_or(ordinary);
    #[cfg(not(debug_assertions))]
    ordinary
}

/// How far the clock is wrong.
pub(crate) fn clock_ahead() -> jiff::SignedDuration {
    #[cfg(debug_assertions)]
    return wish("clock-ahead").and_then(|hours| hours.parse().ok()).map_or(jiff::SignedDuration::ZERO, jiff::SignedDuration::from_hours);
    #[cfg(not(debug_assertions))]
    jiff::SignedDuration::ZERO
}

/// A place between two steps that must not be told apart by who comes after.
pub(crate) fn point(_place: &str) {
    #[cfg(debug_assertions)]
    {
        use std::sync::atomic::{AtomicU64, Ordering};
        static PASSED: AtomicU64 = AtomicU64::new(0);
        if _place == "acknowledged before commit" {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let Some((place, times)) = wish("die-at").and_then(|w| w.rsplit_once(':')) else { return };
        if place == _place && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == times.parse().unwrap_or(1) {
            std::process::abort();
        }
    }
}
