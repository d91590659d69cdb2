//! `musubi person`: who has an account at the console.

use anyhow::{Result, bail};
use casework::model::rights::Role;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::people::{Person, Wanted};
use store::register::Register;

use super::{Place, WrongUsage};
use crate::config::Config;
use crate::pipeline;
use crate::show::{json as say_json, say, table};
use crate::sign_in::gate;
use crate::sign_in::people::{self, Unfit};

/// People with an account at the console, and links that make one
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  musubi person list")]
pub(crate) enum People {
    Add(Add),
    List(List),
    Invite(Invite),
    /// Make a link with which the owner of an account sets another password; a second factor is removed then
    #[command(after_help = "Example:\n  musubi person link hanako")]
    Link(Named),
    /// Change what somebody may; whoever is signed in as them is out
    #[command(after_help = "Example:\n  musubi person role hanako lead")]
    Role(Change),
    /// End an account at once; its entries stay
    #[command(after_help = "Example:\n  musubi person disable hanako")]
    Disable(Named),
    /// Let an account live again
    #[command(after_help = "Example:\n  musubi person enable hanako")]
    Enable(Named),
    /// Open an account that wrong passwords shut
    #[command(after_help = "Example:\n  musubi person unlock hanako")]
    Unlock(Named),
}

/// Make an account; the link it prints lets its owner in once
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi person add hanako --role analyst --shown \"Suzuki Hanako\"")]
pub(crate) struct Add {
    /// What is typed to sign in
    name: String,
    /// administrator, lead, analyst, auditor, partner-administrator or partner
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Role,
    /// The outside party of a partner
    #[arg(long, value_name = "PARTY")]
    party: Option<String>,
    /// What others read
    #[arg(long, value_name = "TEXT")]
    shown: Option<String>,
}

/// List people with an account
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi person list --role administrator")]
pub(crate) struct List {
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Option<Role>,
    #[arg(long, value_name = "PARTY")]
    party: Option<String>,
}

/// Make a link with which somebody makes an account, once, within three days
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi person invite --role analyst")]
pub(crate) struct Invite {
    /// administrator, lead, analyst, auditor, partner-administrator or partner
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Role,
    /// The outside party of a partner
    #[arg(long, value_name = "PARTY")]
    party: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// What is typed to sign in
    name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Change {
    /// What is typed to sign in
    name: String,
    #[arg(value_parser = role)]
    role: Role,
    /// The outside party of a partner
    #[arg(long, value_name = "PARTY")]
    party: Option<String>,
}

fn role(text: &str) -> Result<Role, String> {
    Role::read(text).ok_or_else(|| format!("{text:?} is no role: {}", Role::ALL.map(Role::as_str).join(", ")))
}

impl People {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let now = pipeline::now();
        match self {
            Self::Add(command) => command.run(place, &register, now).await,
            Self::List(command) => command.run(place, &register, now).await,
            Self::Invite(command) => command.run(place, &register, now).await,
            Self::Link(named) => {
                let person = find(&register, &named.name).await?;
                let (secret, end) = people::invite(&register, &person.party, &person.role, Some(&person.id), None, now).await?;
                register.audit(&people::by_command("person link", &person.id, None, now)).await?;
                told_link(place, json!({"name": person.name}), &secret, end)
            }
            Self::Role(change) => {
                let person = find(&register, &change.name).await?;
                let party = fitting(people::party_of(&register, change.role, change.party.as_deref(), now).await?)?;
                kept(register.set_rights(&person.id, &party, change.role.as_str(), now.as_microsecond()).await?)?;
                done(place, &register, "role", &person, Some(format!("{} of {party}", change.role)), now).await
            }
            Self::Disable(named) => {
                let person = find(&register, &named.name).await?;
                kept(register.set_disabled(&person.id, true, now.as_microsecond()).await?)?;
                done(place, &register, "disable", &person, None, now).await
            }
            Self::Enable(named) => {
                let person = find(&register, &named.name).await?;
                kept(register.set_disabled(&person.id, false, now.as_microsecond()).await?)?;
                done(place, &register, "enable", &person, None, now).await
            }
            Self::Unlock(named) => {
                let person = find(&register, &named.name).await?;
                register.unlock(&person.id).await?;
                done(place, &register, "unlock", &person, None, now).await
            }
        }
    }
}

async fn find(register: &Register, name: &str) -> Result<Person> {
    match register.person_named(&name.trim().to_lowercase()).await? {
        Some(person) => Ok(person),
        None => bail!("nobody signs in as {name}; `musubi person list` shows who does"),
    }
}

fn fitting(party: Result<String, Unfit>) -> Result<String> {
    party.map_err(|unfit| WrongUsage(unfit.to_string()).into())
}

fn kept(done: bool) -> Result<()> {
    if done { Ok(()) } else { Err(Unfit::LastAdministrator.into()) }
}

async fn done(place: &Place, register: &Register, what: &str, person: &Person, detail: Option<String>, now: Timestamp) -> Result<()> {
    register.audit(&people::by_command(&format!("person {what}"), &person.id, detail, now)).await?;
    if place.json {
        return say_json(&json!({"id": person.id, "name": person.name, "done": what}));
    }
    say(format!("{}: {what}", person.name))
}

/// Where the link is opened: the name under which the console is, and the port it usually has.
fn told_link(place: &Place, mut about: Value, secret: &str, end: Timestamp) -> Result<()> {
    let limits = Config::of(place.home.root())?.serve;
    let path = format!("/welcome?key={secret}");
    let link = format!("{}{path}", gate::base(&limits, 8080));
    about["link"] = json!(link);
    about["path"] = json!(path);
    about["expires_at"] = json!(end.to_string());
    if place.json {
        return say_json(&about);
    }
    say(format!("This link opens once, until {end}. It is not kept and cannot be shown again:\n  {link}"))
}

impl Add {
    async fn run(self, place: &Place, register: &Register, now: Timestamp) -> Result<()> {
        let Some(name) = people::sign_in_name(&self.name) else {
            return Err(WrongUsage(format!("{:?} is no name to sign in with: no blanks, at most 64 bytes", self.name)).into());
        };
        let party = fitting(people::party_of(register, self.role, self.party.as_deref(), now).await?)?;
        let shown = self.shown.as_deref().unwrap_or(&name);
        let person = people::account(&name, shown, &party, self.role.as_str(), None, now)?;
        if !register.add_person(&person).await? {
            bail!("somebody signs in as {name} already");
        }
        register.audit(&people::by_command("person add", &person.id, Some(format!("{name}: {} of {party}", self.role)), now)).await?;
        let (secret, end) = people::invite(register, &party, self.role.as_str(), Some(&person.id), None, now).await?;
        told_link(place, json!({"id": person.id, "name": name, "party": party, "role": self.role.as_str()}), &secret, end)
    }
}

impl List {
    async fn run(self, place: &Place, register: &Register, now: Timestamp) -> Result<()> {
        let when = |at: Option<i64>| at.and_then(|at| Timestamp::from_microsecond(at).ok()).map(|at| at.to_string());
        let mut rows = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let role = self.role.map(Role::as_str);
            let wanted = Wanted { role, party: self.party.as_deref(), words: None, after: after.as_deref() };
            let page = register.people_listed(wanted, 500).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            for one in &page {
                let state = match (one.disabled_at, one.locked_until) {
                    (Some(_), _) => "disabled",
                    (None, Some(until)) if until > now.as_microsecond() => "locked",
                    _ => "active",
                };
                rows.push(json!({"id": one.id, "name": one.name, "shown": one.shown, "party": one.party, "role": one.role, "state": state,
                    "passkeys": one.passkeys, "password": one.has_password, "second_factor": one.has_totp, "last_seen": when(one.last_seen)}));
            }
        }
        if place.json {
            return say_json(&Value::Array(rows));
        }
        if rows.is_empty() {
            return say("nobody has an account; `musubi serve` prints the link that makes the first one");
        }
        let keys = ["name", "shown", "role", "party", "state", "last_seen"];
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let lines: Vec<Vec<String>> = rows.iter().map(|row| keys.iter().map(|key| text(row, key)).collect()).collect();
        say(table(&keys, &lines, &[]))
    }
}

impl Invite {
    async fn run(self, place: &Place, register: &Register, now: Timestamp) -> Result<()> {
        let party = fitting(people::party_of(register, self.role, self.party.as_deref(), now).await?)?;
        let (secret, end) = people::invite(register, &party, self.role.as_str(), None, None, now).await?;
        register.audit(&people::by_command("person invite", &party, Some(self.role.to_string()), now)).await?;
        told_link(place, json!({"party": party, "role": self.role.as_str()}), &secret, end)
    }
}
