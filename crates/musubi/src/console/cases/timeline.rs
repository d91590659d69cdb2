//! What happened in a case, as sentences in the reader's language, by the time at which it happened.

use casework::model::case::{Closing, Did, Entry};
use casework::model::day::Day;
use casework::told::Place;
use casework::verify::takedown::{Answer, Happening, PeerOutcome, State};
use maud::{Markup, html};

use super::super::elements::defang::defang;
use super::super::elements::markdown::markdown;
use super::super::moment;
use super::super::people::Colleagues;
use super::super::visit::Visit;
use super::super::words::grouped;

/// Entries on the page; the newest.
const SHOWN: usize = 200;

/// When something happened, as against when it was written: days were seen before anybody wrote of them.
fn happened(entry: &Entry, did: Option<&Did>) -> i64 {
    match did {
        Some(Did::Seen { days }) => {
            let last = days.iter().filter(|(_, events)| *events > 0).map(|(day, _)| *day).max();
            last.map_or(entry.at.as_microsecond(), |day| Day::from_number(day).next().start().as_microsecond() - 1)
                .min(entry.at.as_microsecond())
        }
        _ => entry.at.as_microsecond(),
    }
}

/// The history, the newest first.
pub(super) fn timeline(visit: &Visit, people: &Colleagues, entries: &[Entry], all: bool) -> Markup {
    let mut told: Vec<(i64, &Entry, Option<Did>)> = entries
        .iter()
        .map(|entry| {
            let did = entry.did();
            (happened(entry, did.as_ref()), entry, did)
        })
        .collect();
    told.sort_by_key(|(at, entry, _)| std::cmp::Reverse((*at, entry.number)));
    let more = !all && told.len() > SHOWN;
    if more {
        told.truncate(SHOWN);
    }
    html! {
        ol.timeline {
            @for (at, entry, did) in &told {
                li id={ "entry-" (entry.number) } class=[matches!(did, Some(Did::Noted { .. })).then_some("noted")] {
                    div.when {
                        @match did {
                            Some(Did::Seen { .. }) => {
                                time datetime=(day_of(*at)) title=(visit.say("cases-day-utc")) { (day_of(*at)) }
                            }
                            _ => (visit.stamp(*at)),
                        }
                        " " span.who { (people.shown(&entry.by)) }
                    }
                    div.what {
                        (sentence(visit, people, entry, did.as_ref()))
                        @if let Some(Did::Seen { .. }) = did { @if entry.at.as_microsecond() - *at > 86_400_000_000 {
                            " " span.quiet { (visit.say("cases-entered")) " " (visit.stamp(entry.at.as_microsecond())) }
                        } }
                    }
                }
            }
        }
        @if more {
            p { a href={ (visit.uri.path()) "?history=all#history" } {
                (visit.say_with("cases-history-all", &[("shown", grouped(entries.len() as u64).into())]))
            } }
        }
    }
}

fn day_of(at: i64) -> String {
    jiff::Timestamp::from_microsecond(at).map_or_else(|_| String::new(), |at| Day::of(at).to_string())
}

/// One entry in words; a note as its writer formatted it.
pub(super) fn sentence(visit: &Visit, people: &Colleagues, entry: &Entry, did: Option<&Did>) -> Markup {
    let Some(did) = did else {
        return html! { span.quiet { (visit.say("cases-did-unknown")) } " " code { (entry.did.chars().take(200).collect::<String>()) } };
    };
    let with = |key: &str, pairs: &[(&str, String)]| {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.clone().into())).collect();
        visit.say_with(key, &pairs)
    };
    let because = |why: &str| html! { @if !why.is_empty() { ": " (why) } };
    match did {
        Did::Opened { title, .. } => html! { (with("cases-did-opened", &[("title", title.clone())])) },
        Did::Seen { days } => {
            let events: u64 = days.iter().map(|(_, events)| events).sum();
            let name = |day: Option<i32>| day.map_or_else(String::new, |day| Day::from_number(day).to_string());
            let (first, last) = (name(days.iter().map(|(day, _)| *day).min()), name(days.iter().map(|(day, _)| *day).max()));
            let key = if first == last { "cases-did-seen-day" } else { "cases-did-seen" };
            let count = i64::try_from(events).unwrap_or(i64::MAX);
            html! { (visit.say_with(key, &[("shown", grouped(events).into()), ("count", count.into()), ("first", first.into()), ("last", last.into())])) }
        }
        Did::Assigned { to: Some(to) } => html! { (with("cases-did-assigned", &[("to", people.shown(to).to_owned())])) },
        Did::Assigned { to: None } => html! { (visit.say("cases-did-unassigned")) },
        Did::Due { at: Some(at) } => html! { (visit.say("cases-did-due")) " " (moment::moment(*at, &visit.zone)) },
        Did::Due { at: None } => html! { (visit.say("cases-did-undue")) },
        Did::Noted { text } => markdown(text),
        Did::TaskAdded { number, title, assignee, due } => html! {
            (with("cases-did-task", &[("number", number.to_string()), ("title", title.clone())]))
            @if let Some(assignee) = assignee { " (" (people.shown(assignee)) ")" }
            @if let Some(due) = due { ", " (visit.say("cases-due-by")) " " (moment::moment(*due, &visit.zone)) }
        },
        Did::TaskDone { number } => html! { (with("cases-did-task-done", &[("number", number.to_string())])) },
        Did::TaskReopened { number } => html! { (with("cases-did-task-again", &[("number", number.to_string())])) },
        Did::Joined { party, role } => html! { (with("cases-did-joined", &[("party", party.clone()), ("role", role.clone())])) },
        Did::Left { party } => html! { (with("cases-did-left", &[("party", party.clone())])) },
        Did::Takedown { takedown, happening, state, detail } => html! {
            a href={ "/takedowns/" (takedown) } { (takedown) } ": " (happening_word(visit, happening))
            @if let Some(detail) = detail.as_deref() { " – " (defang(&visit.told(Place::Takedown, detail))) }
            " → " (state_word(visit, state))
        },
        Did::Closed { into: Some(into), why, .. } => html! {
            (visit.say("cases-did-merged")) " " a href={ "/cases/" (into) } { (into) } (because(why))
        },
        Did::Closed { closing, why, into: None } => html! { (closing_sentence(visit, *closing)) (because(why)) },
        Did::Reopened { why } => html! { (visit.say("cases-did-reopened")) (because(why)) },
        Did::Absorbed { case } => html! { a href={ "/cases/" (case) } { (case) } " " (visit.say("cases-did-absorbed")) },
        Did::Parted { case } => html! { a href={ "/cases/" (case) } { (case) } " " (visit.say("cases-did-parted")) },
    }
}

fn closing_sentence(visit: &Visit, closing: Closing) -> String {
    match closing {
        Closing::Resolved => visit.say("cases-did-resolved"),
        Closing::FalsePositive => visit.say("cases-did-false-positive"),
        Closing::GivenUp => visit.say("cases-did-given-up"),
        Closing::Merged => visit.say("cases-did-merged-same"),
    }
}

/// What happened to a takedown, in a word.
pub(in crate::console) fn happening_word(visit: &Visit, word: &str) -> String {
    match Happening::read(word) {
        Some(Happening::Requested) => visit.say("takedowns-happening-requested"),
        Some(Happening::Acknowledged) => visit.say("takedowns-happening-acknowledged"),
        Some(Happening::Answered(answer)) => answer_word(visit, answer),
        Some(Happening::Peer(outcome)) => match outcome {
            PeerOutcome::Verified => visit.say("takedowns-peer-verified"),
            PeerOutcome::Quiet => visit.say("takedowns-peer-quiet"),
            PeerOutcome::Unwatched => visit.say("takedowns-peer-unwatched"),
            PeerOutcome::Seen => visit.say("takedowns-peer-seen"),
            PeerOutcome::Withdrawn => visit.say("takedowns-peer-withdrawn"),
        },
        Some(Happening::Escalated) => visit.say("takedowns-happening-escalated"),
        Some(Happening::Withdrawn) => visit.say("takedowns-happening-withdrawn"),
        Some(Happening::Seen) => visit.say("takedowns-happening-seen"),
        Some(Happening::WatchedDay) => visit.say("takedowns-day-silent"),
        Some(Happening::UnwatchedDay) => visit.say("takedowns-day-unwatched"),
        None if word == "opened" => visit.say("takedowns-happening-opened"),
        None if word == "assessed" => visit.say("takedowns-happening-assessed"),
        None => word.to_owned(),
    }
}

/// An answer of the one who was asked, in words.
pub(in crate::console) fn answer_word(visit: &Visit, answer: Answer) -> String {
    match answer {
        Answer::Fixed => visit.say("takedowns-answer-fixed"),
        Answer::FalsePositive => visit.say("takedowns-answer-false-positive"),
        Answer::NotOurs => visit.say("takedowns-answer-not-ours"),
        Answer::NeedMore => visit.say("takedowns-answer-need-more"),
        Answer::Declined => visit.say("takedowns-answer-declined"),
        Answer::Automatic => visit.say("takedowns-answer-automatic"),
    }
}

/// How a takedown stands, in words.
pub(in crate::console) fn state_word(visit: &Visit, word: &str) -> String {
    match State::read(word) {
        Some(State::Open) => visit.say("takedowns-state-open"),
        Some(State::Requested) => visit.say("takedowns-state-requested"),
        Some(State::Acknowledged) => visit.say("takedowns-state-acknowledged"),
        Some(State::Fixed) => visit.say("takedowns-state-fixed"),
        Some(State::Disputed) => visit.say("takedowns-state-disputed"),
        Some(State::Misdirected) => visit.say("takedowns-state-misdirected"),
        Some(State::Declined) => visit.say("takedowns-state-declined"),
        Some(State::Quiet) => visit.say("takedowns-state-quiet"),
        Some(State::Unknown) => visit.say("takedowns-state-unknown"),
        Some(State::Verified) => visit.say("takedowns-state-verified"),
        Some(State::Reopened) => visit.say("takedowns-state-reopened"),
        Some(State::Withdrawn) => visit.say("takedowns-state-withdrawn"),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_were_seen_stand_before_what_was_done_about_them() {
        let day = Day::from_number(20_000);
        let at = day.plus(30).start();
        let seen = Did::Seen { days: vec![(19_999, 2), (20_000, 1)] };
        let entry = Entry::after("c1", None, at, "musubi", &seen).unwrap();
        assert_eq!(happened(&entry, Some(&seen)), day.next().start().as_microsecond() - 1);
        let noted = Did::Noted { text: String::new() };
        assert_eq!(happened(&entry, Some(&noted)), at.as_microsecond());
    }
}
