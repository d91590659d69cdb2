//! `kill -9` anywhere: is everything that was acknowledged there, whole and once, and is the finished home the one without kills?
//!
//! The harness first proves itself on a program that acknowledges before it commits: it must find the loss.
//! `MUSUBI_KILLS` says how often to kill (200); `MUSUBI_KILLS_RESULT` names a file for the result:
//!
//! ```text
//! MUSUBI_KILLS=1000 MUSUBI_KILLS_RESULT=bench/results/kills.json cargo test -p musubi --test crash
//! ```

mod story;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use story::{Dice, Home, RECEIVED, counts, files, gzip, ssh, zip};

/// Steps as short as this make an ingest of little evidence pass many of them; files from 12 kB on have transactions to themselves.
const STEPS: &str = "commit-events=400,batch-events=300,small=12000";

/// Forty files of rows that overlap, some packed.
fn write_evidence(home: &Home, folder: &str) {
    let mut dice = Dice(0x6b69_6c6c);
    for n in 0..40 {
        let first = dice.below(6000);
        let rows: Vec<u64> = match dice.below(8) {
            0 => (first..first + 1 + dice.below(1600)).collect(),
            1 => (0..1 + dice.below(300)).map(|_| dice.below(8000)).collect(),
            _ => (first..first + 1 + dice.below(400)).collect(),
        };
        let bad = if dice.below(4) == 0 { "\"2026-03-25 00:00:00\",\"300.1.2.3\",\"tcp\",\"22\",\"\",\"ssh\",\"1\",\"JP\"\n" } else { "" };
        let (report, csv) = (format!("2026-03-25-scan_ssh-{n:02}.csv"), ssh(rows) + bad);
        match dice.below(6) {
            0 => home.write(&format!("{folder}/{report}.gz"), gzip(csv.as_bytes())),
            1 => home.write(&format!("{folder}/{n:02}.zip"), zip(&[(&report, csv.as_bytes())])),
            _ => home.write(&format!("{folder}/{report}"), csv),
        };
    }
}

/// What was found out about a program by killing it.
#[derive(Debug, Default)]
struct Finding {
    kills: u64,
    /// Files acknowledged, each counted once.
    acknowledged: u64,
    /// Acknowledged and not in the register, or not as acknowledged.
    lost: Vec<String>,
    /// Events that are there twice, or more or fewer than the register says.
    miscounted: Vec<String>,
}

/// Kills ingest after ingest into the home until it was killed so often, then lets one finish. Begins anew with an empty home when one is full.
struct Killer {
    dice: Dice,
    fault: &'static str,
    /// How long an ingest takes that nobody kills.
    whole: Duration,
    finding: Finding,
}

impl Killer {
    fn new(seed: u64, fault: &'static str, whole: Duration) -> Self {
        Self { dice: Dice(seed), fault, whole, finding: Finding::default() }
    }

    /// One life of a home, from empty to complete; dies at most `kills` times on the way.
    fn life(&mut self, home: &Home, kills: u64) {
        let mut acknowledged = BTreeMap::new();
        let (mut deaths, mut seen) = (0, 0);
        loop {
            let last = deaths >= kills;
            let complete = self.run(home, !last, &mut acknowledged);
            if !complete {
                deaths += 1;
                self.finding.kills += 1;
            }
            // A look costs more than a kill: whenever there is something new to be lost, and now and then.
            if complete || acknowledged.len() > seen || deaths % 4 == 0 {
                self.compare(home, &acknowledged);
                seen = acknowledged.len();
            }
            if complete {
                break;
            }
        }
        self.finding.acknowledged += acknowledged.len() as u64;
    }

    /// One ingest that is killed somewhere; `true` when it was faster than that.
    fn run(&mut self, home: &Home, kill: bool, acknowledged: &mut BTreeMap<String, String>) -> bool {
        let mut fault = format!("{STEPS},{}", self.fault);
        // When to kill: at a place inside, after some time, or some moments after a number of acknowledgements.
        let (mut after, mut lines) = (None, usize::MAX);
        match self.dice.below(8) {
            _ if !kill => {}
            0 => fault += &format!(",die-at=segment written:{}", 1 + self.dice.below(12)),
            1 => fault += &format!(",die-at=committed:{}", 1 + self.dice.below(4)),
            2..6 => after = Some(Duration::from_micros(self.dice.below(self.whole.as_micros() as u64))),
            _ => (after, lines) = (Some(Duration::from_micros(self.dice.below(20_000))), 1 + self.dice.below(6) as usize),
        }
        let mut child = home
            .command(&["-v", "--json", "ingest", "--received", RECEIVED, "evidence"])
            .env("MUSUBI_FAULT", fault)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (heard, said) = std::sync::mpsc::channel();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            while stderr.read_line(&mut text).unwrap() > 0 {
                if text.ends_with('\n') && text.lines().last().is_some_and(|line| line.starts_with("remembered ")) {
                    let _ = heard.send(());
                }
            }
            text
        });
        if let Some(after) = after {
            if lines < usize::MAX {
                // Until so many acknowledgements, or the end.
                said.iter().take(lines).for_each(drop);
            }
            std::thread::sleep(after);
            // Too late is no error.
            let _ = child.kill();
        }
        let status = child.wait().unwrap();
        let text = reader.join().unwrap();
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            if let Some((name, counts)) = line.trim_end().strip_prefix("remembered ").and_then(|rest| rest.split_once(": ")) {
                acknowledged.entry(name.to_owned()).or_insert_with(|| counts.to_owned());
            }
        }
        assert!(status.success() || status.code().is_none(), "{status}: {text}");
        status.success()
    }

    /// What is remembered beside what was acknowledged.
    fn compare(&mut self, home: &Home, acknowledged: &BTreeMap<String, String>) {
        if !home.root().join("register.db").exists() {
            assert!(acknowledged.is_empty());
            return;
        }
        let told = home.run(&[
            "--json",
            "query",
            "SELECT name, read_rows AS read, stored_rows AS stored, duplicate_rows AS duplicate, rejected_rows AS rejected, e.held, s.row_count, d.ids \
             FROM (SELECT count(*) AS ids FROM (SELECT DISTINCT id FROM events)) d \
             CROSS JOIN (SELECT coalesce(sum(row_count), 0) AS row_count FROM segments) s \
             LEFT JOIN evidence ON true LEFT JOIN (SELECT evidence, count(*) AS held FROM events GROUP BY evidence) e ON e.evidence = evidence.id",
        ]);
        if told.err.contains("_sqlx_migrations") || told.err.contains("no such table") {
            // Died before the register was complete: nothing can have been acknowledged.
            assert!(acknowledged.is_empty(), "{}", told.err);
            return;
        }
        assert_eq!(told.code, Some(0), "{}", told.err);
        let rows = told.lines();
        let mut remembered = BTreeMap::new();
        let mut stored_in_all = 0;
        for row in rows.iter().filter(|row| row["name"].is_string()) {
            let [read, stored, duplicate, rejected] = counts(row);
            stored_in_all += stored;
            let held = row["held"].as_i64().unwrap_or(0);
            if read != stored + duplicate + rejected || held != stored {
                self.finding.miscounted.push(row.to_string());
            }
            remembered.insert(
                row["name"].as_str().unwrap().to_owned(),
                format!("read {read}, stored {stored}, duplicate {duplicate}, rejected {rejected}"),
            );
        }
        for total in ["row_count", "ids"] {
            if rows[0][total] != stored_in_all {
                self.finding.miscounted.push(format!("{total} is {} where {stored_in_all} events were stored", rows[0][total]));
            }
        }
        for (name, counts) in acknowledged {
            if remembered.get(name) != Some(counts) {
                self.finding.lost.push(format!("{name} ({counts}) is {:?}", remembered.get(name)));
            }
        }
    }
}

/// A home of the same evidence that nobody disturbs: what was answered, and how long it took.
fn undisturbed(home: &Home) -> (Value, Duration) {
    let started = Instant::now();
    let mut command = home.command_at(&home.beside("undisturbed"), &["--json", "ingest", "--received", RECEIVED, "evidence"]);
    let told = command.env("MUSUBI_FAULT", STEPS).output().unwrap();
    (serde_json::from_slice(&told.stdout).unwrap(), started.elapsed())
}

#[test]
fn a_program_that_acknowledges_before_it_commits_is_found_out() {
    let home = Home::new();
    write_evidence(&home, "evidence");
    let mut killer = Killer::new(7, "ack-before-commit", undisturbed(&home).1);
    for _ in 0..5 {
        killer.life(&home, 20);
        if !killer.finding.lost.is_empty() {
            eprintln!("the broken variant was found out after {} kills: {}", killer.finding.kills, killer.finding.lost[0]);
            return;
        }
        std::fs::remove_dir_all(home.root()).unwrap();
    }
    panic!("the harness sees no loss where there is one: {:?}", killer.finding);
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_wherever_it_is_killed() {
    let wanted: u64 = std::env::var("MUSUBI_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let home = Home::new();
    write_evidence(&home, "evidence");
    let (told, whole) = undisturbed(&home);
    assert!(counts(&told)[1] > 4000 && counts(&told)[2] > 1000 && counts(&told)[3] > 0, "{told}");
    // The first to bring an event is named with it: with the same order of files, the homes are the same in every column.
    let all = "SELECT * FROM events ORDER BY id";
    let expected = home.command_at(&home.beside("undisturbed"), &["--json", "query", all]).output().unwrap().stdout;
    let mut killer = Killer::new(11, "", whole);
    let (mut lives, mut different) = (0, 0);
    while killer.finding.kills < wanted {
        if home.root().exists() {
            std::fs::remove_dir_all(home.root()).unwrap();
        }
        killer.life(&home, 50.min(wanted - killer.finding.kills));
        lives += 1;
        different += u64::from(home.ok(&["--json", "query", all]).bytes != expected);
        home.must_add_up();
        // The last ingest has swept what the dead left behind.
        let findings = home.must_be_well();
        assert_eq!(findings["strays"], 0, "{findings} {:?}", files(&home.root()));
        assert_eq!(findings["evidence"], 40);
    }
    let Finding { kills, acknowledged, lost, miscounted } = &killer.finding;
    eprintln!(
        "{kills} kills in {lives} lives of a home, {acknowledged} files acknowledged, {} lost, {} miscounted",
        lost.len(),
        miscounted.len()
    );
    assert_eq!((&lost[..], &miscounted[..], different), (&[][..], &[][..], 0));
    if let Some(path) = std::env::var_os("MUSUBI_KILLS_RESULT") {
        let result = json!({
            "command": format!("MUSUBI_KILLS={wanted} cargo test -p musubi --test crash"), "kills": kills, "homes": lives,
            "acknowledged": acknowledged, "lost": lost.len(), "doubled": miscounted.len(), "homes_that_differ": different,
            "rows_of_a_home": told["read"], "build": "debug",
        });
        std::fs::write(path, serde_json::to_string_pretty(&result).unwrap() + "\n").unwrap();
    }
}
