//! How many decisions does a core make in a second, with thousands of parties and agreements?
//!
//! ```text
//! cargo run --release -p casework --example policy_speed
//! ```
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a measurement needs a clock and says what it found"
)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Instant;

use casework::model::agreement::{Agreement, AgreementKind, Channel, Purpose};
use casework::model::party::{Party, PartyKind, Provenance, Validity};
use casework::model::terms::{Attribution, Leave, Terms, Tlp, VictimData};
use casework::share::{Affected, Compiled, Outcome, PartyNumber, Question, Universe};
use jiff::Timestamp;

fn main() {
    for (parties, agreements, communities) in [(10, 20, 4), (1_000, 2_000, 40), (10_000, 5_000, 200)] {
        measure(parties, agreements, communities);
    }
}

fn measure(parties: u64, agreements: u64, communities: u64) {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let id = |n: u64| format!("p{n}").parse().expect("a name");
    let some = |chance: &mut Chance, of: u64, most: u64| (0..chance.below(most + 1)).map(|_| chance.below(of)).collect::<Vec<_>>();
    let people: Vec<Party> = (0..parties)
        .map(|n| Party {
            id: id(n),
            name: format!("Party {n}"),
            name_ja: None,
            kind: if n % 50 == 49 { PartyKind::Public } else { PartyKind::Csirt },
            nation: None,
            sectors: BTreeSet::new(),
            communities: some(&mut chance, communities, 4).into_iter().map(|c| format!("c{c}")).collect(),
            clients_of: some(&mut chance, parties.min(20), 3).into_iter().map(id).collect(),
            constituency: Vec::new(),
            contacts: Vec::new(),
            provenance: Provenance::Own,
            validity: Validity::default(),
        })
        .collect();
    // Our own is party to most of them: so it is for a hub of sharing.
    let basis: Vec<Agreement> = (0..agreements)
        .map(|n| Agreement {
            id: format!("a{n}"),
            name: String::new(),
            kind: AgreementKind::Multilateral,
            parties: some(&mut chance, parties, 6).into_iter().chain((n % 4 != 0).then_some(0)).map(id).collect(),
            communities: if n % 100 == 0 { [format!("c{}", n / 100 % communities)].into() } else { BTreeSet::new() },
            max_tlp: Tlp::ALL[chance.below(5) as usize],
            purposes: Purpose::ALL.into_iter().filter(|_| chance.below(3) > 0).collect(),
            channels: BTreeSet::new(),
            validity: Validity::default(),
            revoked_at: (chance.below(10) == 0).then_some(Timestamp::UNIX_EPOCH),
            reference: String::new(),
        })
        .collect();
    let start = Instant::now();
    let universe = Universe::new(&people, &basis);
    let compiled = start.elapsed();
    let start = Instant::now();
    let holder = universe.holder(universe.number(&id(0)).expect("it is there"));
    println!(
        "{parties} parties, {agreements} agreements, {communities} communities: compiled in {compiled:.1?}, holder in {:.1?}",
        start.elapsed()
    );
    let now: Timestamp = "2026-06-01T00:00:00Z".parse().expect("a time");
    let terms: Vec<Compiled> = (0..256).map(|_| universe.compile(&some_terms(&mut chance, parties, communities, now))).collect();
    let recipients: Vec<PartyNumber> = universe.parties().map(|(number, _)| number).collect();
    let asked: Vec<(usize, PartyNumber, Purpose)> = (0..1 << 20)
        .map(|_| (chance.below(256) as usize, recipients[chance.below(parties) as usize], Purpose::ALL[chance.below(5) as usize]))
        .collect();
    let mut each = Vec::new();
    let (mut allowed, mut redacted) = (0_u64, 0_u64);
    for run in asked.chunks(1 << 14) {
        let start = Instant::now();
        for (at, to, purpose) in run {
            let question = Question {
                terms: &terms[*at],
                to: *to,
                provider: None,
                affected: Affected::Perhaps,
                consent: false,
                paying: false,
                purpose: *purpose,
                channel: Channel::Portal,
                now,
            };
            match black_box(holder.decide(black_box(&question))).outcome() {
                Outcome::Allow => allowed += 1,
                Outcome::AllowWithRedaction => redacted += 1,
                Outcome::Deny => {}
            }
        }
        each.push(start.elapsed().as_secs_f64() / run.len() as f64);
    }
    each.sort_by(f64::total_cmp);
    let median = each[each.len() / 2];
    let percent = |n: u64| 100 * n / asked.len() as u64;
    println!(
        "  {:.1} ns, {:.1} M decisions/s; {}% allowed, {}% with redaction",
        median * 1e9,
        1e-6 / median,
        percent(allowed + redacted),
        percent(redacted)
    );
}

fn some_terms(chance: &mut Chance, parties: u64, communities: u64, now: Timestamp) -> Terms {
    let mut terms = Terms::of(Tlp::ALL[chance.below(5) as usize]);
    let one_in = |chance: &mut Chance, n: u64| chance.below(n) == 0;
    terms.attribution = Attribution::ALL[if one_in(chance, 20) { 3 } else { chance.below(3) as usize }];
    terms.notify = if one_in(chance, 8) { Leave::MustNot } else { Leave::May };
    terms.victims = VictimData::ALL[chance.below(3) as usize];
    terms.expiry = one_in(chance, 8).then_some(now);
    terms.audience = one_in(chance, 4).then(|| (0..parties).step_by(3).map(|n| format!("p{n}").parse().expect("a name")).collect());
    terms.community = one_in(chance, 4).then(|| (0..communities).step_by(2).map(|n| format!("c{n}")).collect());
    terms.recipients = (0..chance.below(4)).map(|_| format!("p{}", chance.below(parties)).parse().expect("a name")).collect();
    terms
}

/// xorshift64*: the same universe in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % end.max(1)
    }
}
