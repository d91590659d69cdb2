//! From events that nobody has been told of to drafts that are ready: one round of planning is one transaction.
//!
//! Whoever runs this twice changes nothing: a directive that is done is not done again, and what a round writes, it writes
//! whole. Only one process plans at a time.

mod people;
mod rows;

use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map};

use anyhow::Result;
use casework::act::finding::{Finding, SubjectKey};
use casework::act::ledger::Ledger;
use casework::act::letter::Role;
use casework::act::office::Holidays;
use casework::act::plan::{self, Counts, Waiting};
use casework::act::problem::Problem;
use casework::act::rules::Rules;
use casework::act::state::State;
use datafusion::arrow::array::RecordBatch;
use futures::TryStreamExt as _;
use jiff::Timestamp;
use store::directives::{Directive, events_of};
use store::events::Questions;
use store::home::Home;
use store::notices::{Change, Denial, Digest, Held, Plan};
use store::register::Register;
use tokio::runtime::Handle;

pub(crate) use people::{Everybody, May, People, Reached};
pub(crate) use rows::subjects;
use rows::{Rows, Shared};

/// How notices are made here.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) rules: Rules,
    pub(crate) holidays: Holidays,
    /// Nothing waits: every digest is ready at once.
    pub(crate) at_once: bool,
}

/// What a run of planning did.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    pub(crate) evidence: u64,
    pub(crate) events: u64,
    /// Events of which nobody could be told, since nobody is known who answers for them.
    pub(crate) nobody: u64,
    pub(crate) counts: Counts,
    pub(crate) denied: u64,
    pub(crate) waiting: u64,
    pub(crate) ready: Vec<String>,
}

/// Events planned in one transaction.
const EVENTS_A_ROUND: i64 = 4_000_000;
/// Evidence asked for in one question.
const EVIDENCE_A_QUESTION: usize = 500;

/// Plans all that is due. `progress` is told of events as they are read.
pub(crate) async fn prepare(
    home: &Home,
    register: &Register,
    desk: &Desk,
    now: Timestamp,
    progress: &mut dyn FnMut(u64),
) -> Result<Prepared> {
    let _one = home.planning()?;
    let mut done = Prepared::default();
    let everybody = Everybody::of(home, register, now).await?;
    let mut people = People::of(&everybody)?;
    let mut left = register.directives().await?;
    loop {
        let round = next_round(&mut left);
        let last = left.is_empty();
        let gathered = if round.is_empty() { Gathered::default() } else { gather(home, register, &mut people, &round, progress).await? };
        done.evidence += round.len() as u64;
        done.events += gathered.events;
        done.nobody += gathered.nobody;
        let plan = plan_round(register, desk, &mut people, gathered, &round, now, &mut done).await?;
        register.plan(&plan, &desk.rules, now.as_microsecond()).await?;
        if last {
            return Ok(done);
        }
    }
}

/// Takes directives off the front, as many as fit into a round.
fn next_round(left: &mut Vec<Directive>) -> Vec<Directive> {
    let mut events = 0;
    let fits = left.iter().take_while(|directive| {
        events += directive.events;
        events <= EVENTS_A_ROUND
    });
    // One that is larger than a round is a round of its own.
    let count = fits.count().clamp(usize::from(!left.is_empty()), left.len());
    left.drain(..count).collect()
}

/// Findings of a round by whom they concern: place of the party, role, problem.
#[derive(Default)]
struct Gathered {
    findings: BTreeMap<(usize, Role, Problem), Findings>,
    denials: HashMap<(usize, Role, Problem, i64), i64>,
    events: u64,
    nobody: u64,
}

#[derive(Default)]
struct Findings {
    list: Vec<Finding>,
    places: HashMap<(SubjectKey, i64), usize>,
}

impl Gathered {
    /// Takes in what another has gathered.
    fn join(&mut self, other: Self) {
        for (concerned, findings) in other.findings {
            match self.findings.entry(concerned) {
                btree_map::Entry::Vacant(place) => drop(place.insert(findings)),
                btree_map::Entry::Occupied(mut place) => findings.list.into_iter().for_each(|finding| place.get_mut().add(finding)),
            }
        }
        for (denied, events) in other.denials {
            *self.denials.entry(denied).or_default() += events;
        }
        self.events += other.events;
        self.nobody += other.nobody;
    }
}

impl Findings {
    fn add(&mut self, finding: Finding) {
        match self.places.entry((finding.key, finding.terms)) {
            std::collections::hash_map::Entry::Occupied(place) => self.list[*place.get()].absorb(&finding),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(self.list.len());
                self.list.push(finding);
            }
        }
    }
}

/// Reads the events of a round, on all cores.
async fn gather(
    home: &Home,
    register: &Register,
    people: &mut People<'_>,
    round: &[Directive],
    progress: &mut dyn FnMut(u64),
) -> Result<Gathered> {
    let questions = Questions::open(home, register).await?;
    let since = round.iter().map(|directive| directive.made_at).min().unwrap_or_default();
    people.know_givers(register).await?;
    let mut gathered = Gathered::default();
    for evidence in round.chunks(EVIDENCE_A_QUESTION) {
        let ids: Vec<String> = evidence.iter().map(|directive| directive.evidence.clone()).collect();
        let mut batches = events_of(&questions, &ids, since).await?;
        let part = tokio::task::block_in_place(|| {
            std::thread::scope(|scope| {
                let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
                let mut workers = Vec::with_capacity(cores);
                for _ in 0..cores {
                    let (give, given) = std::sync::mpsc::sync_channel(4);
                    let mut people = people.again();
                    workers.push((give, scope.spawn(move || look(&given, &mut people))));
                }
                let read = Handle::current().block_on(async {
                    let mut turn = 0;
                    while let Some(batch) = batches.try_next().await? {
                        progress(batch.num_rows() as u64);
                        // Whoever cannot be given any more has failed, and says so when it is joined.
                        if workers[turn % cores].0.send(batch).is_err() {
                            break;
                        }
                        turn += 1;
                    }
                    Ok::<_, anyhow::Error>(())
                });
                let mut whole = Gathered::default();
                for (give, worker) in workers {
                    drop(give);
                    whole.join(worker.join().map_err(|_| anyhow::anyhow!("a thread that read events ended"))??);
                }
                read.map(|()| whole)
            })
        })?;
        gathered.join(part);
    }
    Ok(gathered)
}

fn look(batches: &std::sync::mpsc::Receiver<RecordBatch>, people: &mut People<'_>) -> Result<Gathered> {
    let (mut gathered, mut shared) = (Gathered::default(), Shared::default());
    for batch in batches {
        let rows = Rows::of(&batch)?;
        for at in 0..rows.len() {
            take(&rows, at, people, &mut shared, &mut gathered);
        }
    }
    Ok(gathered)
}

fn take(rows: &Rows<'_>, at: usize, people: &mut People<'_>, shared: &mut Shared, gathered: &mut Gathered) {
    let Some(row) = rows.row(at) else { return };
    gathered.events += 1;
    let concerned = people.concerned(&row);
    if concerned.is_empty() {
        gathered.nobody += 1;
        return;
    }
    let mut finding = None;
    for (party, role) in concerned {
        match people.may(party, role, row.terms, people.giver(row.evidence)) {
            May::Know(_) => {
                let finding = finding.get_or_insert_with(|| rows.finding(&row, shared)).clone();
                gathered.findings.entry((party, role, row.problem)).or_default().add(finding);
            }
            May::Not(_) => *gathered.denials.entry((party, role, row.problem, row.terms)).or_default() += 1,
        }
    }
}

/// What changes by a round: digests, ledgers, denials.
async fn plan_round(
    register: &Register,
    desk: &Desk,
    people: &mut People<'_>,
    gathered: Gathered,
    round: &[Directive],
    now: Timestamp,
    done: &mut Prepared,
) -> Result<Plan> {
    let mut plan = Plan { considered: round.iter().map(|directive| directive.evidence.clone()).collect(), ..Plan::default() };
    let mut held: BTreeMap<Digest, (Held, bool)> =
        register.waiting().await?.into_iter().map(|held| (held.digest.clone(), (held, false))).collect();
    let mut ledgers: BTreeMap<(String, Role), Ledger> = BTreeMap::new();
    let told: BTreeSet<(String, Role)> = gathered.findings.keys().map(|(party, role, _)| (people.id(*party).to_string(), *role)).collect();
    let told: Vec<(String, Role)> = told.into_iter().collect();
    ledgers.extend(told.iter().cloned().map(|key| (key, Ledger::default())));
    ledgers.extend(register.ledgers(&told).await?);
    let mut passed_on: BTreeMap<(usize, Problem), Findings> = BTreeMap::new();
    for ((party, role, problem), findings) in gathered.findings {
        let line = if role == Role::NextInLine { Vec::new() } else { people.line_after(party) };
        let escalated =
            take_in(register, desk, people, &mut held, &mut ledgers, (party, role, problem), findings.list, line.len(), now, done).await?;
        for plan::Escalated { level, finding } in escalated {
            let Some(next) = line.get(usize::from(level) - 1) else { continue };
            match people.may(*next, Role::NextInLine, finding.terms, None) {
                May::Know(_) => passed_on.entry((*next, problem)).or_default().add(finding),
                May::Not(_) => {
                    plan.denials.push(denial(people, (*next, Role::NextInLine, problem), finding.terms, 1));
                    done.denied += 1;
                }
            }
        }
    }
    for ((party, problem), findings) in passed_on {
        take_in(register, desk, people, &mut held, &mut ledgers, (party, Role::NextInLine, problem), findings.list, 0, now, done).await?;
    }
    for ((party, role, problem, terms), findings) in gathered.denials {
        plan.denials.push(denial(people, (party, role, problem), terms, findings));
        done.denied += findings.unsigned_abs();
    }
    for (held, changed) in held.into_values() {
        settle(register, desk, people, held, changed, &mut ledgers, &mut plan, now, done).await?;
    }
    plan.ledgers = ledgers.into_iter().map(|((party, role), ledger)| (party, role, ledger)).collect();
    Ok(plan)
}

/// What a party was not told, with the reason that decided.
pub(crate) fn denial(people: &mut People<'_>, (party, role, problem): (usize, Role, Problem), terms: i64, findings: i64) -> Denial {
    let explained = people.explain(party, role, terms);
    let (rule, reason) = explained.reasons.last().map_or(("", String::new()), |reason| (reason.rule, reason.en.clone()));
    let digest = Digest { party: people.id(party).to_string(), role, problem };
    Denial { digest, terms, rule: rule.to_owned(), reason, findings }
}

#[allow(clippy::too_many_arguments)] // the state of one round; a struct of them would only rename it
async fn take_in(
    register: &Register,
    desk: &Desk,
    people: &People<'_>,
    held: &mut BTreeMap<Digest, (Held, bool)>,
    ledgers: &mut BTreeMap<(String, Role), Ledger>,
    (party, role, problem): (usize, Role, Problem),
    findings: Vec<Finding>,
    line: usize,
    now: Timestamp,
    done: &mut Prepared,
) -> Result<Vec<plan::Escalated>> {
    let digest = Digest { party: people.id(party).to_string(), role, problem };
    let ledger = ledger(register, ledgers, &digest).await?;
    let (held, changed) = held.entry(digest.clone()).or_insert_with(|| {
        let waiting = Waiting::default();
        (Held { id: String::new(), digest, waiting }, false)
    });
    let rule = desk.rules.of(problem);
    let line = u8::try_from(line).unwrap_or(u8::MAX);
    let (escalated, counts) = plan::take_in(findings, &mut held.waiting, ledger, &rule, line, now.as_second());
    *changed |= counts.new + counts.again + counts.joined > 0;
    done.counts += counts;
    Ok(escalated)
}

async fn ledger<'l>(register: &Register, ledgers: &'l mut BTreeMap<(String, Role), Ledger>, digest: &Digest) -> Result<&'l mut Ledger> {
    let key = (digest.party.clone(), digest.role);
    if !ledgers.contains_key(&key) {
        let kept = register.ledger(&digest.party, digest.role).await?;
        ledgers.insert(key.clone(), kept);
    }
    ledgers.get_mut(&key).ok_or_else(|| anyhow::anyhow!("a ledger that was just put there is gone"))
}

/// Is a digest ready, does it wait on, or is there nothing left of it?
#[allow(clippy::too_many_arguments)] // as above
async fn settle(
    register: &Register,
    desk: &Desk,
    people: &People<'_>,
    held: Held,
    changed: bool,
    ledgers: &mut BTreeMap<(String, Role), Ledger>,
    plan: &mut Plan,
    now: Timestamp,
    done: &mut Prepared,
) -> Result<()> {
    let Held { id, digest, waiting } = held;
    if waiting.findings.is_empty() {
        return Ok(());
    }
    let rule = desk.rules.of(digest.problem);
    let is_new = id.is_empty();
    let (id, token) = if is_new { people::names()? } else { (id, String::new()) };
    let micros = |seconds: i64| seconds.saturating_mul(1_000_000);
    let mut change = Change {
        id,
        token,
        digest,
        first_arrival: micros(waiting.first_arrival),
        last_arrival: micros(waiting.last_arrival),
        findings: Vec::new(),
        state: State::Waiting,
        send_after: None,
        reason: None,
    };
    if !desk.at_once && plan::ready_at(&waiting, &rule) > now.as_second() {
        done.waiting += 1;
        if changed || is_new {
            plan.changes.push(Change { findings: waiting.findings, ..change });
        }
        return Ok(());
    }
    let ledger = ledger(register, ledgers, &change.digest).await?;
    let (told, counts) = plan::ready(change.digest.problem, waiting, ledger, &desk.rules, now.as_second());
    done.counts += counts;
    match told {
        Some(findings) => {
            let nation = people.nation_of(&change.digest.party);
            let send_after = if rule.urgent || desk.at_once { now } else { desk.holidays.next_open(now, nation) };
            change = Change { findings, state: State::Ready, send_after: Some(send_after.as_microsecond()), ..change };
            done.ready.push(change.id.clone());
        }
        None => change = Change { state: State::Cancelled, reason: Some("below the threshold"), ..change },
    }
    plan.changes.push(change);
    Ok(())
}
