//! Fields of forms: a label that is always there, what is wrong beside the field it is about.

use maud::{Markup, html};

/// A field of text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
    pub(crate) value: &'a str,
    /// As HTML has it; `text` when empty.
    pub(crate) kind: &'a str,
    /// What a browser may fill in; off when empty.
    pub(crate) autocomplete: &'a str,
    pub(crate) hint: &'a str,
    /// What is wrong with the value.
    pub(crate) wrong: Option<&'a str>,
    pub(crate) required: bool,
}

/// One field under its label.
pub(crate) fn field(field: &Field<'_>) -> Markup {
    let kind = if field.kind.is_empty() { "text" } else { field.kind };
    let autocomplete = if field.autocomplete.is_empty() { "off" } else { field.autocomplete };
    let hint = format!("hint-{}", field.name);
    html! {
        div.field {
            label for=(field.name) { (field.label) }
            @if let Some(wrong) = field.wrong { p.wrong id={ "wrong-" (field.name) } { (wrong) } }
            input id=(field.name) name=(field.name) type=(kind) value=(field.value) autocomplete=(autocomplete) required[field.required]
                aria-invalid=[field.wrong.map(|_| "true")] aria-describedby=[(!field.hint.is_empty()).then_some(&hint)] spellcheck="false";
            @if !field.hint.is_empty() { p.hint id=(hint) { (field.hint) } }
        }
    }
}

/// A choice of values with their words.
pub(crate) fn choice(name: &str, label: &str, chosen: &str, options: &[(&str, String)]) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                @for (value, word) in options { option value=(value) selected[*value == chosen] { (word) } }
            }
        }
    }
}

/// Several lines of text.
pub(crate) fn lines(name: &str, label: &str, value: &str, rows: u32) -> Markup {
    html! { div.field { label for=(name) { (label) } textarea id=(name) name=(name) rows=(rows) { (value) } } }
}
