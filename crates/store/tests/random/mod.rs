//! Events without pattern, the same for the same seed.

use store::batch::EventBatch;
use store::home::Home;
use store::register::Register;
use store::segment;

/// Microseconds.
pub(crate) const DAY: i64 = 86_400_000_000;
pub(crate) const MONDAY: i64 = 20_535 * DAY;

/// Numbers without pattern; the same seed gives the same ones.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    pub(crate) fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len() as u64) as usize]
    }
}

/// A home with so many random events in several segments a day; `push` makes the event of a number.
pub(crate) async fn filled(
    seed: u64,
    batches: u64,
    events: u64,
    push: fn(&mut EventBatch, u64, &mut Random),
) -> (tempfile::TempDir, Home, Register) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    let register = Register::create(&home).await.unwrap();
    let mut random = Random(seed);
    for part in 0..batches {
        let mut batch = EventBatch::default();
        (0..events).filter(|n| n % batches == part).for_each(|n| push(&mut batch, n, &mut random));
        let rows = 0..u32::try_from(batch.len()).unwrap();
        let segments: Vec<_> = segment::by_time(&batch, rows).into_iter().map(|r| segment::write(&home, &batch, r, 1).unwrap()).collect();
        register.commit(&[], &segments).await.unwrap();
    }
    (folder, home, register)
}
