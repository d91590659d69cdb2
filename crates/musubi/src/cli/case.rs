//! `musubi case`: what we work on.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use casework::correlate::group::Window;
use casework::correlate::key::CaseKey;
use casework::model::case::{Case as Told, Closing, Did, Entry, replay};
use casework::model::day::Day;
use casework::model::party::PartyId;
use formats::rsit::Class;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::cases::{CaseRow, Grouping, Wanted};
use store::register::Register;

use super::acting::{Acting, ahead};
use super::{Place, WrongUsage, moment};
use crate::show::{self, grouped, say, table};

/// Work on incidents: events that belong together, tasks, deadlines, participants, history
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Case {
    Group(Group),
    Open(Open),
    List(List),
    Show(Show),
    Assign(Assign),
    Note(Note),
    Task(Task),
    Join(Join),
    Close(Close),
    Merge(Merge),
    VerifyHistory(VerifyHistory),
}

impl Case {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Group(command) => command.run(place).await,
            Self::Open(command) => command.run(place).await,
            Self::List(command) => command.run(place).await,
            Self::Show(command) => command.run(place).await,
            Self::Assign(command) => command.run(place).await,
            Self::Note(command) => command.run(place).await,
            Self::Task(command) => command.run(place).await,
            Self::Join(command) => command.run(place).await,
            Self::Close(command) => command.run(place).await,
            Self::Merge(command) => command.run(place).await,
            Self::VerifyHistory(command) => command.run(place).await,
        }
    }
}

/// Classes that are grouped unless the user names others: somebody must act on each, and they are few enough to be looked at.
const USUAL: [&str; 12] = [
    "infected-system",
    "c2-server",
    "malware-distribution",
    "malware-configuration",
    "phishing",
    "masquerade",
    "privileged-account-compromise",
    "unprivileged-account-compromise",
    "application-compromise",
    "system-compromise",
    "ddos",
    "unauthorised-information-modification",
];

pub(crate) fn class(text: &str) -> Result<Class, String> {
    Class::of(text).ok_or_else(|| format!("{text:?} is no type of RSIT v1003, such as infected-system"))
}

pub(crate) fn key(text: &str) -> Result<CaseKey, String> {
    CaseKey::read(text).ok_or_else(|| {
        format!(
            "{text:?} names nothing: write \"address 192.0.2.1 infected-system malware mirai\", \"c2 192.0.2.1:443\", \
             \"site phishing bank.example /login\" or \"campaign NAME\""
        )
    })
}

/// Make cases of the events that belong together, or extend those there are
///
/// The same infection is address, class and malware (else identifier); the same C2 its address and port; the same phishing site
/// its registered domain and the shape of its path; the same campaign the name that the report gives it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi case group --since 7d --class infected-system --class phishing")]
pub(crate) struct Group {
    /// Events of this day and later (2026-03-23, or an age: 7d)
    #[arg(long, value_name = "TIME", value_parser = moment, default_value = "30d")]
    since: Timestamp,
    /// RSIT type; may be given several times [default: compromises, C2, malware, phishing]
    #[arg(long = "class", value_name = "CLASS", value_parser = class)]
    classes: Vec<Class>,
    /// Longest silence inside one case, in days
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3650))]
    window: u16,
    /// Open a case for so many events or more
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_events: u64,
    #[command(flatten)]
    acting: Acting,
}

impl Group {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let named: BTreeSet<Class> = self.classes.iter().copied().collect();
        let classes = if named.is_empty() { USUAL.into_iter().filter_map(Class::of).collect() } else { named };
        let grouping = Grouping { since: Day::of(self.since), classes, window: Window(self.window), min_events: self.min_events };
        let done = register.group_events(&place.home, &grouping, self.acting.now(), &self.acting.by()).await?;
        if place.json {
            return show::json(&json!({
                "keys": done.keys, "opened": done.opened, "extended": done.extended, "reopened": done.reopened, "merged": done.merged,
                "too_small": done.too_small,
            }));
        }
        say(format!(
            "{} cases opened, {} extended, {} reopened, {} merged",
            grouped(done.opened),
            grouped(done.extended),
            grouped(done.reopened),
            grouped(done.merged)
        ))
    }
}

/// Open a case by hand
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi case open 'Mails with the subject of the draft' --due 3d")]
pub(crate) struct Open {
    title: String,
    /// What it is about, so that events are added to it: "address IP CLASS malware NAME", "c2 IP:PORT", "site CLASS DOMAIN SHAPE",
    /// "campaign NAME"
    #[arg(long, value_name = "KEY", value_parser = key)]
    key: Option<CaseKey>,
    /// Who works on it
    #[arg(long, value_name = "NAME")]
    assignee: Option<String>,
    /// To be done by then: a date, or a span such as 3d
    #[arg(long, value_name = "TIME")]
    due: Option<String>,
    #[command(flatten)]
    acting: Acting,
}

impl Open {
    async fn run(self, place: &Place) -> Result<()> {
        let (now, by) = (self.acting.now(), self.acting.by());
        let due = self.due.as_deref().map(|due| ahead(due, now)).transpose().map_err(WrongUsage)?;
        let register = Register::create(&place.home).await?;
        let id = register.open_case(&self.title, self.key.as_ref(), now, &by).await?;
        let more: Vec<Did> = [self.assignee.map(|to| Did::Assigned { to: Some(to) }), due.map(|at| Did::Due { at: Some(at) })]
            .into_iter()
            .flatten()
            .collect();
        if !more.is_empty() {
            register.change_case(&id, now, &by, |_| Ok(more)).await?;
        }
        if place.json { show::json(&json!({"id": id})) } else { say(id) }
    }
}

/// List cases, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi case list --assignee hana")]
pub(crate) struct List {
    /// Also those that are closed
    #[arg(long)]
    all: bool,
    #[arg(long, value_name = "NAME")]
    assignee: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
}

impl List {
    async fn run(self, place: &Place) -> Result<()> {
        let wanted = Wanted { closed: self.all, assignee: self.assignee, limit: Some(self.limit) };
        let rows = if place.home.exists() { place.register().await?.cases(&wanted).await? } else { Vec::new() };
        if place.json {
            return show::json(&Value::Array(rows.iter().map(row_object).collect()));
        }
        let day = |day: Option<i64>| day.map_or_else(String::new, |day| Day::from_number(day as i32).to_string());
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| {
                vec![
                    row.id.clone(),
                    row.title.clone(),
                    row.closing.clone().unwrap_or_else(|| "open".to_owned()),
                    row.assignee.clone().unwrap_or_default(),
                    row.due.map(time_text).unwrap_or_default(),
                    day(row.first_day),
                    day(row.last_day),
                    grouped(row.events.unsigned_abs()),
                ]
            })
            .collect();
        say(table(&["id", "about", "state", "assignee", "due", "first", "last", "events"], &cells, &[7]).trim_end())
    }
}

pub(crate) fn time_text(at: i64) -> String {
    Timestamp::from_microsecond(at).map_or_else(|_| at.to_string(), |at| at.to_string())
}

fn row_object(row: &CaseRow) -> Value {
    let day = |day: Option<i64>| day.map(|day| Day::from_number(day as i32).to_string());
    json!({
        "id": row.id, "title": row.title, "key": row.key, "state": row.closing.as_deref().unwrap_or("open"),
        "opened_at": time_text(row.opened_at), "closed_at": row.closed_at.map(time_text), "assignee": row.assignee,
        "due": row.due.map(time_text), "events": row.events, "first_day": day(row.first_day), "last_day": day(row.last_day),
        "tasks": row.tasks, "open_tasks": row.open_tasks,
    })
}

/// Show a case with its tasks, participants, takedowns and history
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi case show c1")]
pub(crate) struct Show {
    id: String,
}

impl Show {
    async fn run(self, place: &Place) -> Result<()> {
        let (row, entries) = place.register().await?.case(&self.id).await?;
        let case = replay(&entries);
        if place.json {
            let mut object = row_object(&row);
            object["tasks"] = case
                .tasks
                .iter()
                .map(|t| {
                    json!({"number": t.number, "title": t.title, "assignee": t.assignee, "due": t.due.map(|d| d.to_string()),
                           "done_at": t.done_at.map(|d| d.to_string())})
                })
                .collect();
            object["participants"] = case.participants.iter().map(|(party, role)| json!({"party": party, "role": role})).collect();
            object["takedowns"] = case.takedowns.iter().map(|(id, state)| json!({"id": id, "state": state})).collect();
            object["history"] = entries.iter().map(entry_object).collect();
            return show::json(&object);
        }
        print(&row, &case, &entries)
    }
}

fn entry_object(entry: &Entry) -> Value {
    let did = serde_json::from_str(&entry.did).unwrap_or_else(|_| Value::String(entry.did.clone()));
    json!({"number": entry.number, "at": entry.at.to_string(), "by": entry.by, "what": did, "link": entry.link.to_string()})
}

fn print(row: &CaseRow, case: &Told, entries: &[Entry]) -> Result<()> {
    say(format!("{}  {}  ({})", row.id, row.title, row.closing.as_deref().unwrap_or("open")))?;
    if let (Some(first), Some(last)) = (case.first_day(), case.last_day()) {
        say(format!("  {} events, {first} to {last}", grouped(case.events())))?;
    }
    for (name, value) in [("assignee", row.assignee.clone()), ("due", row.due.map(time_text)), ("key", row.key.clone())] {
        if let Some(value) = value {
            say(format!("  {name}: {value}"))?;
        }
    }
    for task in &case.tasks {
        let mark = if task.done_at.is_some() { "done" } else { "to do" };
        let who = task.assignee.as_deref().map_or_else(String::new, |who| format!(" ({who})"));
        say(format!("  task {}, {mark}: {}{who}", task.number, task.title))?;
    }
    for (party, role) in &case.participants {
        say(format!("  takes part: {party} as {role}"))?;
    }
    for (id, state) in &case.takedowns {
        say(format!("  takedown {id}: {state}"))?;
    }
    say("")?;
    let cells: Vec<Vec<String>> = entries
        .iter()
        .map(|e| vec![e.number.to_string(), e.at.to_string(), e.by.clone(), e.did().map_or_else(|| e.did.clone(), |did| sentence(&did))])
        .collect();
    say(table(&["", "at", "by", "what"], &cells, &[0]).trim_end())
}

/// An entry as people read it.
pub(crate) fn sentence(did: &Did) -> String {
    match did {
        Did::Opened { title, .. } => format!("opened: {title}"),
        Did::Seen { days } => {
            let events: u64 = days.iter().map(|(_, events)| events).sum();
            let name = |day: Option<&(i32, u64)>| day.map_or_else(String::new, |(day, _)| Day::from_number(*day).to_string());
            format!("{} events seen, {} to {}", grouped(events), name(days.first()), name(days.last()))
        }
        Did::Assigned { to } => to.as_ref().map_or_else(|| "assigned to nobody".to_owned(), |to| format!("assigned to {to}")),
        Did::Due { at } => at.map_or_else(|| "no deadline".to_owned(), |at| format!("due {at}")),
        Did::Noted { text } => text.clone(),
        Did::TaskAdded { number, title, .. } => format!("task {number}: {title}"),
        Did::TaskDone { number } => format!("task {number} done"),
        Did::TaskReopened { number } => format!("task {number} taken up again"),
        Did::Joined { party, role } => format!("{party} takes part as {role}"),
        Did::Left { party } => format!("{party} no longer takes part"),
        Did::Takedown { takedown, happening, state, detail } => {
            let detail = detail.as_deref().map_or_else(String::new, |detail| format!(": {detail}"));
            format!("takedown {takedown} {happening}{detail} → {state}")
        }
        Did::Closed { why, into: Some(into), .. } => format!("goes on in {into}: {why}"),
        Did::Closed { closing, why, into: None } => format!("closed, {}: {why}", closing.as_str()),
        Did::Reopened { why } => format!("reopened: {why}"),
        Did::Absorbed { case } => format!("{case} goes on here"),
        Did::Parted { case } => format!("{case} goes on by itself again"),
    }
}

/// Done, in a word or as JSON.
fn done(place: &Place, id: &str, what: &str) -> Result<()> {
    if place.json { show::json(&json!({"id": id})) } else { say(format!("{id}: {what}")) }
}

/// Say who works on a case, and by when
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi case assign c1 hana --due 3d")]
pub(crate) struct Assign {
    id: String,
    /// Nobody, when left out
    name: Option<String>,
    /// To be done by then: a date, or a span such as 3d
    #[arg(long, value_name = "TIME")]
    due: Option<String>,
    #[command(flatten)]
    acting: Acting,
}

impl Assign {
    async fn run(self, place: &Place) -> Result<()> {
        let now = self.acting.now();
        let due = self.due.as_deref().map(|due| ahead(due, now)).transpose().map_err(WrongUsage)?;
        let did = [Some(Did::Assigned { to: self.name.clone() }), due.map(|at| Did::Due { at: Some(at) })].into_iter().flatten().collect();
        place.register().await?.change_case(&self.id, now, &self.acting.by(), |_| Ok(did)).await?;
        done(place, &self.id, "assigned")
    }
}

/// Add a note to the history
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi case note c1 'The maker knows of it and has firmware 2.1'")]
pub(crate) struct Note {
    id: String,
    text: String,
    #[command(flatten)]
    acting: Acting,
}

impl Note {
    async fn run(self, place: &Place) -> Result<()> {
        let did = vec![Did::Noted { text: self.text }];
        place.register().await?.change_case(&self.id, self.acting.now(), &self.acting.by(), |_| Ok(did)).await?;
        done(place, &self.id, "noted")
    }
}

/// Add a task, or say that one is done
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi case task c1 'Ask the maker for the fixed firmware' --assignee ken --due 2d")]
pub(crate) struct Task {
    id: String,
    #[arg(required_unless_present_any = ["done", "undone"])]
    title: Option<String>,
    #[arg(long, value_name = "NAME")]
    assignee: Option<String>,
    /// To be done by then: a date, or a span such as 3d
    #[arg(long, value_name = "TIME")]
    due: Option<String>,
    /// Number of the task that is done
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["title", "assignee", "due"])]
    done: Option<u32>,
    /// Number of the task that was not done after all
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["title", "assignee", "due", "done"])]
    undone: Option<u32>,
    #[command(flatten)]
    acting: Acting,
}

impl Task {
    async fn run(self, place: &Place) -> Result<()> {
        let now = self.acting.now();
        let due = self.due.as_deref().map(|due| ahead(due, now)).transpose().map_err(WrongUsage)?;
        let register = place.register().await?;
        let mut number = 0;
        let decide = |case: &Told| match (self.done, self.undone, &self.title) {
            (Some(finished), _, _) | (None, Some(finished), _) => {
                number = finished;
                case.finish(finished, self.done.is_some()).map_err(|refusal| format!("{}: {refusal}", self.id))
            }
            (None, None, title) => {
                let (next, did) = case.task(title.clone().unwrap_or_default(), self.assignee.clone(), due);
                number = next;
                Ok(vec![did])
            }
        };
        register.change_case(&self.id, now, &self.acting.by(), decide).await?;
        if place.json { show::json(&json!({"id": self.id, "task": number})) } else { say(format!("{}: task {number}", self.id)) }
    }
}

/// Say that a party takes part in a case, or no longer does
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi case join c1 isp-jp.example --role provider")]
pub(crate) struct Join {
    id: String,
    party: PartyId,
    /// What it does in it
    #[arg(long, value_name = "WORD", default_value = "participant")]
    role: String,
    /// It no longer takes part
    #[arg(long)]
    leave: bool,
    #[command(flatten)]
    acting: Acting,
}

impl Join {
    async fn run(self, place: &Place) -> Result<()> {
        let party = self.party.to_string();
        let decide = |case: &Told| match self.leave {
            true => case.leave(&party).map_err(|refusal| format!("{}: {refusal}", self.id)),
            false => Ok(case.join(&party, &self.role)),
        };
        place.register().await?.change_case(&self.id, self.acting.now(), &self.acting.by(), decide).await?;
        done(place, &self.id, if self.leave { "left" } else { "joined" })
    }
}

/// Close a case, or open it again
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi case close c1 --as resolved --why 'all takedowns are verified'")]
pub(crate) struct Close {
    id: String,
    /// resolved, false-positive or given-up
    #[arg(long = "as", value_name = "HOW", default_value = "resolved", value_parser = closing)]
    how: Closing,
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    /// Open it again
    #[arg(long, conflicts_with = "how")]
    reopen: bool,
    #[command(flatten)]
    acting: Acting,
}

fn closing(text: &str) -> Result<Closing, String> {
    let known = Closing::read(text).filter(|closing| *closing != Closing::Merged);
    known.ok_or_else(|| format!("{text:?} is not one of resolved, false-positive, given-up"))
}

impl Close {
    async fn run(self, place: &Place) -> Result<()> {
        let decide = |case: &Told| {
            let did = if self.reopen { case.reopen(self.why.clone()) } else { case.close(self.how, self.why.clone()) };
            did.map_err(|refusal| format!("{}: {refusal}", self.id))
        };
        place.register().await?.change_case(&self.id, self.acting.now(), &self.acting.by(), decide).await?;
        done(place, &self.id, if self.reopen { "open" } else { self.how.as_str() })
    }
}

/// Let a case go on in another one, or by itself again
///
/// Its events go on being counted where they were; whoever opens the other case sees both.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi case merge c1 --into c2 --why 'the same operator'")]
pub(crate) struct Merge {
    id: String,
    /// The case in which it goes on
    #[arg(long, value_name = "CASE")]
    into: String,
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    /// It goes on by itself again
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    acting: Acting,
}

impl Merge {
    async fn run(self, place: &Place) -> Result<()> {
        let (id, into, why) = (self.id.as_str(), self.into.as_str(), self.why.clone());
        let decide = |one: &Told, other: &Told| if self.undo { one.part(id, into, why) } else { one.merge(id, other, into, why) };
        place.register().await?.change_two_cases((id, into), self.acting.now(), &self.acting.by(), decide).await?;
        done(place, id, &if self.undo { "goes on by itself".to_owned() } else { format!("goes on in {into}") })
    }
}

/// Check that nobody changed the history of cases
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi case verify-history")]
pub(crate) struct VerifyHistory {
    /// Cases to check [default: all]
    ids: Vec<String>,
}

impl VerifyHistory {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let ids = if self.ids.is_empty() { register.case_ids().await? } else { self.ids };
        let (mut checked, mut faults) = (0_u64, Vec::new());
        for id in ids {
            let (row, entries) = register.case(&id).await?;
            faults.extend(row.faults(&entries).into_iter().map(|fault| json!({"case": id, "fault": fault})));
            if !register.tasks_are_as_told(&id, &replay(&entries)).await? {
                faults.push(json!({"case": id, "fault": "its tasks differ from what its history says"}));
            }
            checked += 1;
        }
        if place.json {
            show::json(&json!({"checked": checked, "faults": faults}))?;
        } else {
            for fault in &faults {
                say(format!("{}: {}", fault["case"].as_str().unwrap_or_default(), fault["fault"].as_str().unwrap_or_default()))?;
            }
            say(format!("{} cases checked, {} faults", grouped(checked), faults.len()))?;
        }
        if faults.is_empty() { Ok(()) } else { bail!("{} histories are not as they were written", faults.len()) }
    }
}
