//! `/cases/{id}/report.pdf`: the report as a file. What it says is what its page says.

use axum::extract::Path;
use axum::http::header;
use axum::response::IntoResponse as _;
use casework::model::case::Did;

use super::super::elements::defang::defang;
use super::super::pdf::{Font, Paper};
use super::super::people::Colleagues;
use super::super::takedowns::state_meaning;
use super::super::visit::{Answer, Visit};
use super::report::{Report, told};
use super::timeline::{sentence, state_word};
use super::{stage_text, time_text};

pub(super) async fn file(visit: Visit, Path(name): Path<String>) -> Answer {
    let report = Report::of(&visit, &name).await?;
    let people = Colleagues::of(&visit).await?;
    let Some(font) = Font::find(&visit.server.home, visit.server.limits.font.as_deref()) else {
        let body = super::super::elements::empty(
            &visit.say("cases-pdf-no-font"),
            Some((&format!("/cases/{}/report", report.file.row.id), &visit.say("cases-report"))),
        );
        return Ok(visit.page(&visit.say("cases-report"), &body));
    };
    let bytes = laid_out(&visit, &people, &report, &font)?;
    let file_name = format!("case-{}-{}.pdf", report.file.row.id, report.tlp.replace([':', '+'], "-"));
    Ok((
        [
            (header::CONTENT_TYPE, "application/pdf".to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{file_name}\"")),
        ],
        bytes,
    )
        .into_response())
}

fn laid_out(visit: &Visit, people: &Colleagues, report: &Report, font: &Font) -> anyhow::Result<Vec<u8>> {
    let (row, case) = (&report.file.row, &report.file.case);
    let mut paper = Paper::new(font, &report.tlp, &format!("{} · {}", visit.server.limits.title, row.id))?;
    let at = |at: jiff::Timestamp| time_text(visit, at);
    paper.text(&visit.say("cases-report"), 11.0, 0.0);
    paper.text(&row.title, 18.0, 0.0);
    let who = row.assignee.as_deref().map_or_else(|| visit.say("people-nobody"), |name| people.shown(name).to_owned());
    let opened = jiff::Timestamp::from_microsecond(row.opened_at).map(at).unwrap_or_default();
    for (name, value) in [
        (visit.say("cases-id"), row.id.clone()),
        (visit.say("cases-state"), stage_text(visit, row)),
        (visit.say("cases-who"), who),
        (visit.say("cases-opened"), opened),
        (visit.say("cases-key"), row.key.as_deref().map(defang).unwrap_or_default()),
        (visit.say("cases-terms"), report.terms.clone()),
    ] {
        if !value.is_empty() {
            paper.row(&[(&name, 0.25), (&value, 0.75)], 10.0);
        }
    }
    paper.heading(&visit.say("cases-summary"));
    for sentence in report.summary(visit) {
        paper.item(&sentence);
    }
    paper.text(&format!("{} {}", visit.say("cases-report-made"), at(visit.now)), 9.0, 0.0);
    paper.new_page();
    if !report.file.takedowns.is_empty() {
        paper.heading(&visit.say("nav-takedowns"));
        for takedown in &report.file.takedowns {
            let days = format!("{}/{}", takedown.quiet_days, takedown.needed_days);
            let party = takedown.party.clone().unwrap_or_default();
            let (state, why) = (state_word(visit, &takedown.state), state_meaning(visit, &takedown.state));
            paper.row(&[(&takedown.id, 0.08), (&party, 0.22), (&state, 0.2), (&days, 0.1), (&why, 0.4)], 9.0);
        }
    }
    if !case.tasks.is_empty() {
        paper.heading(&visit.say("cases-tasks"));
        for task in &case.tasks {
            let done = task.done_at.map(|done| format!(" ({} {})", visit.say("cases-task-done"), at(done))).unwrap_or_default();
            paper.item(&format!("{}{done}", task.title));
        }
    }
    if !case.participants.is_empty() {
        paper.heading(&visit.say("cases-participants"));
        for (party, role) in &case.participants {
            paper.item(&format!("{party} ({role})"));
        }
    }
    if !report.events.newest.is_empty() {
        paper.heading(&visit.say("cases-events"));
        for seen in &report.events.newest {
            let place = seen.url.as_deref().or(seen.host.as_deref()).or(seen.ip.as_deref()).unwrap_or("?");
            let what = [seen.class.as_deref(), seen.malware.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
            paper.row(&[(&at(seen.at), 0.2), (&defang(place), 0.35), (&what, 0.25), (&seen.feed, 0.2)], 8.5);
        }
    }
    paper.heading(&visit.say("cases-history"));
    paper.text(&visit.say(if report.file.faults.is_empty() { "cases-chain-good" } else { "cases-chain-broken" }), 9.0, 0.0);
    for (entry, did) in told(&report.file) {
        let said = match &did {
            // As it was written: what is formatted on the page is plain on paper.
            Some(Did::Noted { text }) => defang(text),
            did => plain(&sentence(visit, people, entry, did.as_ref()).into_string()),
        };
        let when = format!("{}\n{}", at(entry.at), people.shown(&entry.by));
        paper.row(&[(&when, 0.25), (&said, 0.75)], 9.0);
    }
    Ok(paper.finish(&format!("{} – {}", visit.say("cases-report"), row.title), visit.language().as_str())?)
}

/// The words of markup that we made ourselves.
fn plain(markup: &str) -> String {
    let mut out = String::with_capacity(markup.len());
    let mut inside = false;
    for c in markup.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_left_when_markup_goes() {
        assert_eq!(plain("<a href=\"/x\">t1</a>: &lt;b&gt; &amp;amp;"), "t1: <b> &amp;");
    }
}
