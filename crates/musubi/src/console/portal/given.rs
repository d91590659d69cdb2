//! `/portal/evidence`: what an outside party gives us, under terms it chooses, and what became of each row.
//!
//! Terms are said before a byte is taken, so nothing is ever held under wider ones; what we would hold it under stands beside each choice, and
//! is computed by what will decide. Nobody is told here what others gave: neither that it was known, nor by whom.

use axum::extract::{Path, Request};
use casework::model::given;
use casework::model::rights::Right;
use casework::model::terms::{Terms, Tlp};
use maud::{Markup, html};
use store::uploads::{Upload, Whose};

use super::Lens;
use crate::api::rest::is_id;
use crate::console::Route;
use crate::console::elements::empty;
use crate::console::elements::query::Query;
use crate::console::elements::table::{ROWS, paging};
use crate::console::evidence_new::{became, is_under_way, list, taken};
use crate::console::visit::{Answer, Fault, Visit};
use crate::show::size;

const HERE: &str = "/portal/evidence";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(HERE, Right::GiveInPortal, ask),
        Route::post(HERE, Right::GiveInPortal, take).taking(usize::MAX),
        Route::get("/portal/evidence/{id}", Right::GiveInPortal, own_one),
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
                @let held = lens.standing.transferred(&Terms::of(tlp), &lens.party.id);
                label.choice {
                    input type="radio" name="tlp" value=(tlp.label()) required; " "
                    span {
                        strong { (tlp) } " "
                        (visit.say(&format!("given-tlp-{}", tlp.label().to_ascii_lowercase().replace('+', "-"))))
                        @if held.tlp != tlp { " " span.quiet { (visit.say_with("given-held", &[("terms", held.tlp.to_string().into())])) } }
                    }
                }
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
    let body = became(visit, &upload, &format!("{}/evidence", lens.base), false);
    let title = visit.say("evidence-new-one");
    Ok(if is_under_way(&upload) { lens.page_again(visit, &title, 1, &body) } else { lens.page(visit, &title, &body) })
}
