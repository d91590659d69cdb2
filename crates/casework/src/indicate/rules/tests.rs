//! What rules make of rows: what is taken, what never is, and what is wrong with a rule.

use formats::warning_list::{Matching, read_text};
use proptest::prelude::*;

use super::super::class::Classes;
use super::super::decay::HalfLives;
use super::super::indicator::Indicator;
use super::super::warning::Compiler;
use super::*;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + hour * 3_600).unwrap()
}

fn row(class: &str, reporter: &'static str, ip: &str) -> Row<'static> {
    let source = End { ip: ip.parse().ok(), ..End::default() };
    Row {
        id: EventId([7; 16]),
        time: at(0),
        reporter,
        terms: 1,
        class: Class::of(class).unwrap(),
        confidence: None,
        malware: None,
        identifier: None,
        source,
        destination: End::default(),
        md5: None,
        sha1: None,
        sha256: None,
    }
}

fn found(rows: &[Row<'static>]) -> Found {
    candidates(rows.iter().copied(), &Rules::default(), &Warnings::none(), at(1))
}

fn names(found: &Found) -> Vec<String> {
    found.candidates.keys().map(ToString::to_string).collect()
}

#[test]
fn the_default_rules_are_read_and_none_takes_a_victims_value() {
    let rules = Rules::default();
    assert!(rules.iter().count() >= 6);
    for rule in rules.iter() {
        assert!(!rule.why.is_empty(), "{} does not say why", rule.name);
        assert!(rule.classes.iter().all(|class| rule.side.is_none() || rule.side == attackers_side(*class)));
    }
}

#[test]
fn an_infected_machine_is_never_an_indicator_even_when_it_scans() {
    let mut rows = vec![row("infected-system", "sinkhole", "9.0.0.1")];
    assert_eq!(names(&found(&rows)), [""; 0]);
    rows.extend(["a", "b", "c"].map(|reporter| row("scanner", reporter, "9.0.0.1")));
    let found = found(&rows);
    assert_eq!((names(&found).len(), found.set_aside[0].because.as_str()), (0, "it is the address or name of a victim"));
}

#[test]
fn a_scanner_needs_reporters_that_agree_and_they_count_once_each() {
    let two = [row("scanner", "a", "9.0.0.1"), row("scanner", "a", "9.0.0.1"), row("scanner", "b", "9.0.0.1")];
    assert_eq!((names(&found(&two)).len(), found(&two).waiting), (0, 1));
    let three = [two[0], two[2], row("scanner", "c", "::ffff:9.0.0.1")];
    assert_eq!(names(&found(&three)), ["address 9.0.0.1"]);
    let old = three.map(|row| Row { time: at(-24 * 4), ..row });
    assert_eq!(names(&found(&old)).len(), 0, "longer ago than the rule looks");
    let future = three.map(|row| Row { time: at(2), ..row });
    assert_eq!(names(&found(&future)).len(), 0);
}

#[test]
fn of_a_phishing_site_the_page_is_taken_and_not_the_hacked_host() {
    let mut page = row("phishing", "a", "9.0.0.1");
    (page.source.url, page.source.fqdn) = (Some("hxxp://shop.example.com/wp/login"), Some("shop.example.com"));
    assert_eq!(names(&found(&[page])), ["url http://shop.example.com/wp/login"]);
}

#[test]
fn hashes_are_taken_from_either_side() {
    let mut row = row("infected-system", "a", "9.0.0.1");
    (row.md5, row.sha1) = (Some("44D88612FEA8A8F36DE82E1278ABB02F"), Some("not a hash"));
    assert_eq!(names(&found(&[row])), ["md5 44d88612fea8a8f36de82e1278abb02f"]);
}

#[test]
fn warning_lists_set_aside_or_lower_and_mark() {
    let mut compiler = Compiler::new(Classes::read("never-block = ['never']\nwarn = ['careful']").unwrap());
    compiler.add("never", &read_text(b"9.9.9.0/24", Matching::Cidr).unwrap()).unwrap();
    compiler.add("careful", &read_text(b"9.8.0.0/16", Matching::Cidr).unwrap()).unwrap();
    let rows = ["9.9.9.9", "9.8.1.1", "10.0.0.1"].map(|ip| row("c2-server", "a", ip));
    let found = candidates(rows, &Rules::default(), &compiler.finish().unwrap(), at(1));
    let because: Vec<&str> = found.set_aside.iter().map(|aside| aside.because.as_str()).collect();
    assert_eq!(because, ["reserved address block Private-Use", "never: 9.9.9.0/24 (never-block)"]);
    let said = &found.candidates[&"address 9.8.1.1".parse::<What>().unwrap()];
    assert!(
        matches!(&said[0], Said::For(_, support) if support.confidence == 48 && support.marked.as_deref() == Some("careful: 9.8.0.0/16 (warn)"))
    );
}

#[test]
fn what_only_several_terms_make_up_together_is_known_to_who_may_know_all_of_them() {
    let with = |reporter, terms| Row { terms, ..row("brute-force", reporter, "9.0.0.1") };
    let terms = |rows: &[Row<'static>]| -> Vec<Vec<i64>> {
        let found = found(rows);
        let said = found.candidates.into_values().flatten();
        said.map(|said| if let Said::For(_, support) = said { support.terms } else { Vec::new() }).collect()
    };
    assert_eq!(terms(&[with("a", 1), with("b", 2)]), [vec![1, 2], vec![1, 2]]);
    assert_eq!(terms(&[with("a", 1), with("b", 1), with("c", 2)]), [vec![1], vec![1], vec![1, 2]]);
}

#[test]
fn what_is_wrong_is_named_with_line_rule_and_key() {
    let wrong = |text: &str| Rules::read(text).unwrap_err().to_string();
    let rule = "[[rule]]\nname = \"r\"\nclasses = [\"c2-server\"]\nside = \"source\"\ntake = [\"address\"]\nconfidence = 80\n";
    assert!(Rules::read(rule).is_ok());
    for (from, to, want) in [
        ("c2-server", "c2", "line 3, rule \"r\", classes: \"c2\" is no RSIT type"),
        ("source", "both", "line 4, rule \"r\", side: \"both\" is not one of"),
        ("source", "destination", "line 4, rule \"r\", side: \"destination\" is the victim's side in c2-server"),
        ("\"c2-server\"", "\"vulnerable-system\"", "line 3, rule \"r\", classes: \"vulnerable-system\" has no side that is the attacker's"),
        ("\"address\"", "\"host\"", "line 5, rule \"r\", take: \"host\" is not one of"),
        ("[\"address\"]", "[]", "line 5, rule \"r\", take: \"[]\" takes nothing"),
        ("80", "101", "line 6, rule \"r\", confidence: \"101\" is not 1 to 100"),
        ("80", "80\nwithin = \"soon\"", "line 7, rule \"r\", within: \"soon\""),
        ("80", "80\nreporters = 0", "line 7, rule \"r\", reporters: \"0\""),
        ("source", "file", "belongs to a side"),
        ("side", "sied", "sied"),
    ] {
        let message = wrong(&rule.replacen(from, to, 1));
        assert!(message.contains(want), "{message}");
    }
}

fn some_row() -> impl Strategy<Value = Row<'static>> {
    let classes = prop::sample::select(vec![
        "c2-server",
        "scanner",
        "brute-force",
        "infected-system",
        "phishing",
        "ddos",
        "vulnerable-system",
        "system-compromise",
    ]);
    (classes, 0_usize..4, 0_u8..6, 0_i64..200, 0_i64..3, any::<u8>()).prop_map(|(class, reporter, ip, hour, terms, id)| Row {
        time: at(-hour),
        terms,
        id: EventId([id; 16]),
        destination: End { ip: Some([9, 1, 1, ip % 4].into()), fqdn: None, url: Some("http://victim.example.com/login") },
        ..row(class, ["a", "b", "c", "d"][reporter], &format!("9.1.1.{ip}"))
    })
}

proptest! {
    #[test]
    fn no_victim_is_ever_a_candidate_and_order_does_not_matter(rows in prop::collection::vec(some_row(), 0..40)) {
        let found = found(&rows);
        for what in found.candidates.keys() {
            let What::Value(observable) = what else { panic!("rules take values") };
            prop_assert_ne!(observable.value(), "http://victim.example.com/login");
            for row in &rows {
                if let Some(side) = victims_side(row.class) {
                    prop_assert_ne!(row.end(side).ip, observable.ip());
                }
            }
        }
        let mut reversed = rows.clone();
        reversed.reverse();
        let again = candidates(reversed, &Rules::default(), &Warnings::none(), at(1));
        prop_assert_eq!(&again, &found);
        // Every candidate is worth something at once.
        for (what, said) in found.candidates {
            let mut indicator = Indicator::new(what);
            said.into_iter().for_each(|word| _ = indicator.hear(word));
            prop_assert!(indicator.worth(&HalfLives::default(), at(-199), |_| true).confidence > 0);
        }
    }
}

#[test]
fn the_examples_of_the_documentation_are_read() {
    let page = include_str!("../../../../../docs/indicators.md");
    let blocks: Vec<&str> = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(Rules::read(blocks[0]).unwrap().iter().count(), 1);
    assert_eq!(Classes::read(blocks[1]).unwrap().of("customers-a"), super::super::class::Class::NeverBlock);
    assert!(HalfLives::read("address = \"36h\"").is_ok() && page.contains("`address = \"36h\"`"));
    for rule in Rules::default().iter() {
        assert!(page.contains(&format!("| `{}` |", rule.name)), "{} is not in the table", rule.name);
    }
}
