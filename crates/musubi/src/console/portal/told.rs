//! `/portal/notices`: what a party was told, and its answer; and `/answer/TOKEN`, where whoever holds the mail answers without an account.

use std::time::Instant;

use anyhow::Context as _;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use casework::act::answer::Reply;
use casework::act::finding::{Finding, join_alike};
use casework::act::letter::Role;
use casework::act::token::Token;
use casework::model::agreement::{Channel, Purpose};
use casework::model::rights::Right;
use casework::share::Affected;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::desk::{WhichNotices, listed_at};
use store::notices::Notice;
use store::outbox::Back;

use super::{Lens, give};
use crate::console::Route;
use crate::console::elements::query::Query;
use crate::console::elements::table::{Column, ROWS, paging, table};
use crate::console::elements::{Tone, badge, empty, facts, form};
use crate::console::visit::{Answer, Fault, Visit};
use crate::console::words::grouped;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/portal/notices", Right::UsePortal, own_list),
        Route::get("/portal/notices/{id}", Right::UsePortal, own_one),
        Route::post("/portal/notices/{id}/answer", Right::AnswerInPortal, answer),
        Route::get("/answer/{token}", Right::OwnAccount, by_token).open(),
        Route::post("/answer/{token}", Right::OwnAccount, answer_by_token).open(),
    ]
}

/// `at~id`, where a page of notices ended.
pub(crate) fn cursor(text: &str) -> Option<(i64, String)> {
    let (at, id) = text.split_once('~')?;
    Some((at.parse().ok()?, id.chars().take(80).collect()))
}

/// The cursor of the page after this one.
pub(crate) fn next(notices: &mut Vec<Notice>) -> Option<String> {
    let more = notices.len() > ROWS;
    notices.truncate(ROWS);
    notices.last().filter(|_| more).map(|last| format!("{}~{}", listed_at(last), last.id))
}

async fn own_list(visit: Visit) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    list(&visit, &lens).await
}

pub(crate) async fn list(visit: &Visit, lens: &Lens) -> Answer {
    let query = Query::of(&visit.uri);
    let open = query.one("open").is_some();
    let which = WhichNotices {
        party: Some(lens.party.id.as_str()),
        out: true,
        open,
        after: query.one("after").and_then(cursor),
        ..WhichNotices::default()
    };
    let mut found = visit.server.register.notices_page(&which, ROWS as i64 + 1).await?;
    let next = next(&mut found);
    let columns = [
        Column::text(visit.say("told-when")),
        Column::text(visit.say("told-number")),
        Column::text(visit.say("portal-problem")),
        Column::number(visit.say("told-subjects")),
        Column::text(visit.say("told-answer-by")),
        Column::text(visit.say("told-answer")),
    ];
    let rows: Vec<_> = found
        .iter()
        .map(|notice| {
            vec![
                visit.stamp(listed_at(notice)),
                html! { a href={ (lens.base) "/notices/" (notice.id) } { (notice.id) } },
                html! { (visit.say(&format!("told-problem-{}", notice.digest.problem.as_str()))) },
                html! { (grouped(notice.findings.unsigned_abs())) },
                html! { @if let Some(at) = notice.answer_by { (visit.stamp(at)) } },
                answered(visit, notice),
            ]
        })
        .collect();
    let body = html! {
        p.lead { (visit.say("told-lead")) }
        nav.tabs aria-label=(visit.say("told-which")) {
            a href={ (lens.base) "/notices" } aria-current=[(!open).then_some("page")] { (visit.say("told-all")) }
            a href={ (lens.base) "/notices?open=1" } aria-current=[open.then_some("page")] { (visit.say("told-open")) }
        }
        @if rows.is_empty() { (empty(&visit.say(if open { "told-none-open" } else { "told-none" }), None)) }
        @else { (table(&visit.say("nav-portal-notices"), &columns, &rows)) }
        (paging(visit, next.as_deref()))
    };
    Ok(lens.page(visit, &visit.say("nav-portal-notices"), &body))
}

/// What was answered, or that an answer is waited for.
pub(crate) fn answered(visit: &Visit, notice: &Notice) -> Markup {
    match notice.answer.as_deref() {
        Some(word) => badge(if word == "fixed" { Tone::Good } else { Tone::Plain }, &said(visit, word)),
        None => badge(Tone::Waiting, &visit.say("told-waiting")),
    }
}

/// An answer in the viewer's words; a word of a person stays what it is.
pub(crate) fn said(visit: &Visit, word: &str) -> String {
    match Reply::read(word) {
        Some(reply) => visit.say(&format!("told-reply-{}", reply.as_str())),
        None => word.to_owned(),
    }
}

/// A notice of this party that left the house. Another's, one that is not out and one that does not exist are the same.
async fn theirs(visit: &Visit, lens: &Lens, id: &str) -> Result<Notice, Fault> {
    let notice = visit.server.register.notice_if(id).await?.ok_or(Fault::NotFound)?;
    let mine = notice.digest.party == lens.party.id.as_str() && notice.state.is_out();
    if mine { Ok(notice) } else { Err(Fault::NotFound) }
}

/// One line of what was told, as it is logged.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Line {
    subject: String,
    port: Option<u16>,
    what: String,
    events: u32,
    first_seen: i64,
    last_seen: i64,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Told {
    notice: String,
    lines: Vec<Line>,
    more: bool,
}

async fn own_one(visit: Visit, Path(id): Path<String>) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    one(&visit, &lens, &id).await
}

/// What was told is asked of policy again: an agreement that ended since then ends this way to it too.
pub(crate) async fn one(visit: &Visit, lens: &Lens, id: &str) -> Answer {
    let notice = theirs(visit, lens, id).await?;
    let from = Query::of(&visit.uri).one("after").and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    let affected = match notice.digest.role {
        Role::Operator => Affected::Yes,
        Role::Maker => Affected::Perhaps,
        Role::NationalCsirt | Role::NextInLine => Affected::No,
    };
    let sight = lens.standing.sight(&lens.party.id, affected, Purpose::Notify, Channel::Portal, visit.now);
    let mut findings: Vec<Finding> = visit.server.register.notice_findings(&notice.id).await?;
    findings.retain_mut(|finding| match sight.get(&finding.terms).map(|seen| seen.redactions) {
        Some(redactions) => {
            finding.redact(redactions);
            true
        }
        None => false,
    });
    let findings = join_alike(findings);
    let mut why = give::Why::default();
    let shown = findings.iter().skip(from).take(ROWS);
    why.add(&sight, shown.clone().map(|finding| finding.terms));
    let told = Told {
        notice: notice.id.clone(),
        lines: shown
            .map(|finding| Line {
                subject: finding.subject(),
                port: finding.port,
                what: finding.what().to_owned(),
                events: finding.events,
                first_seen: finding.first_seen,
                last_seen: finding.last_seen,
            })
            .collect(),
        more: findings.len() > from + ROWS,
    };
    let told: Told = give::shown(visit, lens, &format!("notice {}", notice.id), why, &told).await?;
    let columns = [
        Column::text(visit.say("told-subject")),
        Column::number(visit.say("problems-port")),
        Column::text(visit.say("problems-what")),
        Column::number(visit.say("portal-observations")),
        Column::text(visit.say("told-last")),
    ];
    let rows: Vec<_> = told
        .lines
        .iter()
        .map(|line| {
            vec![
                html! { span.mono { (line.subject) } },
                html! { (line.port.map(|port| port.to_string()).unwrap_or_default()) },
                html! { (line.what) },
                html! { (grouped(line.events.into())) },
                visit.stamp(line.last_seen),
            ]
        })
        .collect();
    let pairs = vec![
        (visit.say("told-when"), visit.stamp(listed_at(&notice))),
        (visit.say("portal-problem"), html! { (visit.say(&format!("told-problem-{}", notice.digest.problem.as_str()))) }),
        (visit.say("told-answer-by"), html! { @if let Some(at) = notice.answer_by { (visit.stamp(at)) } }),
        (visit.say("told-answer"), answered(visit, &notice)),
    ];
    let body = html! {
        (facts(&pairs))
        @if lens.theirs { section.card { h2 { (visit.say("told-your-answer")) } (answer_form(visit, &format!("/portal/notices/{}/answer", notice.id))) } }
        h2 { (visit.say("told-what")) }
        @if rows.is_empty() { (empty(&visit.say("told-not-any-more"), None)) } @else { (table(&visit.say("told-what"), &columns, &rows)) }
        (paging(visit, told.more.then(|| (from + ROWS).to_string()).as_deref()))
    };
    Ok(lens.page(visit, &visit.say_with("told-one", &[("notice", notice.id.clone().into())]), &body))
}

fn answer_form(visit: &Visit, to: &str) -> Markup {
    html! {
        form.stack method="post" action=(to) {
            fieldset {
                legend { (visit.say("told-choose")) }
                @for reply in Reply::ALL {
                    label.choice { input type="radio" name="says" value=(reply.as_str()) required; " " (visit.say(&format!("told-reply-{}", reply.as_str()))) }
                }
            }
            (form::lines("comment", &visit.say("told-comment"), "", 4))
            button.first type="submit" { (visit.say("told-send")) }
        }
    }
}

/// What somebody chose, and what they wrote beside.
fn chosen(visit: &Visit, body: &Bytes) -> Result<(Reply, String), Fault> {
    let form = Query::of_form(body);
    let reply = form.one("says").and_then(Reply::read).ok_or_else(|| Fault::Wrong(visit.say("told-choose")))?;
    Ok((reply, form.one("comment").unwrap_or_default().chars().take(10_000).collect()))
}

/// Writes an answer down as if it had come by mail, so that it is found where all answers are.
async fn keep(visit: &Visit, notice: &Notice, from: &str, reply: Reply, comment: &str) -> Result<(), Fault> {
    let register = &visit.server.register;
    let at = visit.now.as_microsecond();
    let date = visit.now.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let from = from.replace(['\r', '\n'], " ");
    let mail = format!(
        "Date: {date}\r\nFrom: {from}\r\nSubject: [{}] {}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n{}\r\n\r\n{}\r\n",
        notice.id,
        reply.as_str(),
        reply.keyword(casework::model::party::Language::En),
        comment.replace("\r\n", "\n").replace('\n', "\r\n"),
    );
    let answer = store::answers::Answer {
        id: Sha256::digest(format!("{at} {mail}")).iter().take(16).map(|byte| format!("{byte:02x}")).collect(),
        came_from: String::from("portal"),
        notice: Some(notice.id.clone()),
        received_at: at,
        sender: Some(from),
        signed_by: None,
        says: reply.as_str().to_owned(),
        because: comment.lines().next().unwrap_or_default().chars().take(200).collect(),
        // Words beside the choice are for a person; the choice alone is understood.
        for_a_person: !comment.is_empty() || reply == Reply::NeedMore,
    };
    register.take_answer(&answer, Some(Back::Answered(reply.as_str())), mail.as_bytes()).await?;
    Ok(())
}

async fn answer(visit: Visit, Path(id): Path<String>, body: Bytes) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    let notice = theirs(&visit, &lens, &id).await?;
    let (reply, comment) = chosen(&visit, &body)?;
    let who = visit.who()?;
    keep(&visit, &notice, &format!("{} ({}, portal)", who.shown, who.party), reply, &comment).await?;
    Ok(visit.on_to(&format!("/portal/notices/{}", notice.id)))
}

/// The notice of a token that came by mail. Guessing is slowed down, and a wrong one tells nothing.
async fn of_token(visit: &Visit, text: &str) -> Result<Notice, Fault> {
    let found = match text.parse::<Token>() {
        Ok(token) => visit.server.register.notice_of_token(token.as_str()).await?.filter(|notice| notice.state.is_out()),
        Err(_) => None,
    };
    match found {
        Some(notice) => Ok(notice),
        None => match visit.server.failures.take(&visit.address, Instant::now()) {
            Ok(()) => Err(Fault::NotFound),
            Err(wait) => Err(Fault::TooMany(wait)),
        },
    }
}

/// To look changes nothing: programs that look at the links of a mail answer nothing. It says no more than that there is such a notice,
/// since what is in a sealed mail does not stand here in the clear.
async fn by_token(visit: Visit, Path(token): Path<String>) -> Answer {
    let notice = of_token(&visit, &token).await?;
    let body = html! {
        p.lead { (visit.say_with("told-by-token", &[("notice", notice.id.clone().into())])) }
        @if let Some(word) = &notice.answer { p { (visit.say("told-answer")) ": " (said(&visit, word)) } }
        (answer_form(&visit, &format!("/answer/{token}")))
    };
    Ok(unread(visit.page(&visit.say_with("told-one", &[("notice", notice.id.clone().into())]), &body)))
}

async fn answer_by_token(visit: Visit, Path(token): Path<String>, body: Bytes) -> Answer {
    let notice = of_token(&visit, &token).await?;
    let (reply, comment) = chosen(&visit, &body)?;
    let address = notice.address.clone().context("a notice that is out has an address")?;
    keep(&visit, &notice, &format!("whoever holds the mail to {address}"), reply, &comment).await?;
    let body = html! { p.done-note role="status" { (visit.say_with("told-thanks", &[("answer", said(&visit, reply.as_str()).into())])) } };
    Ok(unread(visit.page(&visit.say_with("told-one", &[("notice", notice.id.into())]), &body)))
}

/// The address holds a secret: it is kept in no cache and told to nobody.
fn unread(mut response: Response) -> Response {
    use axum::http::{HeaderValue, header};
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
