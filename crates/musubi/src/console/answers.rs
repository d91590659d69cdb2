//! `/answers`: what came back. Mails are shown as text and nothing else: no image is loaded, no link can be followed.

use axum::body::Bytes;
use axum::extract::Path;
use casework::act::answer::Reply;
use casework::model::rights::Right;
use formats::html_text::{Piece, pieces, unescape};
use formats::mail::Mail;
use maud::{Markup, html};
use store::StoreError;

use super::Route;
use super::elements::query::Query;
use super::elements::table::{Column, ROWS, paging, table};
use super::elements::{Tone, badge, empty, facts};
use super::portal::told::{cursor, said};
use super::visit::{Answer, Detail, Fault, Visit};
use super::words::grouped;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/answers", Right::ReadNotices, list),
        Route::get("/answers/{id}", Right::ReadNotices, one),
        Route::post("/answers/{id}", Right::WorkNotices, read),
    ]
}

/// Characters of a mail that are shown.
const SHOWN: usize = 100_000;

async fn list(visit: Visit) -> Answer {
    let query = Query::of(&visit.uri);
    let all = query.one("all").is_some();
    let register = &visit.server.register;
    let after = query.one("after").and_then(cursor);
    let mut found = register.answers_page(!all, after.as_ref().map(|(at, id)| (*at, id.as_str())), ROWS as i64 + 1).await?;
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let next = found.last().filter(|_| more).map(|last| format!("{}~{}", last.received_at, last.id));
    let unread = register.unread_answers().await?.unsigned_abs();
    let columns =
        ["answers-when", "answers-from", "nav-notices", "answers-says", "answers-because"].map(|word| Column::text(visit.say(word)));
    let rows: Vec<_> = found
        .iter()
        .map(|answer| {
            vec![
                html! { a href={ "/answers/" (answer.id) } { (visit.stamp(answer.received_at)) } },
                html! { (answer.sender.as_deref().unwrap_or("–")) @if answer.signed_by.is_some() { " " (badge(Tone::Good, &visit.say("answers-signed"))) } },
                html! { @if let Some(notice) = &answer.notice { a href={ "/notices/" (notice) } { (notice) } } @else { span.quiet { (visit.say("answers-no-notice")) } } },
                html! { (says(&visit, &answer.says)) @if answer.for_a_person { " " (badge(Tone::Waiting, &visit.say("answers-unread"))) } },
                html! { (defanged(&answer.because)) },
            ]
        })
        .collect();
    let body = html! {
        p.lead { (visit.say("answers-lead")) }
        nav.tabs aria-label=(visit.say("told-which")) {
            a href="/answers" aria-current=[(!all).then_some("page")] { (visit.say("answers-unread")) " " span.quiet { (grouped(unread)) } }
            a href="/answers?all=1" aria-current=[all.then_some("page")] { (visit.say("told-all")) }
        }
        @if rows.is_empty() { (empty(&visit.say(if all { "answers-none" } else { "answers-none-unread" }), None)) }
        @else { (table(&visit.say("nav-answers"), &columns, &rows)) (paging(&visit, next.as_deref())) }
    };
    Ok(visit.page(&visit.say("nav-answers"), &body))
}

/// What was understood, in words where there are some.
fn says(visit: &Visit, word: &str) -> String {
    let key = format!("says-{word}");
    if visit.words.has(&key) { visit.say(&key) } else { said(visit, word) }
}

/// Text of strangers that no program takes for a link: `hxxp://`, `name[.]example`, `desk[at]name`.
fn defanged(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for word in text.split_inclusive(char::is_whitespace) {
        let lower = word.to_ascii_lowercase();
        let link = lower.contains("://")
            || lower.starts_with("www.")
            || lower.contains('@')
            || lower.starts_with("javascript:")
            || lower.starts_with("data:");
        if link {
            let word = word.replace("http", "hxxp").replace("HTTP", "hXXp").replace("://", "[:]//").replace('@', "[at]");
            out.push_str(&word.replace('.', "[.]"));
        } else {
            out.push_str(word);
        }
    }
    // Marks that turn the direction of writing make a text look like another.
    out.chars()
        .filter(|c| {
            !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
                && (*c == '\n' || *c == '\t' || !c.is_control())
        })
        .collect()
}

/// What of a page is text.
fn plain(page: &str) -> String {
    let (mut out, mut unseen) = (String::new(), 0_u32);
    for (_, piece) in pieces(page) {
        match piece {
            Piece::Open { name, .. } => match name.to_ascii_lowercase().as_str() {
                "style" | "script" | "head" | "title" => unseen += 1,
                "br" | "p" | "div" | "tr" | "li" | "table" | "blockquote" | "pre" => out.push('\n'),
                _ => {}
            },
            Piece::Close { name } if matches!(name.to_ascii_lowercase().as_str(), "style" | "script" | "head" | "title") => {
                unseen = unseen.saturating_sub(1)
            }
            Piece::Text(text) if unseen == 0 => out.push_str(&unescape(text)),
            _ => {}
        }
    }
    out
}

/// The text of a mail and the names of what is attached.
fn shown(visit: &Visit, bytes: &[u8]) -> Markup {
    let mail = Mail::read(bytes);
    let body = mail.parts.iter().find(|part| part.body);
    let text = body.map(|part| if part.media_type == "text/html" { plain(&part.text()) } else { part.text() });
    let text: String = text.unwrap_or_default().chars().take(SHOWN).collect();
    let files: Vec<_> = mail.parts.iter().filter(|part| !part.body).collect();
    html! {
        p { strong { (defanged(mail.header.subject.as_deref().unwrap_or_default())) } }
        @if text.trim().is_empty() { p.quiet { (visit.say("answers-no-text")) } } @else { pre.mail { (defanged(&text)) } }
        @if !files.is_empty() {
            h3 { (visit.say("notices-files")) }
            ul { @for part in files.iter().take(50) { li { (part.name) " " span.quiet { (part.media_type) " " (grouped(part.bytes().len() as u64)) " B" } } } }
            p.hint { (visit.say("answers-files-why")) }
        }
    }
}

async fn one(visit: Visit, Path(id): Path<String>) -> Answer {
    let register = &visit.server.register;
    let answer = register.answer(&id).await?.ok_or(Fault::NotFound)?;
    let mail = register.answer_mail(&id).await?.unwrap_or_default();
    let pairs = vec![
        (visit.say("answers-when"), visit.stamp(answer.received_at)),
        (
            visit.say("answers-from"),
            html! { (answer.sender.as_deref().unwrap_or("–")) " " @match &answer.signed_by { Some(key) => { (badge(Tone::Good, &visit.say("answers-signed"))) " " code { (key) } } None => (badge(Tone::Quiet, &visit.say("answers-unsigned"))) } },
        ),
        (
            visit.say("nav-notices"),
            html! { @match &answer.notice { Some(notice) => a href={ "/notices/" (notice) } { (notice) }, None => (visit.say("answers-no-notice")) } },
        ),
        (
            visit.say("answers-says"),
            html! { (says(&visit, &answer.says)) @if answer.for_a_person { " " (badge(Tone::Waiting, &visit.say("answers-unread"))) } },
        ),
    ];
    let body = html! {
        (facts(&pairs))
        section.card.letter { (shown(&visit, &mail)) }
        @if visit.may(Right::WorkNotices) {
            form.actions method="post" action={ "/answers/" (id) } {
                @if answer.notice.is_some() { @for reply in Reply::ALL { button type="submit" name="says" value=(reply.as_str()) { (visit.say("answers-says-it")) " " (visit.say(&format!("told-reply-{}", reply.as_str()))) } } }
                @if answer.for_a_person { button type="submit" name="says" value="nothing" { (visit.say("answers-read")) } }
            }
        }
    };
    Ok(visit.page(&visit.say("answers-one"), &body))
}

async fn read(visit: Visit, Path(id): Path<String>, body: Bytes) -> Answer {
    let form = Query::of_form(&body);
    let word = form
        .one("says")
        .filter(|word| *word == "nothing" || Reply::read(word).is_some())
        .ok_or_else(|| Fault::Wrong(visit.say("told-choose")))?;
    visit.server.register.answer(&id).await?.ok_or(Fault::NotFound)?;
    let says = Some(word).filter(|word| *word != "nothing");
    match visit.server.register.read_answer(&id, says, visit.now.as_microsecond()).await {
        Ok(()) => {}
        Err(StoreError::Refused(why)) => return Err(Fault::Conflict(why)),
        Err(other) => return Err(other.into()),
    }
    let mut response = visit.on_to("/answers");
    response.extensions_mut().insert(Detail(format!("{id} says {word}")));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_write_leads_nowhere() {
        assert_eq!(defanged("see https://evil.example/a now"), "see hxxps[:]//evil[.]example/a now");
        assert_eq!(defanged("mail a@evil.example\nFIXED. Thanks."), "mail a[at]evil[.]example\nFIXED. Thanks.");
        assert_eq!(defanged("abc\u{202e}def\u{7}"), "abcdef");
    }
}
