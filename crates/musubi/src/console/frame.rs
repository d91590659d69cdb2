//! What stands around every page: head, name, search, ways to the other pages, who is signed in.

use casework::model::party::Language;
use casework::model::rights::Right;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::assets;
use super::moment::zone_name;
use super::visit::{Visit, Who};

/// What a page says of itself.
#[allow(missing_debug_implementations, reason = "a visit has none")]
pub(super) struct Frame<'a> {
    pub(super) visit: &'a Visit,
    pub(super) title: &'a str,
    /// Loads itself again after so many seconds.
    pub(super) refreshes: Option<u32>,
}

/// A way to a page: where, its word, what it needs.
type Way = (&'static str, &'static str, Right);

/// Our own ways, in groups as work goes.
const WAYS: &[&[Way]] = &[
    &[
        ("/", "nav-overview", Right::ReadEvents),
        ("/events", "nav-events", Right::ReadEvents),
        ("/lookup", "nav-lookup", Right::ReadEvents),
        ("/evidence", "nav-evidence", Right::ReadEvents),
        ("/indicators", "nav-indicators", Right::ReadEvents),
        ("/graph", "nav-graph", Right::ReadEvents),
    ],
    &[
        ("/cases", "nav-cases", Right::ReadCases),
        ("/takedowns", "nav-takedowns", Right::ReadCases),
        ("/notices", "nav-notices", Right::ReadNotices),
        ("/answers", "nav-answers", Right::ReadNotices),
    ],
    &[
        ("/parties", "nav-parties", Right::ReadParties),
        ("/agreements", "nav-agreements", Right::ReadAgreements),
        ("/explain", "nav-explain", Right::ReadParties),
        ("/releases", "nav-releases", Right::ReadReleases),
    ],
    &[
        ("/settings", "nav-settings", Right::ReadSettings),
        ("/settings/people", "nav-people", Right::ReadPeople),
        ("/settings/audit", "nav-audit", Right::ReadPeople),
        ("/api", "nav-api", Right::ReadEvents),
    ],
];

/// The ways of an outside party.
const PORTAL: &[&[Way]] = &[&[
    ("/portal", "nav-portal", Right::UsePortal),
    ("/portal/problems", "nav-portal-problems", Right::UsePortal),
    ("/portal/notices", "nav-portal-notices", Right::UsePortal),
    ("/portal/networks", "nav-portal-networks", Right::UsePortal),
    ("/portal/evidence", "nav-portal-evidence", Right::GiveInPortal),
    ("/portal/downloads", "nav-portal-downloads", Right::UsePortal),
    ("/portal/settings", "nav-portal-settings", Right::ManagePartner),
]];

/// The knot.
pub(super) const KNOT: PreEscaped<&str> = PreEscaped(
    r#"<svg class="knot" viewBox="0 0 32 32" aria-hidden="true"><path d="M11 5a6 6 0 0 0-6 6v2a6 6 0 0 0 6 6h10a4 4 0 0 1 0 8h-3"/><path d="M21 27a6 6 0 0 0 6-6v-2a6 6 0 0 0-6-6H11a4 4 0 0 1 0-8h3"/></svg>"#,
);

pub(super) fn page(frame: &Frame<'_>, body: &Markup) -> Markup {
    let visit = frame.visit;
    let path = visit.uri.path();
    html! {
        (DOCTYPE)
        html lang=(visit.language().as_str()) data-scheme=[visit.scheme.as_deref()] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content=(visit.scheme.as_deref().unwrap_or("light dark"));
                title { (frame.title) " · Musubi" }
                @if let Some(seconds) = frame.refreshes {
                    meta http-equiv="refresh" content=(seconds);
                }
                link rel="icon" href=(assets::path("musubi.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(assets::path("musubi.css"));
                // Painted when it is whole: a half of it would move when the rest comes.
                link rel="expect" href="#foot" blocking="render";
                script src=(assets::path("musubi.js")) defer {}
            }
            body {
                a.skip href="#main" { (visit.say("frame-skip")) }
                @match &visit.who {
                    Some(who) => {
                        (top(visit, who))
                        div.columns {
                            nav.ways aria-label=(visit.say("frame-ways")) {
                                details.menu {
                                    summary { (visit.say("frame-menu")) }
                                    (ways(visit, who, path))
                                }
                                div.always { (ways(visit, who, path)) }
                            }
                            main #main tabindex="-1" { h1 { (frame.title) } (body) }
                        }
                    }
                    None => {
                        header.top { a.name href="/" { (KNOT) " Musubi" } (languages(visit)) }
                        main #main.narrow tabindex="-1" { h1 { (frame.title) } (body) }
                    }
                }
                footer #foot {
                    span { (visit.server.limits.title) }
                    span { (visit.say("frame-times-in")) " " (zone_name(&visit.zone, visit.now)) }
                    @if let Some(contact) = &visit.server.limits.contact { a href={ "mailto:" (contact) } { (contact) } }
                }
            }
        }
    }
}

fn top(visit: &Visit, who: &Who) -> Markup {
    html! {
        header.top {
            a.name href=(visit.home()) { (KNOT) " Musubi" }
            @if !who.role.is_partner() {
                form.search role="search" action="/search" method="get" {
                    input #search type="search" name="q" placeholder=(visit.say("frame-search")) aria-label=(visit.say("frame-search"))
                        autocomplete="off" spellcheck="false" autocapitalize="none";
                    button type="submit" { (visit.say("frame-search-do")) }
                }
            }
            details.person {
                summary { (who.shown) }
                div {
                    p { (who.party) br; span.quiet { (visit.say(&format!("role-{}", who.role))) } }
                    ul {
                        li { a href="/account" { (visit.say("frame-account")) } }
                    }
                    (languages(visit))
                    form method="post" action="/sign-out" { button type="submit" { (visit.say("frame-sign-out")) } }
                }
            }
        }
    }
}

/// The same page in the other language; everything else of its address stays.
fn languages(visit: &Visit) -> Markup {
    let other = match visit.language() {
        Language::En => ("ja", "日本語"),
        Language::Ja => ("en", "English"),
    };
    let rest = form_urlencoded::parse(visit.uri.query().unwrap_or_default().as_bytes()).filter(|(key, _)| key != "lang");
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(rest).append_pair("lang", other.0);
    html! { a.language href={ (visit.uri.path()) "?" (query.finish()) } lang=(other.0) hreflang=(other.0) { (other.1) } }
}

fn ways(visit: &Visit, who: &Who, path: &str) -> Markup {
    let groups = if who.role.is_partner() { PORTAL } else { WAYS };
    // Claims are reached from the parties they are about.
    let path = if path == "/claims" { "/parties" } else { path };
    // The longest way that leads here is the one we are on.
    let here = groups.iter().flat_map(|group| group.iter()).map(|way| way.0);
    let here = here.filter(|to| path == *to || (*to != "/" && path.starts_with(to) && path.as_bytes().get(to.len()) == Some(&b'/')));
    let here = here.max_by_key(|to| to.len());
    html! {
        @for group in groups {
            ul {
                @for (to, word, right) in group.iter() {
                    @if who.role.may(*right) {
                        li { a href=(to) aria-current=[(here == Some(*to)).then_some("page")] { (visit.say(word)) } }
                    }
                }
            }
        }
    }
}
