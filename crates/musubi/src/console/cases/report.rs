//! `/cases/{id}/report`: one case on paper. The first page is for whoever reads nothing more; the rest has the details.

use axum::extract::Path;
use casework::model::case::{Did, Entry};
use casework::model::day::Day;
use casework::model::rights::Right;
use casework::verify::takedown::State;
use maud::{Markup, html};
use store::takedowns::TakedownRow;

use super::super::elements::defang::defang;
use super::super::elements::facts;
use super::super::elements::table::{Column, table};
use super::super::pdf::Font;
use super::super::people::Colleagues;
use super::super::takedowns::state_meaning;
use super::super::visit::{Answer, Fault, Visit};
use super::super::words::grouped;
use super::events::Events;
use super::one::File;
use super::timeline::{sentence, state_word};
use super::{day, stage};

/// Entries of the history on paper; the newest.
const ENTRIES: usize = 300;

/// What a report says, before it has a form.
pub(super) struct Report {
    pub(super) file: File,
    pub(super) events: Events,
    /// Under which all of it is held together: `TLP:AMBER`.
    pub(super) tlp: String,
    pub(super) terms: String,
}

impl Report {
    pub(super) async fn of(visit: &Visit, name: &str) -> Result<Self, Fault> {
        let file = File::of(visit, name).await?;
        let events = Events::of(visit, &file.rows).await?;
        let terms = events.terms(visit).await?;
        Ok(Self { file, events, tlp: format!("TLP:{}", terms.tlp.label()), terms: terms.to_string() })
    }

    /// The whole case in sentences.
    pub(super) fn summary(&self, visit: &Visit) -> Vec<String> {
        let (row, case) = (&self.file.row, &self.file.case);
        let mut said = Vec::new();
        if let (Some(first), Some(last)) = (row.first_day, row.last_day) {
            let count = i64::try_from(self.file.events()).unwrap_or(i64::MAX);
            said.push(visit.say_with(
                "cases-summary-seen",
                &[
                    ("shown", grouped(self.file.events()).into()),
                    ("count", count.into()),
                    ("first", day(Some(first)).into()),
                    ("last", day(Some(last)).into()),
                    ("days", grouped(case.days.len() as u64).into()),
                ],
            ));
        }
        let feeds: std::collections::BTreeSet<&str> = self.events.told.iter().map(|told| told.feed.as_str()).collect();
        if !feeds.is_empty() {
            said.push(visit.say_with("cases-summary-feeds", &[("feeds", feeds.into_iter().collect::<Vec<_>>().join(", ").into())]));
        }
        for takedown in &self.file.takedowns {
            said.push(takedown_sentence(visit, takedown));
        }
        let open = case.open_tasks();
        if open > 0 {
            said.push(visit.say_with("cases-summary-tasks", &[("shown", grouped(open as u64).into()), ("count", (open as i64).into())]));
        }
        said.push(match case.closed {
            Some((at, _)) => visit.say_with("cases-summary-closed", &[("at", Day::of(at).to_string().into())]),
            None => visit.say("cases-summary-open"),
        });
        said
    }
}

fn takedown_sentence(visit: &Visit, row: &TakedownRow) -> String {
    let party = row.party.clone().unwrap_or_else(|| visit.say("people-nobody"));
    let key = match State::read(&row.state) {
        Some(State::Verified) => "cases-summary-verified",
        _ => "cases-summary-takedown",
    };
    visit.say_with(
        key,
        &[
            ("takedown", row.id.clone().into()),
            ("party", party.into()),
            ("state", state_word(visit, &row.state).into()),
            ("quiet", row.quiet_days.to_string().into()),
            ("needed", row.needed_days.to_string().into()),
        ],
    )
}

/// What happened, without what machines counted day after day.
pub(super) fn told(file: &File) -> Vec<(&Entry, Option<Did>)> {
    let all: Vec<_> =
        file.entries.iter().map(|entry| (entry, entry.did())).filter(|(_, did)| !matches!(did, Some(Did::Seen { .. }))).collect();
    let skip = all.len().saturating_sub(ENTRIES);
    all.into_iter().skip(skip).collect()
}

pub(super) async fn page(visit: Visit, Path(name): Path<String>) -> Answer {
    let report = Report::of(&visit, &name).await?;
    let people = Colleagues::of(&visit).await?;
    let File { row, case, takedowns, faults, .. } = &report.file;
    let mut pairs = vec![
        (visit.say("cases-id"), html! { (row.id) }),
        (visit.say("cases-state"), stage(&visit, row)),
        (
            visit.say("cases-who"),
            html! { (row.assignee.as_deref().map_or_else(|| visit.say("people-nobody"), |name| people.shown(name).to_owned())) },
        ),
        (visit.say("cases-opened"), visit.stamp(row.opened_at)),
    ];
    if let Some(key) = &row.key {
        pairs.push((visit.say("cases-key"), html! { code { (defang(key)) } }));
    }
    pairs.push((visit.say("cases-terms"), html! { (report.terms) }));
    let body = html! {
        p.actions {
            a.button href={ "/cases/" (row.id) } { (visit.say("cases-report-back")) }
            @match Font::is_there(&visit.server.home, visit.server.limits.font.as_deref()) {
                true if visit.may(Right::Export) => a.button href={ "/cases/" (row.id) "/report.pdf?lang=" (visit.language().as_str()) } { (visit.say("cases-report-pdf")) },
                true => {},
                false => span.quiet { (visit.say("cases-pdf-no-font")) },
            }
            span.quiet { (visit.say("cases-report-print")) }
        }
        div.report {
            p.tlp { (report.tlp) }
            section.summary {
                p.lead { (row.title) }
                (facts(&pairs))
                h2 { (visit.say("cases-summary")) }
                ul { @for sentence in report.summary(&visit) { li { (sentence) } } }
                p.quiet { (visit.say("cases-report-made")) " " (visit.stamp(visit.now.as_microsecond())) }
            }
            section.details {
                @if !takedowns.is_empty() {
                    h2 { (visit.say("nav-takedowns")) }
                    (takedown_table(&visit, takedowns))
                }
                @if !case.tasks.is_empty() {
                    h2 { (visit.say("cases-tasks")) }
                    ul.plain-list { @for task in &case.tasks { li { @if task.done_at.is_some() { "☑ " } @else { "☐ " } (task.title) } } }
                }
                @if !case.participants.is_empty() {
                    h2 { (visit.say("cases-participants")) }
                    ul { @for (party, role) in &case.participants { li { (party) " (" (role) ")" } } }
                }
                @if !report.events.newest.is_empty() {
                    h2 { (visit.say("cases-events")) }
                    (event_table(&visit, &report.events))
                }
                h2 { (visit.say("cases-history")) }
                p { (visit.say(if faults.is_empty() { "cases-chain-good" } else { "cases-chain-broken" })) }
                ol.timeline {
                    @for (entry, did) in told(&report.file) {
                        li {
                            div.when { (visit.stamp(entry.at.as_microsecond())) " " (people.shown(&entry.by)) }
                            div.what { (sentence(&visit, &people, entry, did.as_ref())) }
                        }
                    }
                }
            }
            p.tlp.foot { (report.tlp) " · " (row.id) }
        }
    };
    Ok(visit.page(&format!("{} – {}", visit.say("cases-report"), row.title), &body))
}

fn takedown_table(visit: &Visit, takedowns: &[TakedownRow]) -> Markup {
    table(
        &visit.say("nav-takedowns"),
        &[
            Column::text(visit.say("cases-id")),
            Column::text(visit.say("takedowns-party")),
            Column::text(visit.say("cases-state")),
            Column::number(visit.say("takedowns-quiet")),
            Column::text(visit.say("takedowns-reason")),
        ],
        &takedowns
            .iter()
            .map(|row| {
                vec![
                    html! { (row.id) },
                    html! { (row.party.as_deref().unwrap_or_default()) },
                    html! { (state_word(visit, &row.state)) },
                    html! { (row.quiet_days) "/" (row.needed_days) },
                    html! { (state_meaning(visit, &row.state)) },
                ]
            })
            .collect::<Vec<_>>(),
    )
}

fn event_table(visit: &Visit, events: &Events) -> Markup {
    table(
        &visit.say("cases-events"),
        &[
            Column::text(visit.say("cases-event-at")),
            Column::text(visit.say("cases-event-where")),
            Column::text(visit.say("cases-event-what")),
            Column::text(visit.say("cases-event-feed")),
        ],
        &events
            .newest
            .iter()
            .map(|seen| {
                let place = seen.url.as_deref().or(seen.host.as_deref()).or(seen.ip.as_deref()).unwrap_or("?");
                vec![
                    visit.stamp(seen.at.as_microsecond()),
                    html! { (defang(place)) },
                    html! { (seen.class.as_deref().unwrap_or_default()) " " (seen.malware.as_deref().unwrap_or_default()) },
                    html! { (seen.feed) },
                ]
            })
            .collect::<Vec<_>>(),
    )
}
