//! An outside judge for the takedown: SPIN walks a model whose every transition is written out of our own function, beside a world that
//! it does not know of (a sensor that comes and goes, a threat that comes back), and checks what must never be.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "starts SPIN in a folder of its own")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use casework::verify::quiet::QuietPeriod;
use casework::verify::takedown::{Happening, PeerOutcome, Shown, Status, happenings, step};

const NEEDED: u16 = 3;

/// From one numbered status to another.
type Move = (usize, Happening, usize);

/// All that can be reached, numbered; counts other than silent days do not decide anything.
fn reachable() -> (BTreeMap<Status, usize>, Vec<Move>) {
    let needed = QuietPeriod::from_days(i64::from(NEEDED)).unwrap();
    let plain = |status: Status| Status { reinfections: 0, escalations: 0, quiet_days: status.quiet_days.min(NEEDED), ..status };
    let (mut numbers, mut open, mut moves) = (BTreeMap::from([(Status::NEW, 0)]), vec![Status::NEW], Vec::new());
    while let Some(status) = open.pop() {
        for happening in happenings() {
            let Ok(after) = step(status, happening, needed).map(plain) else { continue };
            let next = numbers.len();
            let to = *numbers.entry(after).or_insert_with(|| {
                open.push(after);
                next
            });
            moves.push((numbers[&status], happening, to));
        }
    }
    (numbers, moves)
}

/// The model. `silent` counts what the world knows: whole days watched since the threat was last seen.
fn promela(claim: &str) -> String {
    let (numbers, moves) = reachable();
    let verified: Vec<String> = numbers.iter().filter(|(s, _)| s.shown == Shown::Verified).map(|(_, n)| format!("st == {n}")).collect();
    let reopened: Vec<String> = numbers.iter().filter(|(s, _)| s.shown == Shown::Reopened).map(|(_, n)| format!("st == {n}")).collect();
    let mut text = format!(
        "#define VERIFIED ({})\n#define REOPENED ({})\n#define NEED {NEEDED}\nshort st = 0; byte silent = 0; bool enough = false; bool on = true; bool seen = false;\n\
         active proctype world() {{\ndo\n:: atomic {{ on = !on; seen = false }}\n",
        verified.join(" || "),
        reopened.join(" || "),
    );
    for (from, happening, to) in moves {
        let world = match happening {
            Happening::Seen | Happening::Peer(PeerOutcome::Seen) => "silent = 0; enough = false; seen = true",
            Happening::WatchedDay => {
                "silent = (silent < NEED -> silent + 1 : NEED); enough = (silent >= NEED -> true : enough); seen = false"
            }
            Happening::UnwatchedDay => "silent = 0; seen = false",
            _ => "seen = false",
        };
        let when = match happening {
            Happening::WatchedDay => " && on",
            Happening::UnwatchedDay => " && !on",
            _ => "",
        };
        let _ = writeln!(text, ":: atomic {{ st == {from}{when} -> {world}; st = {to} }}");
    }
    let _ = writeln!(text, "od\n}}\n{claim}");
    text
}

/// Whether SPIN finds no way to break the claim; `None` when SPIN or a C compiler is not there.
fn holds(claim: &str) -> Option<bool> {
    let there = |program: &str, argument: &str| Command::new(program).arg(argument).output().is_ok();
    if !there("spin", "-V") || !there("gcc", "--version") {
        eprintln!("skipped: spin and gcc are needed (Debian packages spin, gcc)");
        return None;
    }
    let folder = std::env::temp_dir().join(format!("takedown-spin-{}-{}", std::process::id(), claim.len()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("takedown.pml"), promela(claim)).unwrap();
    let output = Command::new("spin").current_dir(&folder).args(["-run", "-a", "takedown.pml"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let _ = std::fs::remove_dir_all(&folder);
    let errors = said.lines().find_map(|line| line.split("errors: ").nth(1)).unwrap_or_else(|| panic!("{said}{output:?}"));
    Some(errors.trim() == "0")
}

#[test]
fn verified_is_only_what_was_watched_in_silence_for_long_enough() {
    if let Some(holds) = holds("ltl verified_was_watched { [] (VERIFIED -> enough) }") {
        assert!(holds);
    }
}

#[test]
fn what_is_seen_is_not_verified() {
    if let Some(holds) = holds("ltl seen_is_not_verified { [] (seen -> !VERIFIED) }") {
        assert!(holds);
    }
}

#[test]
fn the_judge_can_say_no() {
    // Each of these is false, and SPIN finds the way there.
    for claim in ["ltl unverified { [] !VERIFIED }", "ltl unopened { [] !REOPENED }", "ltl stays { [] (VERIFIED -> [] VERIFIED) }"] {
        if let Some(holds) = holds(claim) {
            assert!(!holds, "{claim}");
        }
    }
}
