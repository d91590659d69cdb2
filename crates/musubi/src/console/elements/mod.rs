//! What pages are made of: tables, paging, states, forms.

pub(crate) mod defang;
pub(crate) mod form;
pub(crate) mod markdown;
pub(crate) mod query;
pub(crate) mod strip;
pub(crate) mod table;

use maud::{Markup, html};

/// A state as a word with a colour; the colour is never alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Waiting,
    Bad,
    Quiet,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Waiting => "waiting",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }
}

/// A word with a tone.
pub(crate) fn badge(tone: Tone, word: &str) -> Markup {
    html! { span class={ "badge " (tone.class()) } { (word) } }
}

/// Why there is nothing, and what to do next.
pub(crate) fn empty(why: &str, next: Option<(&str, &str)>) -> Markup {
    html! {
        div.empty {
            p { (why) }
            @if let Some((to, word)) = next { p { a href=(to) { (word) } } }
        }
    }
}

/// Pages that belong together; the one that is open is marked.
pub(crate) fn tabs(here: &str, label: &str, pages: &[(&str, String)]) -> Markup {
    html! {
        nav.tabs aria-label=(label) {
            @for (to, word) in pages { a href=(to) aria-current=[(here == *to).then_some("page")] { (word) } }
        }
    }
}

/// A figure that leads to its rows.
pub(crate) fn figure(to: &str, number: u64, word: &str) -> Markup {
    html! { a.figure href=(to) { b { (super::words::grouped(number)) } span { (word) } } }
}

/// A name and what it stands for, one under the other.
pub(crate) fn facts(pairs: &[(String, Markup)]) -> Markup {
    html! { dl.facts { @for (name, value) in pairs { div { dt { (name) } dd { (value) } } } } }
}
