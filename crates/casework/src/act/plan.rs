//! From what was seen to what is told: the digests of one party.
//!
//! A digest first waits: what comes in a burst is told once, and each subject in it only once. When it is ready, what reached
//! the threshold is told and entered into the ledger; the rest is let go and counted.

use hashbrown::HashMap;

use super::finding::{Finding, SubjectKey};
use super::ledger::{Ledger, Why};
use super::problem::Problem;
use super::rules::{Rule, Rules};

/// A digest that waits. Times in seconds since 1970, UTC.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waiting {
    pub findings: Vec<Finding>,
    /// When its first and last events came to us.
    pub first_arrival: i64,
    pub last_arrival: i64,
}

/// What became of findings.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Joined a digest for the first time.
    pub new: u64,
    /// Told before, due to be told again.
    pub again: u64,
    /// Already in a digest that waits.
    pub joined: u64,
    /// Told lately: nobody is told again.
    pub known: u64,
    /// Went up the line.
    pub escalated: u64,
    /// Let go, since too few events were seen in all the time.
    pub below_threshold: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.again += other.again;
        self.joined += other.joined;
        self.known += other.known;
        self.escalated += other.escalated;
        self.below_threshold += other.below_threshold;
    }
}

/// A finding that goes to the `level`-th in line after the party.
#[derive(Clone, Debug, PartialEq)]
pub struct Escalated {
    pub level: u8,
    pub finding: Finding,
}

/// Takes findings of one kind of problem into the digest that waits.
///
/// `line` is how many could be told after this party. What goes up the line is returned.
pub fn take_in(
    findings: Vec<Finding>,
    waiting: &mut Waiting,
    ledger: &mut Ledger,
    rule: &Rule,
    line: u8,
    now: i64,
) -> (Vec<Escalated>, Counts) {
    let mut counts = Counts::default();
    let mut escalated = Vec::new();
    let mut places: HashMap<(SubjectKey, i64), usize> = waiting.findings.iter().enumerate().map(|(at, f)| ((f.key, f.terms), at)).collect();
    if waiting.findings.is_empty() {
        waiting.first_arrival = now;
    }
    for finding in findings {
        if let Some(at) = places.get(&(finding.key, finding.terms)) {
            waiting.findings[*at].absorb(&finding);
            waiting.last_arrival = now;
            counts.joined += 1;
            continue;
        }
        let judgement = ledger.judge(finding.key, finding.last_seen / 1_000_000, now, rule, line);
        if let Some(level) = judgement.escalate {
            let told = ledger.entry(finding.key).map(|entry| entry.first_told);
            escalated.push(Escalated { level, finding: Finding { told_before: told, ..finding.clone() } });
            counts.escalated += 1;
        }
        match judgement.tell {
            Some(Why::New) => counts.new += 1,
            Some(Why::Again) => counts.again += 1,
            None => {
                counts.known += 1;
                continue;
            }
        }
        places.insert((finding.key, finding.terms), waiting.findings.len());
        waiting.findings.push(finding);
        waiting.last_arrival = now;
    }
    (escalated, counts)
}

/// When a digest that waits is ready.
pub fn ready_at(waiting: &Waiting, rule: &Rule) -> i64 {
    (waiting.last_arrival + rule.quiet).min(waiting.first_arrival + rule.longest_wait)
}

/// The findings of a ready digest, worst first, entered into the ledger; `None` when nothing of it reached the threshold.
pub fn ready(problem: Problem, waiting: Waiting, ledger: &mut Ledger, rules: &Rules, now: i64) -> (Option<Vec<Finding>>, Counts) {
    let rule = rules.of(problem);
    // A subject seen under several terms reaches the threshold by all its events together.
    let mut events: HashMap<SubjectKey, u32> = HashMap::new();
    for finding in &waiting.findings {
        let sum = events.entry(finding.key).or_default();
        *sum = sum.saturating_add(finding.events);
    }
    let all = waiting.findings.len();
    let mut told: Vec<Finding> = waiting.findings.into_iter().filter(|f| events[&f.key] >= rule.threshold).collect();
    told.sort_unstable_by(Finding::worse);
    for finding in &told {
        ledger.tell(finding.key, problem, finding.last_seen / 1_000_000, now);
    }
    let counts = Counts { below_threshold: (all - told.len()) as u64, ..Counts::default() };
    ((!told.is_empty()).then_some(told), counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;
    const NOON: i64 = 1_800_000_000;

    fn seen(subject: u8, at: i64) -> Finding {
        Finding { key: SubjectKey([subject; 16]), events: 1, first_seen: at * 1_000_000, last_seen: at * 1_000_000, ..Finding::default() }
    }

    fn take(waiting: &mut Waiting, ledger: &mut Ledger, rule: &Rule, findings: Vec<Finding>, now: i64) -> (Vec<Escalated>, Counts) {
        take_in(findings, waiting, ledger, rule, 1, now)
    }

    #[test]
    fn a_burst_is_told_once_and_not_before_it_is_over() {
        let (mut waiting, mut ledger, rules) = (Waiting::default(), Ledger::default(), Rules::default());
        let rule = rules.of(Problem::Compromised);
        for minute in 0..50 {
            let now = NOON + minute * 60;
            take(&mut waiting, &mut ledger, &rule, vec![seen(1, now), seen(2, now)], now);
            assert!(ready_at(&waiting, &rule) > now);
        }
        assert_eq!(waiting.findings.iter().map(|f| f.events).collect::<Vec<_>>(), [50, 50]);
        assert_eq!(ready_at(&waiting, &rule), NOON + 49 * 60 + HOUR);
        let (told, _) = ready(Problem::Compromised, waiting, &mut ledger, &rules, NOON + 2 * HOUR);
        assert_eq!(told.map(|t| t.len()), Some(2));
    }

    #[test]
    fn a_burst_without_end_is_told_all_the_same() {
        let (mut waiting, mut ledger) = (Waiting::default(), Ledger::default());
        let rule = Rules::default().of(Problem::Compromised);
        for hour in 0..12 {
            take(&mut waiting, &mut ledger, &rule, vec![seen(1, NOON)], NOON + hour * HOUR);
        }
        assert_eq!(ready_at(&waiting, &rule), NOON + 12 * HOUR);
    }

    #[test]
    fn what_was_told_is_not_told_tomorrow_and_goes_up_the_line_when_it_stays() {
        let (mut ledger, rules) = (Ledger::default(), Rules::default());
        let rule = rules.of(Problem::Compromised);
        let mut first = Waiting::default();
        take(&mut first, &mut ledger, &rule, vec![seen(1, NOON)], NOON);
        ready(Problem::Compromised, first, &mut ledger, &rules, NOON + HOUR);

        let mut next = Waiting::default();
        let tomorrow = NOON + 24 * HOUR;
        let (_, counts) = take(&mut next, &mut ledger, &rule, vec![seen(1, tomorrow)], tomorrow);
        assert_eq!((counts.known, next.findings.len()), (1, 0));

        let late = NOON + 15 * 24 * HOUR;
        let (escalated, counts) = take(&mut next, &mut ledger, &rule, vec![seen(1, late)], late);
        assert_eq!((escalated[0].level, escalated[0].finding.told_before), (1, Some(NOON + HOUR)));
        assert_eq!((counts.again, counts.escalated), (1, 1));
    }

    #[test]
    fn one_knock_is_no_attack_where_three_are_asked_for() {
        let rules = Rules::read("[attacking]\nthreshold = 3").expect("rules");
        let (mut waiting, mut ledger) = (Waiting::default(), Ledger::default());
        let rule = rules.of(Problem::Attacking);
        for (subject, times) in [(1, 3), (2, 2)] {
            for _ in 0..times {
                take_in(vec![seen(subject, NOON)], &mut waiting, &mut ledger, &rule, 0, NOON);
            }
        }
        let (told, counts) = ready(Problem::Attacking, waiting, &mut ledger, &rules, NOON);
        assert_eq!(told.expect("one is told")[0].key, SubjectKey([1; 16]));
        assert_eq!(counts.below_threshold, 1);
        assert!(ledger.entry(SubjectKey([2; 16])).is_none());
    }

    #[test]
    fn under_other_terms_it_is_another_line() {
        let (mut waiting, mut ledger) = (Waiting::default(), Ledger::default());
        let rule = Rules::default().of(Problem::Compromised);
        let strict = Finding { terms: 2, ..seen(1, NOON) };
        take(&mut waiting, &mut ledger, &rule, vec![seen(1, NOON), strict], NOON);
        assert_eq!(waiting.findings.len(), 2);
    }
}
