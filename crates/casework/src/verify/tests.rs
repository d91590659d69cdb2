//! Weeks of a threat: seen, answered, watched, lost from sight.

use proptest::prelude::*;

use super::takedown::{Answer, State};
use super::watching::Scope;
use super::*;

const FEED: &str = "sinkhole";

fn at(day: i32, hour: i64) -> Timestamp {
    Day::from_number(day).start() + jiff::SignedDuration::from_hours(hour)
}

fn saw(days: &[i32]) -> Vec<Sighting> {
    days.iter().map(|day| Sighting { feed: FEED.into(), at: at(*day, 10), events: 1 }).collect()
}

fn sensor() -> Vec<Sensor> {
    vec![Sensor { feed: FEED.into(), because: Scope::ThisPlace, since: Day::from_number(0) }]
}

fn told(days: impl IntoIterator<Item = i32>) -> Deliveries {
    let mut deliveries = Deliveries::default();
    days.into_iter().for_each(|day| deliveries.note(FEED, Day::from_number(day)));
    deliveries
}

fn standing(needed: i64) -> Standing {
    let status = step(Status::NEW, Happening::Requested, QuietPeriod::from_days(needed).unwrap()).unwrap();
    Standing { status, needed: QuietPeriod::from_days(needed).unwrap(), asked_at: Some(at(10, 9)), answered_at: None, last_seen: at(9, 10) }
}

fn say_fixed(standing: &mut Standing, when: Timestamp) {
    standing.status = step(standing.status, Happening::Answered(Answer::Fixed), standing.needed).unwrap();
    standing.answered_at = Some(when);
}

#[test]
fn silence_without_a_sensor_proves_nothing() {
    let found = assess(&standing(7), &[], &[], &told(0..60), &Rules::default(), at(60, 0));
    assert_eq!((found.status.state(), found.verified_at), (State::Unknown, None));
    assert!(found.reason(&[], QuietPeriod::from_days(7).unwrap()).contains("nobody watches"));
}

#[test]
fn seven_watched_days_after_the_request_verify_it() {
    let on = |day| assess(&standing(7), &[], &sensor(), &told(0..day), &Rules::default(), at(day, 12));
    assert_eq!((on(17).status.state(), on(17).status.quiet_days), (State::Quiet, 6));
    let found = on(18);
    assert_eq!((found.status.state(), found.verified_at), (State::Verified, Some(at(18, 0))));
    assert!(found.reason(&sensor(), QuietPeriod::from_days(7).unwrap()).contains("while watched: sinkhole"));
}

#[test]
fn a_day_without_the_sensor_begins_the_count_anew() {
    let with_gap = told((0..14).chain(15..40));
    let on = |day| assess(&standing(7), &[], &sensor(), &with_gap, &Rules::default(), at(day, 12)).status;
    assert_eq!((on(18).state(), on(18).quiet_days), (State::Quiet, 3));
    assert_eq!(on(22).state(), State::Verified);
}

#[test]
fn what_was_seen_before_the_answer_is_what_the_answer_is_about() {
    let mut asked = standing(7);
    say_fixed(&mut asked, at(12, 9));
    let before = assess(&asked, &saw(&[11]), &sensor(), &told(0..13), &Rules::default(), at(13, 0));
    assert_eq!((before.status.state(), before.last_seen, before.status.reinfections), (State::Quiet, at(11, 10), 0));
    let after = assess(&asked, &saw(&[11, 13]), &sensor(), &told(0..14), &Rules::default(), at(14, 0));
    assert_eq!((after.status.state(), after.status.reinfections, after.reopened.len()), (State::Reopened, 1, 1));
}

#[test]
fn seen_again_after_verification_reopens_it_however_late_the_report_comes() {
    let mut known = standing(7);
    say_fixed(&mut known, at(10, 12));
    known.status = assess(&known, &[], &sensor(), &told(0..20), &Rules::default(), at(20, 0)).status;
    assert_eq!(known.status.state(), State::Verified);
    // The sensor is gone: nothing is undone by that.
    assert_eq!(assess(&known, &[], &[], &Deliveries::default(), &Rules::default(), at(200, 0)).status, known.status);
    // A report of a day inside the quiet period comes a week later.
    let late = assess(&known, &saw(&[15]), &sensor(), &told(0..27), &Rules::default(), at(27, 0));
    assert_eq!((late.reopened.len(), late.status.reinfections), (1, 1));
    assert_eq!(late.status.state(), State::Verified, "eleven more days watched in silence");
    let now = assess(&known, &saw(&[15, 26]), &sensor(), &told(0..27), &Rules::default(), at(27, 0));
    assert_eq!((now.status.state(), now.verified_at), (State::Reopened, None));
}

#[test]
fn a_day_that_is_not_yet_told_of_is_waited_for() {
    let found = assess(&standing(7), &[], &sensor(), &told(0..15), &Rules::default(), at(17, 1));
    assert_eq!((found.status.state(), found.status.quiet_days, found.known_through), (State::Quiet, 4, Some(Day::from_number(14))));
    let later = assess(&standing(7), &[], &sensor(), &told(0..15), &Rules::default(), at(19, 1));
    assert_eq!(later.status.state(), State::Unknown);
}

proptest! {
    /// Evidence of a day comes on the next one; whether somebody asks each day or only at the end makes no difference.
    #[test]
    fn looking_every_day_or_once_comes_to_the_same(
        seen in proptest::collection::btree_set(11_i32..60, 0..6),
        unwatched in proptest::collection::btree_set(11_i32..60, 0..8),
        needed in 1_i64..12,
        fixed in any::<bool>(),
    ) {
        let rules = Rules { delay_days: 0, ..Rules::default() };
        let deliveries = told((0..60).filter(|day| !unwatched.contains(day)));
        let mut daily = standing(needed);
        if fixed {
            say_fixed(&mut daily, at(10, 12));
        }
        let once = daily;
        let all = saw(&seen.iter().copied().filter(|day| !unwatched.contains(day)).collect::<Vec<_>>());
        let mut reopened = 0;
        let mut verified_at = None;
        for day in 11..=60 {
            let known: Vec<Sighting> = all.iter().filter(|s| Day::of(s.at).number() < day).cloned().collect();
            let found = assess(&daily, &known, &sensor(), &deliveries, &rules, at(day, 0));
            reopened += found.reopened.len();
            verified_at = if found.status.shown == Shown::Verified { found.verified_at.or(verified_at) } else { None };
            (daily.status, daily.last_seen) = (found.status, found.last_seen);
        }
        let at_once = assess(&once, &all, &sensor(), &deliveries, &rules, at(60, 0));
        prop_assert_eq!((daily.status.state(), daily.status.reinfections), (at_once.status.state(), at_once.status.reinfections));
        prop_assert_eq!((daily.last_seen, reopened, verified_at), (at_once.last_seen, at_once.reopened.len(), at_once.verified_at));
    }

    #[test]
    fn verified_means_that_the_days_before_were_watched_and_silent(
        seen in proptest::collection::btree_set(0_i32..60, 0..6),
        told_of in proptest::collection::btree_set(0_i32..60, 0..60),
        needed in 1_i32..12,
    ) {
        let days: Vec<i32> = seen.iter().copied().collect();
        let found = assess(&standing(i64::from(needed)), &saw(&days), &sensor(), &told(told_of.iter().copied()), &Rules::default(), at(60, 0));
        let silent_run = |end: i32| (end - needed + 1..=end).all(|day| day > 10 && told_of.contains(&day) && !seen.contains(&day));
        let ever_after_last = (10..60).any(|end| silent_run(end) && seen.iter().all(|day| *day <= end - needed || *day < 10));
        prop_assert_eq!(found.status.shown == Shown::Verified, ever_after_last, "{:?}", found);
    }
}
