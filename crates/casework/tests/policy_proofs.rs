//! Are the laws true in every universe, and is what is proved what our program does?
//!
//! `policy_laws.py` holds the rules a second time, in Python: z3 proves the laws of them, and the same functions decide cases
//! that our program decided, with equal outcome. Needs python3 and z3-solver from a package registry; without them it is
//! skipped, and says so.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stderr, reason = "a test that starts another program")]

#[path = "policy/universe.rs"]
mod universe;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use casework::model::party::{Party, PartyKind};
use casework::model::terms::{Encryption, Leave, Terms, VictimData};
use casework::share::{Affected, Denial, Redaction};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use universe::{Case, World, at, case, party_id, terms, world};

const CASES: usize = 20_000;

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policy_laws.py")
}

/// The last line that a program said.
fn last(output: &Output) -> String {
    let all = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&all).lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
}

fn run(program: &Path, arguments: &[&str]) -> Result<Output, String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{}: {error}", program.display()))?;
    if output.status.success() { Ok(output) } else { Err(last(&output)) }
}

/// A Python with z3: made once in the target folder.
fn python_with_z3() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("policy-python");
    let python = folder.join("bin/python3");
    if run(&python, &["-c", "import z3"]).is_err() {
        run(Path::new("python3"), &["-m", "venv", &folder.to_string_lossy()])?;
        run(
            &python,
            &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout", "20", "--retries", "1", "z3-solver"],
        )?;
        run(&python, &["-c", "import z3"])?;
    }
    Ok(python)
}

#[test]
fn every_law_is_proved_for_every_universe() {
    let python = match python_with_z3() {
        Ok(python) => python,
        Err(reason) => return eprintln!("skipped: z3-solver cannot be had: {reason}"),
    };
    let output = Command::new(python).arg(script()).arg("prove").output().expect("it ran before");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.matches("proved ").count() >= 24, "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_proved_are_the_rules_of_our_program() {
    if let Err(reason) = run(Path::new("python3"), &["--version"]) {
        return eprintln!("skipped: python3 cannot be had: {reason}");
    }
    let mut runner = TestRunner::deterministic();
    let drawn = (world(), terms(), terms(), case());
    let mut lines = String::new();
    for _ in 0..CASES {
        let (world, terms, other, case) = drawn.new_tree(&mut runner).expect("a case").current();
        writeln!(lines, "{}", decided(&world, &terms, &other, case)).expect("a string takes everything");
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("policy-cases.jsonl");
    std::fs::write(&file, lines).expect("the target folder can be written");
    let output = Command::new("python3").arg(script()).arg("compare").arg(&file).output().expect("it ran before");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&format!("{CASES} cases, 0 different")), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// A case in the words of the script, with what our program decides.
fn decided(world: &World, terms: &Terms, other: &Terms, case: Case) -> Value {
    let universe = world.universe();
    let compiled = universe.compile(terms);
    let question = case.question(&universe, &compiled);
    let holder = case.holder(&universe);
    let decision = holder.decide(&question);
    let held = holder.transfer(&compiled, question.to);
    let (me, to) = (&world.parties[usize::from(case.holder)], &world.parties[usize::from(case.to)]);
    let agreements: Vec<Value> = world
        .agreements
        .iter()
        .map(|agreement| {
            let party_to = |party: &Party| {
                agreement.parties.contains(&party.id) || agreement.communities.iter().any(|c| party.communities.contains(c))
            };
            let covers = party_to(me)
                && party_to(to)
                && agreement.purposes.contains(&case.purpose)
                && (agreement.channels.is_empty() || agreement.channels.contains(&case.channel));
            let ends = [agreement.validity.until, agreement.revoked_at].into_iter().flatten().min();
            let second = |time: jiff::Timestamp| time.as_second();
            json!({"covers": covers, "max": agreement.max_tlp as u8, "from": agreement.validity.from.map_or(NEVER_BEFORE, second),
                   "until": ends.map_or(NEVER_AFTER, second)})
        })
        .collect();
    let denial = decision.denial().map(Denial::code);
    let redactions: Vec<bool> = match denial {
        Some(_) => Vec::new(),
        None => [Redaction::ProviderIdentity, Redaction::VictimIdentity, Redaction::PersonalData]
            .into_iter()
            .map(|redaction| decision.redactions().holds(redaction))
            .collect(),
    };
    json!({
        "terms": encoded(terms, to),
        "other": encoded(other, to),
        "circumstances": {
            "same": case.holder == case.to, "client": to.clients_of.contains(&me.id), "public": to.kind == PartyKind::Public,
            "provider": case.provider == Some(case.to), "affected": case.affected == Affected::Yes, "unaffected": case.affected == Affected::No,
            "consent": case.consent, "paying": case.paying, "encrypted": case.channel.is_encrypted(),
            "hcom": communities(&me.communities), "tcom": communities(&to.communities), "now": at(case.now).as_second(),
        },
        "agreements": agreements,
        "denial": denial,
        "redactions": redactions,
        "transfer": [held.tlp as u8, held.community.is_some(), held.community.as_ref().map_or(0, communities)],
        "join": encoded(&terms.join(other), to),
    })
}

const NEVER_BEFORE: i64 = -1_000_000;
const NEVER_AFTER: i64 = 1_000_000;

fn communities(names: &std::collections::BTreeSet<String>) -> u8 {
    names
        .iter()
        .map(|name| match name.as_str() {
            "A" => 1,
            "B" => 2,
            _ => 4,
        })
        .sum()
}

fn encoded(terms: &Terms, to: &Party) -> Value {
    let within = terms.audience.as_ref().is_none_or(|audience| audience.contains(&to.id));
    let victims = match terms.victims {
        VictimData::Open => 0,
        VictimData::NoPersonalData => 1,
        VictimData::NoIdentity => 2,
    };
    json!({
        "tlp": terms.tlp as u8, "pap": terms.pap as u8, "act": terms.action as u8, "vic": victims,
        "emb": terms.embargo.map_or(NEVER_BEFORE, |time| time.as_second()), "exp": terms.expiry.map_or(NEVER_AFTER, |time| time.as_second()),
        "notify": terms.notify == Leave::MustNot, "named": terms.attribution.named, "anon": terms.attribution.anonymous,
        "resale": terms.resale == Leave::MustNot, "crypt": terms.encryption == Encryption::Must,
        "hasaud": terms.audience.is_some(), "inaud": within, "hascom": terms.community.is_some(),
        "com": terms.community.as_ref().map_or(0, communities), "rcp": terms.recipients.contains(&to.id),
    })
}

#[test]
fn the_cases_that_are_compared_reach_every_rule() {
    let mut runner = TestRunner::deterministic();
    let drawn = (world(), terms(), terms(), case());
    let mut reached = std::collections::BTreeMap::<String, usize>::new();
    for _ in 0..CASES {
        let (world, terms, other, case) = drawn.new_tree(&mut runner).expect("a case").current();
        assert!(world.parties[usize::from(case.to)].id == party_id(case.to));
        let decided = decided(&world, &terms, &other, case);
        *reached.entry(decided["denial"].as_str().unwrap_or("allowed").to_owned()).or_default() += 1;
    }
    let rare: Vec<_> = Denial::ALL.into_iter().filter(|d| *d != Denial::Unknown && reached.get(d.code()).is_none_or(|n| *n < 5)).collect();
    assert!(rare.is_empty() && reached["allowed"] > 100, "{reached:?}");
}
