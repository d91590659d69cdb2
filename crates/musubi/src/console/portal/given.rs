//! `/portal/evidence`: what an outside party gives us, under terms it chooses, and what became of each row.
//!
//! Terms are said before a byte is taken, so nothing is ever held under wider ones; what we would hold it under stands beside each choice, and
//! is computed by what will decide. Nobody is told here what others gave: neither that it was known, nor by whom.

use axum::body::Bytes;
use axum::extract::{Path, Request};
use casework::model::given::{self, NotTighter};
use casework::model::rights::Right;
use casework::model::terms::{Attribution, Terms, Tlp};
use maud::{Markup, html};
use store::uploads::{Upload, Whose};

use super::Lens;
use crate::api::rest::is_id;
use crate::console::Route;
use crate::console::elements::empty;
use crate::console::elements::query::Query;
use crate::console::elements::table::{Column, ROWS, paging, table};
use crate::console::evidence_new::{became, is_under_way, list, taken};
use crate::console::visit::{Answer, Detail, Fault, Visit};
use crate::console::words::grouped;
use crate::jobs::tighten::{Refused, said, tighten, wanted};
use crate::show::size;

const HERE: &str = "/portal/evidence";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(HERE, Right::GiveInPortal, ask),
        Route::post(HERE, Right::GiveInPortal, take).taking(usize::MAX),
        Route::get("/portal/evidence/{id}", Right::GiveInPortal, own_one),
        Route::post("/portal/evidence/{id}/terms", Right::GiveInPortal, restrict),
    ]
}

async fn ask(visit: Visit) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    page(&visit, &lens).await
}

/// What the party gave, and the form to give more.
pub(crate) async fn page(visit: &Visit, lens: &Lens) -> Answer {
    let before = Query::of(&visit.uri).one("after").and_then(|text| text.parse::<i64>().ok());
    let mut found = visit.server.register.uploads(Whose::OfParty(lens.party.id.as_str()), before, ROWS as u32 + 1).await?;
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let next = found.last().filter(|_| more).map(|last| last.created_at.to_string());
    let base = format!("{}/evidence", lens.base);
    let limits = &visit.server.limits;
    let most = [
        ("file", size(limits.largest_upload.min(limits.largest_outside_upload)).into()),
        ("day", size(limits.outside_bytes_per_day).into()),
        ("files", crate::show::grouped(limits.outside_uploads_per_day).into()),
    ];
    let body = html! {
        p.lead { (visit.say_with("given-lead", &[("feed", given::feed_of(&lens.party.id).into())])) }
        @if lens.theirs {
            form.stack method="post" action=(HERE) enctype="multipart/form-data" data-upload="/api/v1/uploads" data-then=(HERE) {
                (terms(visit, lens))
                label.choice { input type="checkbox" name="unnamed" value="true" checked; " " (visit.say("given-unnamed")) }
                div.field {
                    label for="file" { (visit.say("evidence-new-file")) }
                    input #file type="file" name="file" multiple required aria-describedby="hint-file";
                    p.hint #hint-file { (visit.say_with("given-file-hint", &most)) }
                }
                div.progress data-progress aria-live="polite" {}
                button.first type="submit" { (visit.say("given-do")) }
            }
        } @else { p.hint { (visit.say_with("given-file-hint", &most)) } }
        h2 { (visit.say("given-list")) }
        @if found.is_empty() { (empty(&visit.say("given-none"), None)) } @else { (list(visit, &base, &found, false)) }
        (paging(visit, next.as_deref()))
    };
    Ok(lens.page(visit, &visit.say("nav-portal-evidence"), &body))
}

/// A label must be chosen; none is chosen for anybody.
fn terms(visit: &Visit, lens: &Lens) -> Markup {
    html! {
        fieldset {
            legend { (visit.say("given-terms")) }
            @for tlp in Tlp::ALL {
                (label(visit, lens, tlp, false))
            }
        }
    }
}

/// One label to choose: what it means, and as what we would hold it.
fn label(visit: &Visit, lens: &Lens, tlp: Tlp, chosen: bool) -> Markup {
    let held = lens.standing.transferred(&Terms::of(tlp), &lens.party.id);
    html! {
        label.choice {
            input type="radio" name="tlp" value=(tlp.label()) required checked[chosen]; " "
            span {
                strong { (tlp) } " "
                (visit.say(&format!("given-tlp-{}", tlp.label().to_ascii_lowercase().replace('+', "-"))))
                @if held.tlp != tlp { " " span.quiet { (visit.say_with("given-held", &[("terms", held.tlp.to_string().into())])) } }
            }
        }
    }
}

async fn take(visit: Visit, request: Request) -> Answer {
    Lens::of_partner(&visit).await?;
    taken(&visit, request, HERE).await
}

async fn own_one(visit: Visit, Path(id): Path<String>) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    one(&visit, &lens, &id).await
}

/// What this party gave. What another gave, and what was never given, are the same.
async fn of_party(visit: &Visit, lens: &Lens, id: &str) -> Result<Upload, Fault> {
    let found = if is_id(id) { visit.server.register.upload(id).await? } else { None };
    found.filter(|upload| upload.party == lens.party.id.as_str()).ok_or(Fault::NotFound)
}

/// One evidence that the party gave, and what became of its rows.
pub(crate) async fn one(visit: &Visit, lens: &Lens, id: &str) -> Answer {
    let upload = of_party(visit, lens, id).await?;
    let body = html! {
        (became(visit, &upload, &format!("{}/evidence", lens.base), false))
        (tightened(visit, &upload).await?)
        @if lens.theirs { (tighter(visit, lens, &upload)?) }
    };
    let title = visit.say("evidence-new-one");
    Ok(if is_under_way(&upload) { lens.page_again(visit, &title, 1, &body) } else { lens.page(visit, &title, &body) })
}

/// Each time it was put under stricter terms; and how much had left before, which cannot be called back.
async fn tightened(visit: &Visit, upload: &Upload) -> Result<Markup, Fault> {
    let register = &visit.server.register;
    let all = match &upload.evidence {
        Some(evidence) => register.restrictions(evidence).await?,
        None => Vec::new(),
    };
    let mut rows = Vec::new();
    for one in &all {
        let left = register.left_before(one.number).await?;
        rows.push(vec![
            visit.stamp(one.at),
            html! { (one.before) },
            html! { (one.after) },
            html! { @match left.first() {
                Some(first) => { (visit.say_with("given-left", &[("count", grouped(left.len() as u64).into())])) " " (visit.stamp(first.release.at.as_microsecond())) }
                None => (visit.say("given-left-nothing")),
            } },
        ]);
    }
    let columns = [
        Column::text(visit.say("given-tightened-at")),
        Column::text(visit.say("given-tightened-before")),
        Column::text(visit.say("given-tightened-after")),
        Column::text(visit.say("given-tightened-left")),
    ];
    Ok(html! { @if !rows.is_empty() {
        h2 { (visit.say("given-tightened")) }
        (table(&visit.say("given-tightened"), &columns, &rows))
    } })
}

/// The form for stricter terms: only what is stricter can be chosen.
fn tighter(visit: &Visit, lens: &Lens, upload: &Upload) -> Result<Markup, Fault> {
    if matches!(upload.state.as_str(), "failed" | "withdrawn") || upload.terms.is_none() {
        return Ok(html! {});
    }
    let before = said(upload)?;
    let named = before.attribution.join(Attribution::MUST_NOT) != before.attribution;
    let choices: Vec<Tlp> = Tlp::ALL.into_iter().filter(|tlp| *tlp > before.tlp || (*tlp == before.tlp && named)).collect();
    Ok(html! {
        section.card {
            h2 { (visit.say("given-tighten")) }
            p { (visit.say("given-tighten-why")) }
            @if choices.is_empty() { p.hint { (visit.say("given-tighten-strictest")) } } @else {
                form.stack method="post" action={ (HERE) "/" (upload.id) "/terms" } {
                    fieldset {
                        legend { (visit.say("given-tighten-to")) }
                        @for tlp in &choices { (label(visit, lens, *tlp, *tlp == before.tlp)) }
                    }
                    @if named { label.choice { input type="checkbox" name="unnamed" value="true"; " " (visit.say("given-unnamed")) } }
                    button.danger type="submit" data-question=(visit.say_with("given-tighten-question", &[("name", upload.name.clone().into())])) { (visit.say("given-tighten-do")) }
                }
            }
        }
    })
}

async fn restrict(visit: Visit, Path(id): Path<String>, body: Bytes) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    let upload = of_party(&visit, &lens, &id).await?;
    let form = Query::of_form(&body);
    let tlp = form.one("tlp").and_then(Tlp::read).ok_or_else(|| Fault::Wrong(visit.say("given-tighten-to")))?;
    if upload.terms.is_none() {
        return Err(Fault::Conflict(visit.say("given-nothing-held")));
    }
    let before = said(&upload)?;
    // The form names a label; everything else of the terms stays as it was said.
    let after = wanted(&before, &Terms { tlp, ..before.clone() }, form.one("unnamed").map(|_| true));
    match tighten(&visit.server, &upload, &after, &visit.who()?.shown).await? {
        Ok(_) => {}
        Err(Refused::NotTighter(NotTighter::Looser(_))) => {
            let values = [("before", before.to_string().into()), ("after", after.to_string().into())];
            return Err(Fault::Wrong(visit.say_with("given-looser", &values)));
        }
        Err(Refused::NotTighter(NotTighter::Same)) => return Err(Fault::Wrong(visit.say("given-same"))),
        Err(Refused::Busy) => return Err(Fault::Conflict(visit.say("given-busy"))),
        Err(Refused::NothingHeld | Refused::NotGiven) => return Err(Fault::Conflict(visit.say("given-nothing-held"))),
    }
    let mut response = visit.on_to(&format!("{HERE}/{}", upload.id));
    response.extensions_mut().insert(Detail(format!("{}: {before} to {after}", upload.id)));
    Ok(response)
}
