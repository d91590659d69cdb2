//! Who works here: names as histories keep them and as people read them.

use std::collections::BTreeMap;

use anyhow::Result;
use casework::model::rights::Role;
use maud::{Markup, html};

use super::visit::{Fault, Visit};

/// Everybody with an account, by the name under which they act.
#[derive(Clone, Debug, Default)]
pub(crate) struct Colleagues {
    /// Name → as shown; of those who may work here.
    able: BTreeMap<String, String>,
    all: BTreeMap<String, String>,
}

impl Colleagues {
    /// # Errors
    /// When the register cannot be read.
    pub(crate) async fn of(visit: &Visit) -> Result<Self> {
        let mut colleagues = Self::default();
        for person in visit.server.register.people().await? {
            let able =
                person.disabled_at.is_none() && Role::read(&person.role).is_some_and(|role| !role.is_partner() && role != Role::Auditor);
            if able {
                colleagues.able.insert(person.name.clone(), person.shown.clone());
            }
            colleagues.all.insert(person.name, person.shown);
        }
        Ok(colleagues)
    }

    /// As others read it: parts of this program, and people at the command line, by the name they act under.
    pub(crate) fn shown<'a>(&'a self, name: &'a str) -> &'a str {
        self.all.get(name).map_or(name, String::as_str)
    }

    /// Somebody who can be given work.
    pub(crate) fn can_work(&self, name: &str) -> bool {
        self.able.contains_key(name)
    }

    /// Those who can be given work: name and as shown.
    pub(crate) fn able(&self) -> impl Iterator<Item = (&String, &String)> {
        self.able.iter()
    }

    /// A choice of who works on something; whoever is chosen without an account stays in it.
    pub(crate) fn choice(&self, visit: &Visit, id: &str, label: &str, chosen: Option<&str>) -> Markup {
        html! {
            div.field {
                label for=(id) { (label) }
                select id=(id) name="assignee" {
                    option value="" selected[chosen.is_none()] { (visit.say("people-nobody")) }
                    @if let Some(chosen) = chosen.filter(|name| !self.able.contains_key(*name)) { option value=(chosen) selected { (self.shown(chosen)) } }
                    @for (name, shown) in &self.able { option value=(name) selected[chosen == Some(name)] { (shown) } }
                }
            }
        }
    }
}

/// The name under which whoever asks acts in histories.
///
/// # Errors
/// When nobody is signed in, or the register cannot be read.
pub(crate) async fn acting(visit: &Visit) -> Result<String, Fault> {
    let who = visit.who()?;
    Ok(visit.server.register.person(&who.id).await?.map_or_else(|| who.id.clone(), |person| person.name))
}
