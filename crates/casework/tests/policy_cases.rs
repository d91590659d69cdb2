//! Does the policy decide as the reference model does, case by case? And as our own table says?
//!
//! The folder of shared data holds every outcome of the (repaired) reference model over its small universe: 7,680 terms,
//! three holders, six recipients, three times, two channels, paying or not. Ours must be equal in outcome, redactions and
//! decisive rule. What we add on purpose is not in the model: terms without anybody's identity also hide personal data.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stderr, reason = "tests read their cases from files")]

#[path = "policy/universe.rs"]
mod universe;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use casework::model::agreement::{Channel, Purpose};
use casework::model::party::PartyKind;
use casework::model::terms::{Attribution, Encryption, Leave, Terms, Tlp, VictimData};
use casework::share::{Affected, Denial, Outcome, Question, Redaction, Universe};
use flate2::read::GzDecoder;
use universe::{agreement, at, party};

fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// The five organisations and two agreements of the reference model.
fn reference_universe() -> Universe {
    let parties = [
        party("nisc", PartyKind::NationalCsirt, &["APCERT", "JP-PPP"], &[]),
        party("krcert", PartyKind::NationalCsirt, &["APCERT"], &[]),
        party("isp-jp", PartyKind::Provider, &["JP-PPP"], &["nisc"]),
        party("vendor-us", PartyKind::Maker, &[], &[]),
        party("public", PartyKind::Public, &["APCERT", "JP-PPP"], &[]),
    ];
    let agreements = [agreement("APCERT-MoU", &["nisc", "krcert"], Tlp::AmberStrict), agreement("JP-PPP", &["nisc", "isp-jp"], Tlp::Amber)];
    Universe::new(&parties, &agreements)
}

/// In the order of the model's `all_terms`.
fn reference_terms() -> Vec<Terms> {
    let names = |names: [&str; 2]| names.into_iter().map(|n| n.parse().unwrap()).collect();
    let mut all = Vec::new();
    for tlp in Tlp::ALL {
        for attribution in [Attribution::MAY, Attribution::MUST, Attribution::MUST_NOT, Attribution::CONFLICT] {
            for bits in 0..16 {
                for audience in [None, Some(names(["nisc", "krcert"])), Some(names(["nisc", "isp-jp"]))] {
                    for more in 0..8 {
                        let mut terms = Terms { attribution, audience: audience.clone(), ..Terms::of(tlp) };
                        terms.resale = if bits & 8 == 0 { Leave::May } else { Leave::MustNot };
                        terms.encryption = if bits & 4 == 0 { Encryption::May } else { Encryption::Must };
                        terms.embargo = (bits & 2 != 0).then(|| at(2));
                        terms.expiry = Some(if bits & 1 == 0 { at(1) } else { at(99) });
                        terms.community = (more & 4 != 0).then(|| [String::from("APCERT")].into());
                        terms.victims = if more & 2 == 0 { VictimData::Open } else { VictimData::NoIdentity };
                        terms.notify = if more & 1 == 0 { Leave::May } else { Leave::MustNot };
                        terms.recipients = ["krcert".parse().unwrap()].into();
                        all.push(terms);
                    }
                }
            }
        }
    }
    all
}

#[test]
fn every_case_of_the_reference_model_is_decided_alike() {
    let Some(path) = shared("data/trust/policy/cases.bin.gz") else { return };
    let mut cases = Vec::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut cases).unwrap();
    let universe = reference_universe();
    let number = |name: &str| universe.number(&name.parse().unwrap()).unwrap();
    let (nisc, krcert, isp, vendor, public) = (number("nisc"), number("krcert"), number("isp-jp"), number("vendor-us"), number("public"));
    let holders = [nisc, krcert, isp].map(|me| universe.holder(me));
    // Two persons of the first organisation ask: for us they are one party.
    let recipients = [nisc, nisc, krcert, isp, vendor, public];
    let mut expected = cases.iter();
    let (mut compared, mut also_personal) = (0, 0);
    for terms in reference_terms() {
        let compiled = universe.compile(&terms);
        for holder in &holders {
            for to in recipients {
                for (now, channel) in (0..3).flat_map(|now| [(now, Channel::SealedMail), (now, Channel::Mail)]) {
                    for paying in [false, true] {
                        let affected = if to == isp { Affected::Yes } else { Affected::No };
                        let purpose = Purpose::Defend;
                        let question = Question {
                            terms: &compiled,
                            to,
                            provider: Some(nisc),
                            affected,
                            consent: false,
                            paying,
                            purpose,
                            channel,
                            now: at(now),
                        };
                        let decision = holder.decide(&question);
                        let byte = *expected.next().expect("as many cases as questions");
                        let redactions = [(Redaction::ProviderIdentity, 1), (Redaction::VictimIdentity, 2)];
                        let bits: u8 = redactions.into_iter().filter(|(r, _)| decision.redactions().holds(*r)).map(|(_, bit)| bit).sum();
                        let ours = outcome(decision.outcome()) | bits << 2 | rule(decision.denial()) << 4;
                        assert_eq!(ours, byte, "{terms} from {:?} to {to:?} at {now} by {channel:?}: {decision:?}", holder.number());
                        assert_eq!(decision.redactions().holds(Redaction::PersonalData), bits & 2 != 0);
                        also_personal += u32::from(bits & 2 != 0);
                        compared += 1;
                    }
                }
            }
        }
    }
    assert_eq!((expected.next(), compared), (None, 1_658_880));
    eprintln!("{compared} cases equal; in {also_personal} of them we hide personal data with the identity of the affected");
}

fn outcome(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Deny => 0,
        Outcome::AllowWithRedaction => 1,
        Outcome::Allow => 2,
    }
}

/// As numbered where the cases were exported.
fn rule(denial: Option<Denial>) -> u8 {
    match denial {
        None => 0,
        Some(Denial::Expiry) => 1,
        Some(Denial::Embargo) => 2,
        Some(Denial::AttributionConflict) => 3,
        Some(Denial::TlpRed) => 4,
        Some(Denial::TlpAmberStrict) => 5,
        Some(Denial::TlpAmber) => 6,
        Some(Denial::TlpGreen) => 7,
        Some(Denial::Audience) => 8,
        Some(Denial::Agreement) => 9,
        Some(Denial::Resale) => 10,
        Some(Denial::Encryption) => 11,
        Some(Denial::AffectedParty) => 12,
        Some(Denial::Public) => 13,
        Some(Denial::Unknown) => 14,
    }
}

/// `testdata/policy/cases.tsv`: terms, holder, recipient, circumstances, and what is decided, in words.
#[test]
fn our_own_cases_are_decided_as_written_down() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/policy/cases.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    let universe = reference_universe();
    let number = |name: &str| universe.number(&name.parse().unwrap()).unwrap();
    let mut seen = 0;
    let mut codes = std::collections::BTreeSet::new();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [terms, holder, to, how, outcome, redactions, rules, obligations] = fields[..] else { panic!("line {}: 8 fields", n + 1) };
        let compiled = universe.compile(&terms.parse().unwrap());
        let word = |word: &str| how.split(' ').any(|w| w == word);
        let question = Question {
            to: number(to),
            provider: how.split(' ').find_map(|w| w.strip_prefix("provider=")).map(number),
            affected: if word("affected") {
                Affected::Yes
            } else if word("perhaps") {
                Affected::Perhaps
            } else {
                Affected::No
            },
            consent: word("consent"),
            paying: word("paying"),
            channel: how.split(' ').find_map(Channel::read).unwrap_or(Channel::Portal),
            now: "2026-06-01T00:00:00Z".parse().unwrap(),
            ..universe::plain(&compiled, number(to))
        };
        let told = universe.holder(number(holder)).explain(&question);
        let listed = |items: Vec<String>| if items.is_empty() { "-".to_owned() } else { items.join(" ") };
        let ours = [
            told.outcome.as_str().to_owned(),
            listed(told.redactions.iter().map(|r| r.code().to_owned()).collect()),
            listed(told.reasons.iter().map(|r| format!("{}:{}", r.effect.as_str(), r.rule)).collect()),
            listed(told.obligations.iter().map(ToString::to_string).collect()),
        ];
        assert_eq!(ours, [outcome, redactions, rules, obligations].map(str::to_owned), "line {}: {line}", n + 1);
        codes.extend(told.reasons.iter().filter(|r| r.effect.as_str() == "deny").map(|r| r.rule));
        seen += 1;
    }
    assert!(seen >= 20);
    // Every rule denies in some line; an unknown party cannot be written down.
    let missing: Vec<_> = Denial::ALL.into_iter().filter(|d| *d != Denial::Unknown && !codes.contains(d.code())).collect();
    assert_eq!(missing, []);
}
