//! Every status with every happening, and every status that can be reached.

use std::collections::BTreeSet;

use super::*;

/// Short enough to walk all that can be reached, long enough to be interrupted.
fn needed() -> QuietPeriod {
    QuietPeriod::from_days(3).unwrap()
}

fn every_status() -> impl Iterator<Item = Status> {
    Said::ALL.into_iter().flat_map(|said| {
        Shown::ALL.into_iter().flat_map(move |shown| {
            (0..=4).flat_map(move |quiet_days| (0..=1).map(move |n| Status { said, shown, quiet_days, reinfections: n, escalations: n }))
        })
    })
}

/// A status beside what really went on: days watched in silence one after the other, told by nobody but the walk.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Walked {
    status: Status,
    silent_days: u16,
    /// Silence was long enough at some time after the last sight.
    was_long_enough: bool,
    seen_before: bool,
}

/// Counts beyond one tell nothing new; without a bound the walk would not end.
fn bounded(mut walked: Walked) -> Walked {
    walked.status.reinfections = walked.status.reinfections.min(1);
    walked.status.escalations = walked.status.escalations.min(1);
    walked.status.quiet_days = walked.status.quiet_days.min(4);
    walked.silent_days = walked.silent_days.min(4);
    walked
}

fn reachable(mut each: impl FnMut(Walked, Happening, Result<Walked, Refusal>)) -> BTreeSet<Walked> {
    let start = Walked { status: Status::NEW, silent_days: 0, was_long_enough: false, seen_before: true };
    let (mut found, mut open) = (BTreeSet::from([start]), vec![start]);
    while let Some(at) = open.pop() {
        for happening in happenings() {
            let after = step(at.status, happening, needed()).map(|status| {
                let mut next = Walked { status, ..at };
                match happening {
                    Happening::Seen | Happening::Peer(PeerOutcome::Seen) => {
                        (next.silent_days, next.was_long_enough, next.seen_before) = (0, false, true);
                    }
                    Happening::WatchedDay => next.silent_days += 1,
                    Happening::UnwatchedDay => next.silent_days = 0,
                    _ => {}
                }
                next.was_long_enough |= next.silent_days >= needed().days();
                next
            });
            each(at, happening, after);
            if let Ok(next) = after {
                let next = bounded(next);
                if found.insert(next) {
                    open.push(next);
                }
            }
        }
    }
    found
}

#[test]
fn verified_means_quiet_for_the_whole_period_while_watched() {
    let found = reachable(|before, happening, after| {
        let Ok(after) = after else { return };
        let becomes = after.status.shown == Shown::Verified && before.status.shown != Shown::Verified;
        assert!(
            !becomes || happening == Happening::WatchedDay && after.silent_days >= needed().days(),
            "{before:?} {happening:?} {after:?}"
        );
    });
    for walked in &found {
        if walked.status.shown == Shown::Verified {
            assert!(walked.was_long_enough, "{walked:?}");
        }
    }
    // The walk went somewhere: every state of the vocabulary can come about.
    let states: BTreeSet<State> = found.iter().map(|walked| walked.status.state()).collect();
    assert_eq!(states, BTreeSet::from(State::ALL));
}

#[test]
fn losing_the_sensor_after_verification_undoes_nothing_and_being_seen_again_always_does() {
    for status in every_status().filter(|s| s.shown == Shown::Verified && s.said != Said::Withdrawn) {
        assert_eq!(step(status, Happening::UnwatchedDay, needed()), Ok(status));
        let again = step(status, Happening::Seen, needed()).unwrap();
        assert_eq!((again.state(), again.quiet_days, again.reinfections), (State::Reopened, 0, status.reinfections + 1));
    }
    for status in every_status().filter(|s| s.said != Said::Withdrawn && (s.shown != Shown::Active || s.said == Said::Fixed)) {
        assert_eq!(step(status, Happening::Seen, needed()).unwrap().state(), State::Reopened, "{status:?}");
    }
}

#[test]
fn nothing_that_people_say_makes_it_verified_or_unseen() {
    let said = happenings().filter(|h| matches!(h, Happening::Acknowledged | Happening::Answered(_) | Happening::Requested));
    for happening in said.chain([Happening::Escalated, Happening::Withdrawn, Happening::Peer(PeerOutcome::Verified)]) {
        for status in every_status() {
            let Ok(after) = step(status, happening, needed()) else { continue };
            assert_eq!(after.shown == Shown::Verified, status.shown == Shown::Verified, "{status:?} {happening:?}");
            assert_eq!((after.quiet_days, after.reinfections), (status.quiet_days, status.reinfections));
        }
    }
}

#[test]
fn what_comes_from_outside_is_never_refused() {
    for status in every_status() {
        for happening in happenings() {
            let ours = matches!(happening, Happening::Requested | Happening::Escalated | Happening::Withdrawn);
            let result = step(status, happening, needed());
            assert!(ours || result.is_ok(), "{status:?} {happening:?}");
            if let Err(refusal) = result {
                let why = match refusal {
                    Refusal::AlreadyVerified => status.shown == Shown::Verified,
                    Refusal::AlreadyWithdrawn => status.said == Said::Withdrawn,
                    Refusal::NobodyAsked => status.said == Said::Nothing && happening == Happening::Escalated,
                };
                assert!(why, "{status:?} {happening:?} {refusal:?}");
            }
        }
    }
}

#[test]
fn after_withdrawal_nothing_changes() {
    for status in every_status().filter(|s| s.said == Said::Withdrawn) {
        for happening in happenings() {
            assert!(
                step(status, happening, needed()).is_err_and(|e| e != Refusal::NobodyAsked)
                    || step(status, happening, needed()) == Ok(status)
            );
        }
    }
}

#[test]
fn counts_never_fall_and_a_reinfection_follows_a_claim_or_a_verification() {
    reachable(|before, happening, after| {
        let Ok(after) = after else { return };
        let (b, a) = (before.status, after.status);
        assert!(a.reinfections >= b.reinfections && a.escalations >= b.escalations);
        if a.reinfections > b.reinfections {
            assert!(b.said == Said::Fixed || b.shown == Shown::Verified, "{before:?} {happening:?}");
            assert_eq!(a.state(), State::Reopened);
        }
        assert_eq!(a.escalations > b.escalations, happening == Happening::Escalated);
    });
}

#[test]
fn what_is_shown_and_the_days_counted_agree_wherever_one_can_get() {
    for Walked { status, silent_days, .. } in reachable(|_, _, _| {}) {
        let agree = match status.shown {
            Shown::Active | Shown::Unwatched | Shown::Reopened => status.quiet_days == 0,
            Shown::Quiet => (1..needed().days()).contains(&status.quiet_days),
            Shown::Verified => status.quiet_days >= needed().days(),
        };
        assert!(agree, "{status:?}");
        assert!(
            status.said == Said::Withdrawn || status.shown == Shown::Verified || status.quiet_days <= silent_days,
            "{status:?} {silent_days}"
        );
    }
}

#[test]
fn words_are_read_back() {
    assert!(happenings().all(|h| Happening::read(&h.word()) == Some(h)));
    assert!(State::ALL.into_iter().all(|s| State::read(s.as_str()) == Some(s)));
    assert!(Said::ALL.into_iter().all(|s| Said::read(s.as_str()) == Some(s)));
    assert!(Shown::ALL.into_iter().all(|s| Shown::read(s.as_str()) == Some(s)));
    assert_eq!((Answer::read("nonsense"), PeerOutcome::read("seen")), (None, Some(PeerOutcome::Seen)));
}
