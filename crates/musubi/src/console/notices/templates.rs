//! `/notices/templates`: what letters say. A change is looked at on made-up findings before it is in use, and can be taken back to what
//! comes with the program.

use axum::body::Bytes;
use axum::extract::Path;
use casework::act::letter::{self, Letter, LetterError, Letters, NAMES, Role};
use casework::act::problem::Problem;
use casework::model::party::Language;
use casework::model::rights::Right;
use maud::{Markup, html};

use crate::console::Route;
use crate::console::elements::query::Query;
use crate::console::elements::{Tone, badge, form};
use crate::console::visit::{Answer, Detail, Fault, Visit};
use crate::jobs::office;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/notices/templates", Right::ReadNotices, list),
        Route::get("/notices/templates/{name}", Right::ReadNotices, one),
        Route::post("/notices/templates/{name}", Right::ChangeTemplates, save),
        Route::post("/notices/templates/{name}/preview", Right::ChangeTemplates, look),
        Route::post("/notices/templates/{name}/reset", Right::ChangeTemplates, reset),
    ]
}

/// Largest template.
const LONGEST: usize = 64 * 1024;

/// `en`, `compromised.ja`: the language, and the problem where it is for one.
fn named(name: &str) -> Option<(Language, Option<Problem>)> {
    match name.rsplit_once('.') {
        Some((problem, language)) => Some((Language::read(language)?, Some(Problem::read(problem)?))),
        None => Some((Language::read(name)?, None)),
    }
}

async fn list(visit: Visit) -> Answer {
    let own: Vec<String> = office::own_letters(&visit.server.home)?.into_iter().map(|(name, _)| name).collect();
    let mut names: Vec<String> = vec!["ja".into(), "en".into()];
    names.extend(Problem::ALL.iter().flat_map(|problem| ["ja", "en"].map(|language| format!("{}.{language}", problem.as_str()))));
    let body = html! {
        p.lead { (visit.say("templates-lead")) }
        ul.templates {
            @for name in &names { @if let Some((language, problem)) = named(name) {
                li {
                    a href={ "/notices/templates/" (name) } { (visit.say(&format!("party-language-{}", language.as_str()))) " · " @match problem { Some(problem) => (visit.say(&format!("told-problem-{}", problem.as_str()))), None => (visit.say("templates-all")) } }
                    " "
                    @if own.contains(name) { (badge(Tone::Plain, &visit.say("templates-own"))) }
                    @else if problem.is_none() { (badge(Tone::Quiet, &visit.say("templates-built-in"))) }
                }
            } }
        }
    };
    Ok(visit.page(&visit.say("templates-title"), &body))
}

/// The made-up findings on which a template is looked at.
fn sample(letters: &Letters, name: &str, query: &Query) -> Result<Letter, LetterError> {
    let (language, own) = named(name).ok_or_else(|| LetterError::Name(name.to_owned()))?;
    let problem = own.or_else(|| query.one("problem").and_then(Problem::read)).unwrap_or(Problem::Compromised);
    let role = query.one("role").and_then(Role::read).unwrap_or(Role::Operator);
    letter::preview(letters, problem, language, role)
}

/// All templates with this one as it is written now.
fn with(visit: &Visit, name: &str, text: &str) -> Result<Letters, Fault> {
    let mut own = office::own_letters(&visit.server.home)?;
    own.retain(|(known, _)| known != name);
    own.push((name.to_owned(), text.replace("\r\n", "\n")));
    Letters::new(&own).map_err(|error| Fault::Wrong(error.to_string()))
}

async fn one(visit: Visit, Path(name): Path<String>) -> Answer {
    let (language, _) = named(&name).ok_or(Fault::NotFound)?;
    let own = office::own_letters(&visit.server.home)?;
    let letters = office::letters(&visit.server.home)?;
    let text = letters.template(&name).or_else(|| letters.template(language.as_str())).unwrap_or_default();
    let query = Query::of(&visit.uri);
    let shown = sample(&letters, &name, &query).map_err(|error| error.to_string());
    let is_own = own.iter().any(|(known, _)| *known == name);
    Ok(editor(&visit, &name, &text, is_own, &query, shown))
}

fn editor(visit: &Visit, name: &str, text: &str, is_own: bool, query: &Query, shown: Result<Letter, String>) -> axum::response::Response {
    let may = visit.may(Right::ChangeTemplates);
    let problems: Vec<(&str, String)> =
        Problem::ALL.iter().map(|problem| (problem.as_str(), visit.say(&format!("told-problem-{}", problem.as_str())))).collect();
    let roles: Vec<(&str, String)> =
        Role::ALL.iter().map(|role| (role.as_str(), visit.say(&format!("told-as-{}", role.as_str())))).collect();
    let body = html! {
        p { @if is_own { (badge(Tone::Plain, &visit.say("templates-own"))) } @else { (badge(Tone::Quiet, &visit.say("templates-built-in"))) } }
        div.cards {
            form.card.template method="post" action={ "/notices/templates/" (name) } data-preview={ "/notices/templates/" (name) "/preview" } {
                (form::lines("text", &visit.say("templates-text"), text, 28))
                details { summary { (visit.say("templates-names")) } p.mono { (NAMES.join(" ")) } }
                div.filter {
                    @if !name.contains('.') { (form::choice("problem", &visit.say("portal-problem"), query.one("problem").unwrap_or("compromised"), &problems)) }
                    (form::choice("role", &visit.say("templates-role"), query.one("role").unwrap_or("operator"), &roles))
                }
                @if may {
                    div.actions {
                        button type="submit" formaction={ "/notices/templates/" (name) "/preview" } { (visit.say("templates-look")) }
                        button.first type="submit" { (visit.say("templates-save")) }
                    }
                }
            }
            (preview(visit, &shown))
        }
        @if may && is_own {
            form.actions method="post" action={ "/notices/templates/" (name) "/reset" } { button.danger type="submit" data-question=(visit.say("templates-reset-really")) { (visit.say("templates-reset")) } }
        }
    };
    visit.page(&visit.say_with("templates-one", &[("name", name.to_owned().into())]), &body)
}

fn preview(visit: &Visit, shown: &Result<Letter, String>) -> Markup {
    html! {
        section.card.letter #preview aria-live="polite" {
            h2 { (visit.say("templates-preview")) }
            @match shown {
                Ok(letter) => { p { strong { (letter.subject) } } pre { (letter.body) } }
                Err(wrong) => p.wrong role="alert" { (wrong) },
            }
        }
    }
}

fn text(visit: &Visit, query: &Query) -> Result<String, Fault> {
    let text = query.pairs().find(|(key, _)| *key == "text").map(|(_, value)| value.replace("\r\n", "\n")).unwrap_or_default();
    if text.trim().is_empty() || text.len() > LONGEST { Err(Fault::Wrong(visit.say("templates-length"))) } else { Ok(text) }
}

/// Nothing is kept: the page again, with the letter as it would be.
async fn look(visit: Visit, Path(name): Path<String>, body: Bytes) -> Answer {
    named(&name).ok_or(Fault::NotFound)?;
    let query = Query::of_form(&body);
    let text = text(&visit, &query)?;
    let is_own = office::own_letters(&visit.server.home)?.iter().any(|(known, _)| *known == name);
    let shown = match with(&visit, &name, &text) {
        Ok(letters) => sample(&letters, &name, &query).map_err(|error| error.to_string()),
        Err(Fault::Wrong(wrong)) => Err(wrong),
        Err(other) => return Err(other),
    };
    Ok(editor(&visit, &name, &text, is_own, &query, shown))
}

/// In use only when every problem and role can be written with it.
async fn save(visit: Visit, Path(name): Path<String>, body: Bytes) -> Answer {
    let (language, own) = named(&name).ok_or(Fault::NotFound)?;
    let query = Query::of_form(&body);
    let text = text(&visit, &query)?;
    let tried = with(&visit, &name, &text).and_then(|letters| {
        for problem in own.map_or_else(|| Problem::ALL.to_vec(), |problem| vec![problem]) {
            for role in Role::ALL {
                letter::preview(&letters, problem, language, role).map_err(|error| Fault::Wrong(error.to_string()))?;
            }
        }
        Ok(())
    });
    match tried {
        Ok(()) => {}
        Err(Fault::Wrong(wrong)) => {
            let mut page = editor(&visit, &name, &text, true, &query, Err(wrong));
            *page.status_mut() = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(page);
        }
        Err(other) => return Err(other),
    }
    office::write_letter(&visit.server.home, &name, Some(&text))?;
    let mut response = visit.on_to(&format!("/notices/templates/{name}"));
    response.extensions_mut().insert(Detail(format!("template {name}")));
    Ok(response)
}

async fn reset(visit: Visit, Path(name): Path<String>) -> Answer {
    named(&name).ok_or(Fault::NotFound)?;
    office::write_letter(&visit.server.home, &name, None)?;
    let mut response = visit.on_to(&format!("/notices/templates/{name}"));
    response.extensions_mut().insert(Detail(format!("template {name}: built-in again")));
    Ok(response)
}
