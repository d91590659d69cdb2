//! Filters kept under a name, each for whoever kept it.

use axum::body::Bytes;
use casework::model::rights::Right;
use maud::{Markup, html};
use store::views::SavedView;

use super::filter;
use crate::console::Route;
use crate::console::elements::query::Query;
use crate::console::visit::{Answer, Fault, Visit};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::post("/events/views", Right::OwnAccount, keep), Route::post("/events/views/forget", Right::OwnAccount, forget)]
}

/// Views one person keeps.
const MOST: usize = 50;

/// Those of whoever asks; machines have none.
pub(super) async fn of(visit: &Visit) -> Result<Vec<SavedView>, Fault> {
    match visit.who()?.session {
        Some(_) => Ok(visit.server.register.saved_views(&visit.who()?.id, "events").await?),
        None => Ok(Vec::new()),
    }
}

/// The filter of an address, without its place in the rows.
fn question(query: &Query) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in query.pairs().filter(|(name, value)| (filter::NAMES.contains(name) || *name == "column") && !value.is_empty()) {
        text.append_pair(name, value);
    }
    text.finish()
}

pub(super) fn shown(visit: &Visit, views: &[SavedView], query: &Query) -> Markup {
    let asked = question(query);
    let this = views.iter().find(|view| view.question == asked);
    html! {
        @if visit.who.as_ref().is_some_and(|who| who.session.is_some()) && (!views.is_empty() || !asked.is_empty()) {
            div.views {
                @for view in views {
                    a.chip href={ "/events?" (view.question) } aria-current=[(view.question == asked).then_some("page")] { (view.name) }
                }
                @if let Some(view) = this {
                    form method="post" action="/events/views/forget" {
                        input type="hidden" name="id" value=(view.id);
                        button.plain type="submit" { (visit.say("events-view-forget")) }
                    }
                } @else if !asked.is_empty() {
                    details {
                        summary { (visit.say("events-view-keep")) }
                        form.filter method="post" action="/events/views" {
                            input type="hidden" name="question" value=(asked);
                            label for="view-name" { (visit.say("events-view-name")) }
                            input #view-name name="name" required maxlength="80" autocomplete="off";
                            button type="submit" { (visit.say("events-view-keep-do")) }
                        }
                    }
                }
            }
        }
    }
}

async fn keep(visit: Visit, body: Bytes) -> Answer {
    let form = Query::of_form(&body);
    // What is kept is a filter of ours, whatever was sent.
    let asked = question(&Query::of_form(form.one("question").unwrap_or_default().as_bytes()));
    let Some(name) = form.one("name").filter(|name| name.chars().count() <= 80 && asked.len() <= 4000) else {
        return Err(Fault::Wrong(visit.say("events-view-wrong")));
    };
    let views = of(&visit).await?;
    if visit.who()?.session.is_none() || views.len() >= MOST {
        return Err(Fault::Wrong(visit.say("events-view-wrong")));
    }
    let view = SavedView {
        id: crate::sign_in::new_token()?.chars().take(16).collect(),
        person: visit.who()?.id.clone(),
        page: String::from("events"),
        name: name.to_owned(),
        question: asked.clone(),
        created_at: visit.now.as_microsecond(),
    };
    visit.server.register.keep_view(&view).await?;
    Ok(visit.on_to(&format!("/events?{asked}")))
}

async fn forget(visit: Visit, body: Bytes) -> Answer {
    let form = Query::of_form(&body);
    let id = form.one("id").ok_or(Fault::NotFound)?;
    // Only one's own: another's is as if it were not there.
    match visit.server.register.forget_view(id, &visit.who()?.id).await? {
        Some(view) => Ok(visit.on_to(&format!("/events?{}", view.question))),
        None => Err(Fault::NotFound),
    }
}
