//! How much may one client ask? A bucket of tokens a client (each request takes one, time refills it), and a pause for those who guess.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Buckets of all clients.
#[derive(Debug)]
pub(crate) struct Rates<K> {
    per_second: f64,
    burst: f64,
    buckets: Mutex<HashMap<K, (f64, Instant)>>,
}

/// Buckets that are remembered; a full one is forgotten, since a new one is full too.
const REMEMBERED: usize = 100_000;

impl<K: Clone + Eq + Hash> Rates<K> {
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second: f64::from(per_second), burst: f64::from(burst), buckets: Mutex::default() }
    }

    /// Takes one; else says how long to wait.
    ///
    /// # Errors
    /// The time until one is there again.
    pub(crate) fn take(&self, client: &K, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED && !buckets.contains_key(client) {
            let (burst, rate) = (self.burst, self.per_second);
            buckets.retain(|_, (left, at)| *left + now.duration_since(*at).as_secs_f64() * rate < burst);
        }
        let (left, at) = buckets.entry(client.clone()).or_insert((self.burst, now));
        *left = (*left + now.duration_since(*at).as_secs_f64() * self.per_second).min(self.burst);
        *at = now;
        if *left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - *left) / self.per_second.max(0.001)));
        }
        *left -= 1.0;
        Ok(())
    }

    /// Whether one is left, without taking it.
    pub(crate) fn is_left(&self, client: &K, now: Instant) -> bool {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get(client).is_none_or(|(left, at)| left + now.duration_since(*at).as_secs_f64() * self.per_second >= 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate_and_nobody_pays_for_another() {
        let rates = Rates::new(2, 3);
        let start = Instant::now();
        assert!((0..3).all(|_| rates.take(&"a", start).is_ok()));
        assert_eq!(rates.take(&"a", start), Err(Duration::from_millis(500)));
        assert!(rates.take(&"b", start).is_ok());
        assert!(!rates.is_left(&"a", start) && rates.is_left(&"b", start));
        assert!(rates.take(&"a", start + Duration::from_millis(500)).is_ok());
        assert!(rates.take(&"a", start + Duration::from_millis(600)).is_err());
        assert!((0..3).all(|_| rates.take(&"a", start + Duration::from_secs(60)).is_ok()));
    }
}
