//! Fields of forms: a label that is always there, what is wrong beside the field it is about.

use casework::model::writing::{self, Unfit};
use maud::{Markup, html};

use super::query::Query;
use crate::console::visit::{Fault, Visit};

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

/// What somebody wrote into a field, as its measure takes it.
///
/// # Errors
/// When there is nothing in it, or it does not fit.
pub(crate) fn written(visit: &Visit, form: &Query, name: &str, field: writing::Field) -> Result<String, Fault> {
    field.read(form.one(name).unwrap_or_default()).map_err(|unfit| unfit_for(visit, unfit))
}

/// The same for what may be left out.
///
/// # Errors
/// When it does not fit.
pub(crate) fn written_if(visit: &Visit, form: &Query, name: &str, field: writing::Field) -> Result<Option<String>, Fault> {
    let text = field.read_any(form.one(name).unwrap_or_default()).map_err(|unfit| unfit_for(visit, unfit))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn unfit_for(visit: &Visit, unfit: Unfit) -> Fault {
    Fault::Wrong(match unfit {
        Unfit::Empty => visit.say("cases-wrong-empty"),
        Unfit::TooLong(_) => visit.say("cases-wrong-long"),
        Unfit::NotALine | Unfit::Nul => visit.say("cases-wrong-line"),
    })
}
