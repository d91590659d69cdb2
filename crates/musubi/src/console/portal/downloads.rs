//! `/portal/downloads`: everything that can be taken by a program or as a file, and how.

use casework::model::rights::Right;
use maud::html;

use super::Lens;
use crate::console::Route;
use crate::console::elements::table::{Column, table};
use crate::console::visit::{Answer, Visit};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/portal/downloads", Right::UsePortal, own)]
}

async fn own(visit: Visit) -> Answer {
    let lens = Lens::of_partner(&visit).await?;
    page(&visit, &lens)
}

/// All that the party can take with it.
pub(crate) fn page(visit: &Visit, lens: &Lens) -> Answer {
    let columns =
        [Column::text(visit.say("downloads-what")), Column::text(visit.say("downloads-where")), Column::text(visit.say("downloads-how"))];
    let files = ["csv", "json", "stix", "xarf"].map(|ending| {
        let to = format!("{}/problems/download.{ending}?days=30", lens.base);
        vec![
            html! { (visit.say(&format!("downloads-{ending}"))) },
            html! { @if lens.theirs || visit.may(Right::Export) { a href=(to) download { (to) } } @else { (to) } },
            html! { (visit.say("downloads-here")) },
        ]
    });
    let programs = [("downloads-taxii", "/taxii2/"), ("downloads-lists", "/lists/"), ("downloads-misp", "/misp/")]
        .map(|(word, at)| vec![html! { (visit.say(word)) }, html! { code { (at) } }, html! { (visit.say("downloads-token")) }]);
    let body = html! {
        p.lead { (visit.say("downloads-lead")) }
        h2 { (visit.say("downloads-files")) }
        (table(&visit.say("downloads-files"), &columns, &files))
        h2 { (visit.say("downloads-programs")) }
        (table(&visit.say("downloads-programs"), &columns, &programs))
    };
    Ok(lens.page(visit, &visit.say("nav-portal-downloads"), &body))
}
