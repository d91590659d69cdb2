//! `/notices`: who is told what. Read, approved, held, sent again, taken back; by the jobs that the command line uses.

mod templates;

use axum::body::Bytes;
use axum::extract::Path;
use casework::act::finding::Finding;
use casework::act::handling;
use casework::act::problem::Problem;
use casework::act::state::State;
use casework::model::agreement::Channel;
use casework::model::rights::Right;
use casework::model::writing;
use casework::told::Place;
use maud::{Markup, html};
use store::StoreError;
use store::desk::{WhichNotices, listed_at};
use store::notices::Notice;

use super::Route;
use super::elements::query::Query;
use super::elements::table::{Column, ROWS, paging, table};
use super::elements::{Tone, badge, empty, facts, form};
use super::portal::told::{answered, cursor, next, said};
use super::visit::{Answer, Detail, Fault, Visit};
use super::words::grouped;
use crate::config::Config;
use crate::jobs::office::Desks;
use crate::jobs::post::{self, Previewed};
use crate::keys;

pub(super) fn routes() -> Vec<Route> {
    [
        vec![
            Route::get("/notices", Right::ReadNotices, list),
            Route::get("/notices/{id}", Right::ReadNotices, one),
            Route::post("/notices/{id}/approve", Right::WorkNotices, approve),
            Route::post("/notices/{id}/hold", Right::WorkNotices, hold),
            Route::post("/notices/{id}/let-go", Right::WorkNotices, let_go),
            Route::post("/notices/{id}/again", Right::WorkNotices, again),
            Route::post("/notices/{id}/cancel", Right::WorkNotices, cancel),
        ],
        templates::routes(),
    ]
    .concat()
}

pub(super) fn state(visit: &Visit, notice: &Notice) -> Markup {
    if notice.held_at.is_some() && notice.state == State::Ready {
        return badge(Tone::Waiting, &visit.say("notice-held"));
    }
    let tone = match notice.state {
        State::Delivered => Tone::Good,
        State::Ready => Tone::Waiting,
        State::Failed | State::Denied => Tone::Bad,
        State::Waiting | State::Cancelled => Tone::Quiet,
        State::Released | State::Handing | State::Sent => Tone::Plain,
    };
    badge(tone, &visit.say(&format!("notice-{}", notice.state.as_str())))
}

async fn list(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let party = query.one("party");
    let held = query.one("state") == Some("held");
    let pending = query.one("pending").is_some();
    let wanted = query.one("state").and_then(State::read);
    let problem = query.one("kind").and_then(Problem::read);
    let which = WhichNotices {
        party,
        state: wanted,
        pending,
        problem: problem.map(Problem::as_str),
        out: query.one("out").is_some(),
        held,
        open: query.one("open").is_some(),
        after: query.one("after").and_then(cursor),
    };
    let register = &visit.server.register;
    let mut found = register.notices_page(&which, ROWS as i64 + 1).await?;
    let next = next(&mut found);
    let counts = register.notice_counts(party).await?;
    let config = Config::of(visit.server.home.root())?;
    let columns = ["told-when", "told-number", "notices-state", "notices-party", "portal-problem", "told-subjects", "told-answer"]
        .map(|word| if word == "told-subjects" { Column::number(visit.say(word)) } else { Column::text(visit.say(word)) });
    let rows: Vec<_> = found
        .iter()
        .map(|notice| {
            vec![
                visit.stamp(listed_at(notice)),
                html! { a href={ "/notices/" (notice.id) } { (notice.id) } },
                state(&visit, notice),
                html! { a.id href={ "/parties/" (notice.digest.party) } { (notice.digest.party) } },
                html! { (visit.say(&format!("told-problem-{}", notice.digest.problem.as_str()))) },
                html! { (grouped(notice.findings.unsigned_abs())) },
                html! { @if notice.state.is_out() { (answered(&visit, notice)) } @else if let Some(why) = &notice.reason { span.quiet { (visit.told(Place::Notice, why)) } } },
            ]
        })
        .collect();
    let mut kinds = vec![("", visit.say("problems-all"))];
    kinds.extend(Problem::ALL.iter().map(|problem| (problem.as_str(), visit.say(&format!("told-problem-{}", problem.as_str())))));
    let plain = query.with("after", None).with("pending", None);
    let gathered = State::ALL.iter().filter(|state| matches!(state, State::Waiting | State::Ready));
    let gathered =
        gathered.filter_map(|state| counts.iter().find(|(known, _)| known == state)).map(|(_, count)| count.unsigned_abs()).sum();
    let body = html! {
        (cannot_send(&visit, &config))
        nav.tabs aria-label=(visit.say("notices-state")) {
            a href=(plain.with("state", None).link("/notices")) aria-current=[(wanted.is_none() && !held && !pending).then_some("page")] { (visit.say("told-all")) " " span.quiet { (grouped(counts.iter().map(|(_, count)| count.unsigned_abs()).sum())) } }
            a href=(plain.with("state", None).with("pending", Some("1")).link("/notices")) aria-current=[pending.then_some("page")] { (visit.say("notices-pending")) " " span.quiet { (grouped(gathered)) } }
            @for (state, count) in State::ALL.iter().filter_map(|state| counts.iter().find(|(known, _)| known == state)) {
                a href=(plain.with("state", Some(state.as_str())).link("/notices")) aria-current=[(wanted == Some(*state)).then_some("page")] { (visit.say(&format!("notice-{}", state.as_str()))) " " span.quiet { (grouped(count.unsigned_abs())) } }
            }
            a href=(plain.with("state", Some("held")).link("/notices")) aria-current=[held.then_some("page")] { (visit.say("notice-held")) }
        }
        form.filter method="get" action="/notices" {
            @if pending { input type="hidden" name="pending" value="1"; }
            @if let Some(state) = query.one("state") { input type="hidden" name="state" value=(state); }
            (form::field(&form::Field { name: "party", label: &visit.say("notices-party"), value: party.unwrap_or_default(), ..form::Field::default() }))
            (form::choice("kind", &visit.say("portal-problem"), problem.map_or("", Problem::as_str), &kinds))
            button type="submit" { (visit.say("table-filter")) }
            a.button href="/notices/templates" { (visit.say("templates-title")) }
        }
        @if rows.is_empty() { (empty(&visit.say(if counts.is_empty() { "notices-none" } else { "notices-none-such" }), Some(("/notices", &visit.say("table-clear"))))) }
        @else { (table(&visit.say("nav-notices"), &columns, &rows)) (paging(&visit, next.as_deref())) }
    };
    Ok(visit.page(&visit.say("nav-notices"), &body))
}

/// Said wherever somebody might think that something goes out.
fn cannot_send(visit: &Visit, config: &Config) -> Markup {
    html! { @if post::sender(config).is_err() { p.hint.cannot-send { (visit.say("notices-cannot-send")) } } }
}

/// What a person who approves must have read.
async fn previewed(visit: &Visit, config: &Config, notice: &Notice) -> Option<anyhow::Result<Previewed>> {
    if notice.state != State::Ready && notice.state != State::Waiting {
        return None;
    }
    let written = async {
        let desks = Desks::open(&visit.server.home, &visit.server.register, config).await?;
        post::preview(&visit.server.home, &visit.server.register, &desks.office(), &notice.id, visit.now).await
    };
    Some(written.await)
}

async fn known(visit: &Visit, id: &str) -> Result<Notice, Fault> {
    visit.server.register.notice_if(id).await?.ok_or(Fault::NotFound)
}

async fn one(visit: Visit, Path(id): Path<String>) -> Answer {
    let register = &visit.server.register;
    let notice = known(&visit, &id).await?;
    let findings = register.notice_findings(&id).await?;
    let history = register.notice_history(&id).await?;
    let answers = register.answers(Some(&id), false, 20).await?;
    let config = Config::of(visit.server.home.root())?;
    let preview = previewed(&visit, &config, &notice).await;
    let mail = if notice.state.is_out() { register.notice_mail(&id).await? } else { None };
    let pairs = vec![
        (
            visit.say("notices-state"),
            html! { (state(&visit, &notice)) @if let Some(reason) = &notice.reason { " " (visit.told(Place::Notice, reason)) } @if let Some(by) = &notice.held_by { " " (by) } },
        ),
        (
            visit.say("notices-party"),
            html! { a href={ "/parties/" (notice.digest.party) } { (notice.digest.party) } " · " (visit.say(&format!("told-as-{}", notice.digest.role.as_str()))) },
        ),
        (
            visit.say("portal-problem"),
            html! { (visit.say(&format!("told-problem-{}", notice.digest.problem.as_str()))) " · " (grouped(notice.findings.unsigned_abs())) " / " (grouped(notice.events.unsigned_abs())) },
        ),
        (visit.say("notices-recipient"), recipient(&visit, &notice, preview.as_ref().and_then(|preview| preview.as_ref().ok()))),
        (
            visit.say("told-answer"),
            html! { @if notice.state.is_out() { (answered(&visit, &notice)) @if let Some(at) = notice.answer_by { " – " (visit.stamp(at)) } } @else { "–" } },
        ),
    ];
    let body = html! {
        (facts(&pairs))
        (buttons(&visit, &config, &notice, preview.as_ref().and_then(|preview| preview.as_ref().ok())))
        @match &preview {
            Some(Ok(preview)) => (letter(&visit, preview)),
            Some(Err(error)) => p.wrong { (visit.say("notices-no-preview")) " " (format!("{error:#}")) },
            None => @if let Some(mail) = &mail { (sent(&visit, &notice, mail)) },
        }
        h2 { (visit.say("told-what")) }
        (told(&visit, &notice, &findings))
        @if !answers.is_empty() {
            h2 { (visit.say("nav-answers")) }
            ul { @for answer in &answers { li { (visit.stamp(answer.received_at)) " " a href={ "/answers/" (answer.id) } { (said(&visit, &answer.says)) } " " span.quiet { (answer.sender.as_deref().unwrap_or_default()) } } } }
        }
        h2 { (visit.say("notices-history")) }
        ol.history { @for (at, what, detail) in &history { li { (visit.stamp(*at)) " " (happened(&visit, what)) @if let Some(detail) = detail { " " span.quiet { (visit.told(Place::Notice, detail)) } } } } }
    };
    Ok(visit.page(&notice.id, &body))
}

fn happened(visit: &Visit, what: &str) -> String {
    let key = format!("notice-{what}");
    if visit.words.has(&key) { visit.say(&key) } else { what.to_owned() }
}

fn recipient(visit: &Visit, notice: &Notice, preview: Option<&Previewed>) -> Markup {
    match (&notice.address, preview) {
        (Some(address), _) => {
            html! { (address) " " @if notice.sealed { (badge(Tone::Good, &visit.say("networks-sealed"))) } @else { (badge(Tone::Quiet, &visit.say("networks-unsealed"))) } }
        }
        (None, Some(preview)) => html! {
            (preview.reached.contact.address) " "
            @match (&preview.unusable, preview.reached.channel) {
                (Some(why), _) => { (badge(Tone::Bad, &visit.say("partner-key-unusable"))) " " (why) }
                (None, Channel::SealedMail) => (badge(Tone::Good, &visit.say("networks-sealed"))),
                (None, _) => (badge(Tone::Quiet, &visit.say("networks-unsealed"))),
            }
        },
        (None, None) => html! { "–" },
    }
}

/// Each names whom it reaches and how many things it tells.
fn buttons(visit: &Visit, config: &Config, notice: &Notice, preview: Option<&Previewed>) -> Markup {
    if !visit.may(Right::WorkNotices) {
        return html! {};
    }
    let sends = post::sender(config).is_ok();
    let to = notice
        .address
        .clone()
        .or_else(|| preview.map(|preview| preview.reached.contact.address.clone()))
        .unwrap_or_else(|| notice.digest.party.clone());
    let count = grouped(notice.findings.unsigned_abs());
    let ask =
        |word: &str| visit.say_with(word, &[("to", to.clone().into()), ("count", notice.findings.into()), ("shown", count.clone().into())]);
    let at = |what: &str| format!("/notices/{}/{what}", notice.id);
    let held = notice.held_at.is_some();
    html! {
        (cannot_send(visit, config))
        div.actions {
            @if notice.state == State::Ready {
                @if held {
                    form method="post" action=(at("let-go")) { button type="submit" data-question=(ask("notices-ask-let-go")) { (visit.say("notices-let-go")) } }
                } @else {
                    @if preview.is_some_and(|preview| preview.unusable.is_none()) && sends {
                        form method="post" action=(at("approve")) { button.first type="submit" data-question=(ask("notices-ask-approve")) { (visit.say("notices-approve")) } }
                    }
                    form method="post" action=(at("hold")) { button type="submit" data-question=(ask("notices-ask-hold")) { (visit.say("notices-hold")) } }
                }
            }
            @if matches!(notice.state, State::Failed | State::Sent) && sends {
                form method="post" action=(at("again")) { button type="submit" data-question=(ask("notices-ask-again")) { (visit.say("notices-again")) } }
            }
        }
        @if matches!(notice.state, State::Ready | State::Waiting) {
            details {
                summary { (visit.say("notices-cancel")) }
                form.stack method="post" action=(at("cancel")) {
                    (form::field(&form::Field { name: "reason", label: &visit.say("notices-reason"), required: true, ..form::Field::default() }))
                    button.danger type="submit" data-question=(ask("notices-ask-cancel")) { (visit.say("notices-cancel")) }
                }
            }
        }
    }
}

/// Exactly what would be sent.
fn letter(visit: &Visit, preview: &Previewed) -> Markup {
    let language = visit.language();
    html! {
        section.card.letter {
            h2 { (visit.say("notices-letter")) }
            p { strong { (preview.letter.subject) } }
            pre { (preview.letter.body) }
            h3 { (visit.say("notices-files")) }
            ul { @for (name, size) in &preview.files { li { (name) " " span.quiet { (grouped(*size as u64)) " B" } } } }
        }
        section.card {
            h2 { (visit.say("notices-why")) }
            p { (visit.say("explain-held-under")) " " strong { (preview.tlp) } " – " (visit.say("told-answer-by")) " " (visit.stamp(preview.answer_by.as_microsecond())) }
            @if preview.kept_back > 0 { p.hint { (visit.say_with("notices-kept-back", &[("shown", grouped(preview.kept_back as u64).into())])) } }
            ol.chain { @for reason in &preview.explained.reasons { li { (reason.text(language)) " " code.quiet { (reason.rule) } } } }
            ul { @for one in handling::sentences(&preview.explained.obligations, language) { li { (one) } } }
        }
    }
}

/// What was sent, as far as we can still read it.
fn sent(visit: &Visit, notice: &Notice, mail: &[u8]) -> Markup {
    let parts = formats::mail::Mail::read(mail);
    let text = parts.parts.iter().find(|part| part.body).map(formats::mail::Part::text);
    html! {
        section.card.letter {
            h2 { (visit.say("notices-letter")) }
            p { strong { (notice.subject.as_deref().unwrap_or_default()) } }
            @if notice.sealed { p.quiet { (visit.say("notices-sealed-text")) } }
            @else if let Some(text) = text { pre { (text) } }
            p.quiet { (grouped(mail.len() as u64)) " B" @if let Some(number) = notice.release { " · " (visit.say("nav-releases")) " " a href={ "/releases/" (notice.id) } { (grouped(number.unsigned_abs())) } } }
        }
    }
}

fn told(visit: &Visit, notice: &Notice, findings: &[Finding]) -> Markup {
    let columns = [
        Column::text(visit.say("told-subject")),
        Column::number(visit.say("problems-port")),
        Column::text(visit.say("problems-what")),
        Column::number(visit.say("portal-observations")),
        Column::text(visit.say("told-last")),
        Column::text(visit.say("notices-may")),
    ];
    let rows: Vec<_> = findings
        .iter()
        .take(ROWS)
        .map(|finding| {
            let event = (finding.event != [0; 16]).then(|| finding.event_id().to_string());
            vec![
                html! { span.mono { (finding.subject()) } },
                html! { (finding.port.map(|port| port.to_string()).unwrap_or_default()) },
                html! { (finding.what()) },
                html! { (grouped(finding.events.into())) },
                visit.stamp(finding.last_seen),
                html! { @if let Some(event) = event { a href={ "/explain?event=" (event) "&to=" (notice.digest.party) } { (visit.say("explain-why")) } } },
            ]
        })
        .collect();
    html! {
        (table(&visit.say("told-what"), &columns, &rows))
        @if findings.len() > ROWS { p.hint { (visit.say_with("parties-more", &[("shown", grouped((findings.len() - ROWS) as u64).into())])) } }
    }
}

fn refused(error: StoreError) -> Fault {
    match error {
        StoreError::Refused(why) => Fault::Conflict(why),
        other => other.into(),
    }
}

fn done(visit: &Visit, id: &str, detail: String) -> Answer {
    let mut response = visit.on_to(&format!("/notices/{id}"));
    response.extensions_mut().insert(Detail(detail));
    Ok(response)
}

/// Decided once more, sealed, into the log, and handed over: what `musubi notice send` does for this one.
async fn approve(visit: Visit, Path(id): Path<String>) -> Answer {
    let notice = known(&visit, &id).await?;
    if notice.state != State::Ready || notice.held_at.is_some() {
        return Err(Fault::Conflict(visit.say("notices-not-ready")));
    }
    let config = Config::of(visit.server.home.root())?;
    // Whoever cannot send does not release either: what is released counts as given.
    if post::sender(&config).is_err() {
        return Err(Fault::Conflict(visit.say("notices-cannot-send")));
    }
    let (home, register) = (visit.server.home.clone(), visit.server.register.clone());
    let only = vec![id.clone()];
    let now = visit.now;
    // The jobs lock files and write letters on all cores.
    let work = move || {
        tokio::runtime::Handle::current().block_on(async {
            let desks = Desks::open(&home, &register, &config).await?;
            let log = keys::log_key(&home, None)?;
            let released = post::release(&home, &register, &desks.office(), &log, &only, now, &mut |_| ()).await?;
            if !released.released.is_empty() {
                let sent = post::send(&home, &register, &config, now, &mut |_| ()).await?;
                if let Some(words) = sent.stopped {
                    tracing::warn!("the mail server stopped us: {words}; what is left stays in the outbox");
                }
            }
            anyhow::Ok(released)
        })
    };
    let released = tokio::task::spawn_blocking(work).await??;
    if let Some((_, why)) = released.unreachable.first() {
        return Err(Fault::Conflict(why.clone()));
    }
    let what = if released.denied.is_empty() { "released" } else { "denied by policy" };
    done(&visit, &id, format!("{id}: {what}"))
}

async fn hold(visit: Visit, Path(id): Path<String>) -> Answer {
    known(&visit, &id).await?;
    visit.server.register.hold_notice(&id, true, &visit.who()?.shown, visit.now.as_microsecond()).await.map_err(refused)?;
    done(&visit, &id, format!("{id}: held"))
}

async fn let_go(visit: Visit, Path(id): Path<String>) -> Answer {
    known(&visit, &id).await?;
    visit.server.register.hold_notice(&id, false, &visit.who()?.shown, visit.now.as_microsecond()).await.map_err(refused)?;
    done(&visit, &id, format!("{id}: let go"))
}

async fn again(visit: Visit, Path(id): Path<String>) -> Answer {
    let notice = known(&visit, &id).await?;
    let config = Config::of(visit.server.home.root())?;
    if post::sender(&config).is_err() {
        return Err(Fault::Conflict(visit.say("notices-cannot-send")));
    }
    visit.server.register.send_notice_again(&id, &visit.who()?.shown, visit.now.as_microsecond()).await.map_err(refused)?;
    let (home, register, now) = (visit.server.home.clone(), visit.server.register.clone(), visit.now);
    let work = move || tokio::runtime::Handle::current().block_on(async { post::send(&home, &register, &config, now, &mut |_| ()).await });
    tokio::task::spawn_blocking(work).await??;
    done(&visit, &id, format!("{id}: again to {}", notice.address.unwrap_or_default()))
}

async fn cancel(visit: Visit, Path(id): Path<String>, body: Bytes) -> Answer {
    known(&visit, &id).await?;
    let reason = form::written_if(&visit, &Query::of_form(&body), "reason", writing::Field::REASON)?;
    let reason = reason.ok_or_else(|| Fault::Wrong(visit.say("notices-reason")))?;
    let desk = crate::jobs::office::desk(&visit.server.home, false)?;
    visit.server.register.cancel_notice(&id, &reason, &desk.rules, visit.now.as_microsecond()).await.map_err(refused)?;
    done(&visit, &id, format!("{id}: {reason}"))
}
