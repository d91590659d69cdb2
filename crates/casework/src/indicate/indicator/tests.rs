//! What an indicator is worth: seen again, fading, revoked, and to whom.

use proptest::prelude::*;

use super::*;
use crate::model::observable::Kind;

fn day(number: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + number * 86_400).unwrap()
}

fn c2() -> Indicator {
    Indicator::new(What::Value(Observable::read(Kind::Address, "192.0.2.1").unwrap()))
}

fn support(reporter: &str, at: i64, confidence: u8) -> Support {
    Support {
        reporter: reporter.into(),
        terms: vec![1],
        events: Vec::new(),
        sighting: false,
        confidence,
        first: day(at),
        last: day(at),
        times: 1,
        valid_from: None,
        valid_until: None,
        class: Some("c2-server".into()),
        malware: None,
        marked: None,
    }
}

fn event(number: u8) -> Source {
    Source::Event(EventId([number; 16]).to_string())
}

fn worth(indicator: &Indicator, at: i64) -> Worth {
    indicator.worth(&HalfLives::default(), day(at), |_| true)
}

fn score(indicator: &Indicator, at: i64) -> u8 {
    worth(indicator, at).score
}

#[test]
fn an_address_not_seen_again_fades_and_a_sighting_renews_it() {
    let mut c2 = c2();
    assert_eq!(worth(&c2, 0).standing, Standing::Groundless);
    c2.hear(Said::For(event(1), support("feodo", 0, 80)));
    assert_eq!((score(&c2, 0), score(&c2, 5), score(&c2, 10)), (80, 40, 20));
    assert_eq!(worth(&c2, 60).standing, Standing::Faded);
    c2.hear(Said::For(event(2), Support { sighting: true, times: 3, ..support("our-sensor", 10, 50) }));
    let now = worth(&c2, 10);
    assert_eq!((now.score, now.sightings, now.reporters, now.class), (85, 3, 2, Class::of("c2-server")));
}

#[test]
fn who_is_trusted_wholly_needs_no_second_and_evidence_long_after_is_believed_again() {
    let doubt = |at, trust| Doubt { at: day(at), trust, because: "it is our printer".into() };
    let mut c2 = c2();
    c2.hear(Said::For(event(1), support("feodo", 0, 80)));
    c2.hear(Said::Against("isp-jp".into(), doubt(1, 50)));
    assert_eq!(score(&c2, 0), 40);
    c2.hear(Said::Against("analyst".into(), doubt(1, 100)));
    let disputed = worth(&c2, 1);
    assert_eq!((disputed.standing, disputed.score, disputed.doubts), (Standing::Disputed, 0, 2));
    assert!(disputed.reasons[0].contains("harmless"));
    c2.hear(Said::For(event(2), support("feodo", 26, 80)));
    assert!(score(&c2, 26) > 70, "five half-lives later the word against it hardly counts");
}

#[test]
fn a_revoked_one_is_worth_nothing_until_it_is_taken_back_into_use() {
    let ruling =
        |at, revoked| Said::Ruled(Ruling { at: day(at), revoked, by: "analyst".into(), because: "wrong host".into(), until: None });
    let mut c2 = c2();
    c2.hear(Said::For(event(1), support("feodo", 0, 80)));
    assert!(c2.hear(ruling(1, true)));
    c2.hear(Said::For(event(2), support("feodo", 2, 90)));
    assert_eq!((worth(&c2, 2).standing, score(&c2, 2)), (Standing::Revoked, 0));
    assert!(c2.hear(ruling(3, false)) && !c2.hear(ruling(1, true)));
    assert_eq!(worth(&c2, 3).standing, Standing::Active);
}

#[test]
fn what_may_not_be_known_changes_no_score() {
    let mut c2 = c2();
    c2.hear(Said::For(event(1), support("open-feed", 0, 60)));
    let before = c2.worth(&HalfLives::default(), day(1), |terms| terms == 1);
    c2.hear(Said::For(event(2), Support { terms: vec![2], malware: Some("Secret".into()), ..support("closed", 1, 100) }));
    assert_eq!(c2.worth(&HalfLives::default(), day(1), |terms| terms == 1), before);
    assert_eq!(c2.worth(&HalfLives::default(), day(1), |_| false).standing, Standing::Groundless);
    let mut unmarked = self::c2();
    unmarked.hear(Said::For(event(1), Support { terms: Vec::new(), ..support("a", 0, 60) }));
    assert_eq!(worth(&unmarked, 0).standing, Standing::Groundless, "what came under no terms is closed");
}

#[test]
fn what_speaks_for_it_under_stricter_terms_since_counts_only_for_who_may_know_those() {
    let rule = |terms: &[i64]| Source::Rule { rule: "c2".into(), reporter: "given by isp".into(), terms: terms.into() };
    let mut c2 = c2();
    c2.hear(Said::For(rule(&[1]), support("given by isp", 0, 80)));
    c2.hear(Said::For(event(2), support("our-sensor", 0, 50)));
    c2.hear(Said::Against("alpha".into(), Doubt { at: day(0), trust: 1, because: String::new() }));
    let becomes = BTreeMap::from([(1, 7)]);
    let concerns = |_: &Source, support: &Support| support.reporter == "given by isp";
    let now = c2.under_other_terms(concerns, &becomes).expect("it changes");
    assert_eq!(
        now.support().map(|(source, support)| (source.clone(), support.terms.clone())).collect::<Vec<_>>(),
        [(event(2), vec![1]), (rule(&[7]), vec![7]),]
    );
    assert_eq!(now.doubts().count(), 1);
    let to_whom_1_is_open = now.worth(&HalfLives::default(), day(0), |terms| terms == 1);
    assert_eq!((to_whom_1_is_open.reporters, to_whom_1_is_open.confidence), (1, 50));
    assert!(now.under_other_terms(concerns, &becomes).is_none(), "once more changes nothing");
    assert!(now.under_other_terms(|_, _| false, &BTreeMap::from([(7, 8)])).is_none());
}

#[test]
fn it_expires_when_all_its_sources_say_so() {
    let mut c2 = c2();
    c2.hear(Said::For(event(1), Support { valid_from: Some(day(1)), valid_until: Some(day(3)), ..support("a", 0, 80) }));
    assert_eq!([0, 1, 3].map(|at| worth(&c2, at).standing), [Standing::NotYet, Standing::Active, Standing::Expired]);
    c2.hear(Said::For(event(2), support("b", 2, 80)));
    assert_eq!(worth(&c2, 3).standing, Standing::Active);
}

#[test]
fn the_same_thing_has_the_same_id_everywhere() {
    let what = |text: &str| What::Value(Observable::read(Kind::Url, text).unwrap());
    assert_eq!(what("hxxp://EVIL[.]example/").id(), what("http://evil.example/").id());
    assert_eq!(what("http://evil.example/").id().to_string(), "a826beea3f5a8f094ded62b89ab1dabf");
    let pattern: What = "pattern [file:name = 'x']".parse().unwrap();
    assert_eq!(pattern, What::Pattern("[file:name = 'x']".into()));
    assert_eq!(pattern.to_string().parse(), Ok(pattern));
}

#[test]
fn of_very_many_sources_the_newest_are_kept() {
    let mut c2 = c2();
    for number in 0..=SOURCES_LIMIT {
        c2.hear(Said::For(Source::Foreign(number.to_string()), support("a", number as i64, 50)));
    }
    assert_eq!(c2.support().count(), SOURCES_LIMIT);
    assert!(!c2.hear(Said::For(Source::Foreign("0".into()), support("a", 0, 50))), "the oldest is not taken in again");
    assert_eq!(worth(&c2, 1000).first_seen, Some(day(1)));
}

fn said() -> impl Strategy<Value = Said> {
    let supported = (0_u8..5, 0_i64..60, 0_u8..=100, 0_usize..3, 0_i64..3, any::<bool>(), prop::option::of(0_i64..90), 1_u64..5);
    prop_oneof![
        6 => supported.prop_map(|(source, at, confidence, reporter, terms, sighting, until, times)| {
            let base = support(["a", "b", "c"][reporter], at, confidence);
            Said::For(event(source), Support { terms: vec![terms], sighting, times, valid_until: until.map(day), ..base })
        }),
        2 => (0_usize..3, 0_i64..60, 0_u8..=100).prop_map(|(by, at, trust)| Said::Against(["x", "y", "z"][by].into(), Doubt { at: day(at), trust, because: String::new() })),
        1 => (0_i64..60, any::<bool>()).prop_map(|(at, revoked)| Said::Ruled(Ruling { at: day(at), revoked, by: "x".into(), because: String::new(), until: None })),
    ]
}

proptest! {
    #[test]
    fn neither_order_nor_repetition_changes_anything(said in prop::collection::vec(said(), 0..14), seed in any::<u64>()) {
        let mut one = c2();
        said.iter().for_each(|word| _ = one.hear(word.clone()));
        let mut shuffled = said.clone();
        shuffled.sort_by_key(|word| blake3::hash(format!("{seed}{word:?}").as_bytes()).as_bytes()[0]);
        let mut other = c2();
        shuffled.iter().chain(&said).for_each(|word| _ = other.hear(word.clone()));
        prop_assert_eq!(&one, &other);
        for word in said {
            prop_assert!(!one.hear(word), "it is known already");
        }
        let grounds = serde_json::to_string(&one.grounds()).unwrap();
        prop_assert_eq!(Indicator::with(one.what().clone(), serde_json::from_str(&grounds).unwrap()), one);
    }

    #[test]
    fn a_score_never_rises_by_waiting(said in prop::collection::vec(said(), 0..10), at in 60_i64..200, more in 0_i64..100) {
        let mut indicator = c2();
        said.into_iter().for_each(|word| _ = indicator.hear(word));
        prop_assert!(score(&indicator, at + more) <= score(&indicator, at));
        prop_assert!(worth(&indicator, at).score <= worth(&indicator, at).confidence);
    }

    #[test]
    fn it_holds_until_its_score_falls_below(said in prop::collection::vec(said(), 1..10), at in 0_i64..100, least in 1_u8..=100) {
        let mut indicator = c2();
        said.into_iter().for_each(|word| _ = indicator.hear(word));
        let now = worth(&indicator, at);
        match now.holds_until(least) {
            None => prop_assert!(now.score < least),
            Some(until) => {
                let score_at = |moment| indicator.worth(&HalfLives::default(), moment, |_| true).score;
                prop_assert!(until > day(at));
                prop_assert!(score_at(until) < least);
                prop_assert!(score_at(until - SignedDuration::from_secs(1)) >= least);
            }
        }
    }

    #[test]
    fn a_word_against_it_never_raises_the_score(said in prop::collection::vec(said(), 0..10), trust in 0_u8..=100, at in 60_i64..200) {
        let mut indicator = c2();
        said.into_iter().for_each(|word| _ = indicator.hear(word));
        let before = score(&indicator, at);
        indicator.hear(Said::Against("new".into(), Doubt { at: day(at), trust, because: String::new() }));
        prop_assert!(score(&indicator, at) <= before);
    }

    #[test]
    fn an_active_one_has_a_score_and_no_other_has(said in prop::collection::vec(said(), 0..10), at in 0_i64..200) {
        let mut indicator = c2();
        said.into_iter().for_each(|word| _ = indicator.hear(word));
        let worth = worth(&indicator, at);
        prop_assert_eq!(worth.standing == Standing::Active, worth.score > 0, "{:?}", worth);
    }
}
