//! `musubi notice`: who is told what; drafted, looked at, released, handed over, answered.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use casework::act::attachment;
use casework::act::letter::{self, Letters, Role};
use casework::act::problem::Problem;
use casework::act::state::State;
use casework::model::party::Language;
use indicatif::ProgressBar;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::notices::Notice;
use store::register::Register;

use super::{Place, WrongUsage, moment};
use crate::config::Config;
use crate::jobs::answers;
use crate::jobs::notices;
use crate::jobs::office::{Desks, desk, letters};
use crate::jobs::post::{self, Office};
use crate::show::{self, grouped, say, table};
use crate::{keys, pipeline};

/// Digests for those who can act: drafted, looked at, released, sent, answered
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  musubi notice prepare && musubi notice list --state ready")]
pub(crate) enum Notices {
    Prepare(Prepare),
    List(List),
    Show(Show),
    Preview(Preview),
    Cancel(Cancel),
    Release(Release),
    Send(Send),
    Answers(Answers),
    Inbox(Inbox),
    Denials(Denials),
    Contacts(Contacts),
    Template(Template),
}

impl Notices {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Prepare(command) => command.run(place).await,
            Self::List(command) => command.run(place).await,
            Self::Show(command) => command.run(place).await,
            Self::Preview(command) => command.run(place).await,
            Self::Cancel(command) => command.run(place).await,
            Self::Release(command) => command.run(place).await,
            Self::Send(command) => command.run(place).await,
            Self::Answers(command) => command.run(place).await,
            Self::Inbox(command) => command.run(place).await,
            Self::Denials(command) => command.run(place).await,
            Self::Contacts(command) => command.run(place).await,
            Self::Template(command) => command.run(place),
        }
    }
}

/// The moment at which a command acts.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Clock {
    /// Act as if it were this time: for rehearsals
    #[arg(long, value_name = "TIME", value_parser = moment, hide = true)]
    at: Option<Timestamp>,
}

impl Clock {
    fn now(self) -> Timestamp {
        self.at.unwrap_or_else(pipeline::now)
    }
}

fn bar(place: &Place, what: &'static str) -> ProgressBar {
    if place.json { ProgressBar::hidden() } else { show::spinner(what) }
}

/// Draft digests for those concerned by what came in since the last time
///
/// A digest waits until a burst is over, then it is ready; `notice release` or `notice send` lets it out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi notice prepare")]
pub(crate) struct Prepare {
    /// Let nothing wait: all digests are ready at once
    #[arg(long)]
    at_once: bool,
    /// Also consider evidence again that was received at or after this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    #[command(flatten)]
    clock: Clock,
}

impl Prepare {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let desk = desk(&place.home, self.at_once)?;
        if let Some(since) = self.since {
            register.consider_again(since.as_microsecond()).await?;
        }
        let bar = bar(place, "events considered");
        let done = notices::prepare(&place.home, &register, &desk, self.clock.now(), &mut |n| bar.inc(n)).await;
        bar.finish_and_clear();
        let done = done?;
        let counts = done.counts;
        if place.json {
            return show::json(&json!({
                "evidence": done.evidence, "events": done.events, "nobody": done.nobody, "new": counts.new, "again": counts.again,
                "joined": counts.joined, "known": counts.known, "escalated": counts.escalated, "below_threshold": counts.below_threshold,
                "denied": done.denied, "waiting": done.waiting, "ready": done.ready,
            }));
        }
        say(format!(
            "{} events of {} evidence: {} subjects new, {} again, {} joined digests that wait, {} told lately, {} passed on.\n\
             {} events concern nobody who is known. Policy kept back {}. {} digests wait, {} are ready.",
            grouped(done.events),
            grouped(done.evidence),
            grouped(counts.new),
            grouped(counts.again),
            grouped(counts.joined),
            grouped(counts.known),
            grouped(counts.escalated),
            grouped(done.nobody),
            grouped(done.denied),
            grouped(done.waiting),
            grouped(done.ready.len() as u64),
        ))
    }
}

/// List notices, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi notice list --state ready")]
pub(crate) struct List {
    /// Only of this party
    #[arg(long, value_name = "PARTY")]
    party: Option<String>,
    /// Only in this state: waiting, ready, released, handing, sent, delivered, failed, cancelled, denied
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<State>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: i64,
}

fn state(text: &str) -> Result<State, String> {
    State::read(text).ok_or_else(|| format!("{text:?} is no state: {}", State::ALL.map(State::as_str).join(", ")))
}

impl List {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let notices = register.notices(self.party.as_deref(), self.state, self.limit).await?;
        if place.json {
            return show::json(&Value::Array(notices.iter().map(object).collect()));
        }
        let rows: Vec<Vec<String>> = notices
            .iter()
            .map(|notice| {
                vec![
                    notice.id.clone(),
                    notice.state.as_str().to_owned(),
                    notice.digest.party.clone(),
                    notice.digest.role.as_str().to_owned(),
                    notice.digest.problem.as_str().to_owned(),
                    grouped(notice.findings.unsigned_abs()),
                    grouped(notice.events.unsigned_abs()),
                    time(notice.last_seen).unwrap_or_default(),
                    notice.answer.clone().or(notice.reason.clone()).unwrap_or_default(),
                ]
            })
            .collect();
        say(table(&["id", "state", "party", "told as", "problem", "subjects", "events", "last seen", "answer or reason"], &rows, &[5, 6])
            .trim_end())
    }
}

fn time(micros: Option<i64>) -> Option<String> {
    let at = Timestamp::from_microsecond(micros?).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn object(notice: &Notice) -> Value {
    json!({
        "id": notice.id, "state": notice.state.as_str(), "party": notice.digest.party, "role": notice.digest.role.as_str(),
        "problem": notice.digest.problem.as_str(), "findings": notice.findings, "events": notice.events,
        "first_seen": time(notice.first_seen), "last_seen": time(notice.last_seen), "ready_at": time(notice.ready_at),
        "send_after": time(notice.send_after), "language": notice.language, "address": notice.address, "subject": notice.subject,
        "tlp": notice.tlp, "sealed": notice.sealed, "mail_sha256": notice.mail_sha256, "release": notice.release,
        "released_at": time(notice.released_at), "answer_by": time(notice.answer_by), "attempts": notice.attempts,
        "sent_at": time(notice.sent_at), "delivered_at": time(notice.delivered_at), "answer": notice.answer,
        "answered_at": time(notice.answered_at), "reason": notice.reason,
    })
}

/// Show a notice: what it tells, what happened to it, what came back
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi notice show \"$(musubi notice list --limit 1 | awk 'NR == 3 { print $1 }')\"")]
pub(crate) struct Show {
    id: String,
    /// All that it tells, as CSV on standard output
    #[arg(long, conflicts_with = "mail")]
    csv: bool,
    /// The mail as it was handed over, on standard output
    #[arg(long)]
    mail: bool,
}

impl Show {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let notice = register.notice(&self.id).await?;
        let findings = register.notice_findings(&self.id).await?;
        if self.csv {
            return show::raw(attachment::csv(&findings).as_bytes());
        }
        if self.mail {
            let Some(mail) = register.notice_mail(&self.id).await? else {
                bail!("notice {} is not released, so there is no mail", self.id)
            };
            return show::raw(&mail);
        }
        let history: Vec<Value> = register
            .notice_history(&self.id)
            .await?
            .into_iter()
            .map(|(at, what, detail)| json!({"at": time(Some(at)), "what": what, "detail": detail}))
            .collect();
        let answers: Vec<Value> = register.answers(Some(&self.id), false, 100).await?.iter().map(answer).collect();
        if place.json {
            let mut about = object(&notice);
            about["history"] = Value::Array(history);
            about["answers"] = Value::Array(answers);
            about["worst"] = findings.iter().take(20).map(finding).collect();
            return show::json(&about);
        }
        let mut lines = vec![format!(
            "{}  {}  {} to {} as {}",
            notice.id,
            notice.state.as_str(),
            notice.digest.problem.as_str(),
            notice.digest.party,
            notice.digest.role.as_str()
        )];
        for (name, value) in [
            ("subject", &notice.subject),
            ("to", &notice.address),
            ("terms", &notice.tlp),
            ("answer", &notice.answer),
            ("reason", &notice.reason),
        ] {
            if let Some(value) = value {
                lines.push(format!("  {name:8} {value}"));
            }
        }
        lines.push(String::new());
        let rows: Vec<Vec<String>> = findings
            .iter()
            .take(20)
            .map(|f| {
                let port = f.port.map(|port| port.to_string()).unwrap_or_default();
                vec![f.subject(), port, f.what().to_owned(), grouped(f.events.into()), time(Some(f.last_seen)).unwrap_or_default()]
            })
            .collect();
        lines.push(table(&["subject", "port", "what", "events", "last seen"], &rows, &[3]).trim_end().to_owned());
        if findings.len() > 20 {
            lines.push(format!("… and {} more: musubi notice show --csv {}", findings.len() - 20, notice.id));
        }
        lines.push(String::new());
        for step in &history {
            let text = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
            lines.push(format!("{}  {}  {}", text("at"), text("what"), text("detail")).trim_end().to_owned());
        }
        say(lines.join("\n"))
    }
}

fn finding(finding: &casework::act::finding::Finding) -> Value {
    json!({
        "subject": finding.subject(), "port": finding.port, "what": finding.what(), "type": finding.class.type_(), "events": finding.events,
        "first_seen": time(Some(finding.first_seen)), "last_seen": time(Some(finding.last_seen)),
        "event": (finding.event != [0; 16]).then(|| finding.event_id().to_string()), "terms": finding.terms,
    })
}

/// Read a notice that is ready as it would be written now
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi notice preview \"$(musubi notice list --limit 1 | awk 'NR == 3 { print $1 }')\"")]
pub(crate) struct Preview {
    id: String,
    #[command(flatten)]
    clock: Clock,
}

impl Preview {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let config = Config::of(place.home.root())?;
        let written = with_office(place, &register, &config, async |office| {
            post::preview(&place.home, &register, &office, &self.id, self.clock.now()).await
        })
        .await?
        .letter;
        if place.json {
            return show::json(&json!({"id": self.id, "subject": written.subject, "text": written.body}));
        }
        say(format!("Subject: {}\n\n{}", written.subject, written.body.trim_end()))
    }
}

/// Everything with which notices are written, for as long as `act` takes.
async fn with_office<T>(place: &Place, register: &Register, config: &Config, act: impl AsyncFnOnce(Office<'_>) -> Result<T>) -> Result<T> {
    let desks = Desks::open(&place.home, register, config).await?;
    act(desks.office()).await
}

/// Take back a notice that has not been released
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi notice cancel N-1A2B3C4D --reason 'sensor was wrong'")]
pub(crate) struct Cancel {
    id: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Cancel {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let desk = desk(&place.home, false)?;
        register.cancel_notice(&self.id, &self.reason, &desk.rules, pipeline::now().as_microsecond()).await?;
        if place.json { show::json(&json!({"id": self.id, "state": "cancelled"})) } else { say(format!("{} is cancelled", self.id)) }
    }
}

/// Release notices that are ready: decided once more, sealed, written into the log; nothing is sent yet
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi notice release")]
pub(crate) struct Release {
    /// Only these, whether offices there are open or not [default: all whose time has come]
    ids: Vec<String>,
    #[command(flatten)]
    clock: Clock,
}

impl Release {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let config = Config::of(place.home.root())?;
        let released = release(place, &register, &config, &self.ids, self.clock.now()).await?;
        if place.json {
            return show::json(&released_object(&released));
        }
        say(released_text(&released))
    }
}

async fn release(place: &Place, register: &Register, config: &Config, ids: &[String], now: Timestamp) -> Result<post::Released> {
    for id in ids {
        let notice = register.notice(id).await?;
        if notice.state != State::Ready {
            bail!("notice {id} is {}, not ready", notice.state.as_str());
        }
    }
    let log = keys::log_key(&place.home, None)?;
    let bar = bar(place, "notices released");
    let done = with_office(place, register, config, async |office| {
        post::release(&place.home, register, &office, &log, ids, now, &mut |n| bar.inc(n)).await
    })
    .await;
    bar.finish_and_clear();
    done
}

fn released_object(done: &post::Released) -> Value {
    json!({
        "released": done.released, "denied": done.denied, "later": done.later,
        "unreachable": done.unreachable.iter().map(|(id, reason)| json!({"id": id, "reason": reason})).collect::<Vec<_>>(),
    })
}

fn released_text(done: &post::Released) -> String {
    let mut text = format!(
        "{} released, {} denied by policy, {} wait for office hours",
        grouped(done.released.len() as u64),
        grouped(done.denied.len() as u64),
        grouped(done.later)
    );
    for (id, reason) in &done.unreachable {
        text.push_str(&format!("\n{id}: {reason}"));
    }
    text
}

/// Release what is ready and hand the outbox to the mail server
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi notice send --dry-run")]
pub(crate) struct Send {
    /// Only say what would be released and sent
    #[arg(long)]
    dry_run: bool,
    /// Release nothing new, only hand over what is released
    #[arg(long)]
    outbox_only: bool,
    #[command(flatten)]
    clock: Clock,
}

impl Send {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let now = self.clock.now();
        if self.dry_run {
            return dry_run(place, &register, now).await;
        }
        let config = Config::of(place.home.root())?;
        // Whoever cannot send does not release either: what is released counts as given.
        post::sender(&config)?;
        let released = if self.outbox_only { post::Released::default() } else { release(place, &register, &config, &[], now).await? };
        let bar = bar(place, "mails handed over");
        let sent = post::send(&place.home, &register, &config, now, &mut |n| bar.inc(n)).await;
        bar.finish_and_clear();
        let sent = sent?;
        if place.json {
            let mut told = released_object(&released);
            told["sent"] = sent.taken.into();
            told["retry"] = sent.later.into();
            told["failed"] = sent.failed.into();
            told["unclear"] = sent.unclear.into();
            told["stopped"] = sent.stopped.clone().into();
            show::json(&told)?;
        } else {
            say(format!(
                "{}\n{} sent, {} to be tried again, {} failed, {} unclear",
                released_text(&released),
                grouped(sent.taken),
                grouped(sent.later),
                grouped(sent.failed),
                grouped(sent.unclear)
            ))?;
        }
        match sent.stopped {
            Some(words) => bail!("the mail server stopped us: {words}; what is left stays in the outbox"),
            None => Ok(()),
        }
    }
}

async fn dry_run(place: &Place, register: &Register, now: Timestamp) -> Result<()> {
    let ready = register.notices(None, Some(State::Ready), i64::MAX).await?;
    let due: Vec<&Notice> = ready.iter().filter(|notice| notice.send_after.is_none_or(|at| at <= now.as_microsecond())).collect();
    let outbox = register.notices(None, Some(State::Released), i64::MAX).await?;
    if place.json {
        let ids = |list: Vec<&Notice>| list.into_iter().map(|notice| notice.id.clone()).collect::<Vec<_>>();
        return show::json(&json!({"dry_run": true, "would_release": ids(due), "in_outbox": ids(outbox.iter().collect())}));
    }
    say(format!(
        "nothing was sent: {} notices would be released now, {} wait for office hours, {} are in the outbox",
        grouped(due.len() as u64),
        grouped((ready.len() - due.len()) as u64),
        grouped(outbox.len() as u64)
    ))
}

/// Take in what came back: delivery reports, answers, automatic replies
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi notice answers")]
pub(crate) struct Answers {
    #[command(flatten)]
    clock: Clock,
}

impl Answers {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let config = Config::of(place.home.root())?;
        let done = answers::take(&place.home, &register, &config, self.clock.now()).await?;
        if place.json {
            let left: Vec<Value> = done.left.iter().map(|(name, reason)| json!({"name": name, "reason": reason})).collect();
            return show::json(&json!({
                "mails": done.mails, "new": done.new, "delivered": done.delivered, "bounced": done.bounced, "answered": done.answered,
                "automatic": done.automatic, "for_a_person": done.for_a_person, "left": left,
            }));
        }
        let mut text = format!(
            "{} mails, {} new: {} delivered, {} bounced, {} answered, {} automatic, {} for a person to read",
            done.mails, done.new, done.delivered, done.bounced, done.answered, done.automatic, done.for_a_person
        );
        for (name, reason) in &done.left {
            text.push_str(&format!("\nleft in the mailbox: {name}: {reason}"));
        }
        say(text)
    }
}

/// Mails that a person is to read; say what one means with --says
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi notice inbox")]
pub(crate) struct Inbox {
    /// The mail to show, or of which something is said
    id: Option<String>,
    /// What it means for its notice: fixed, false-positive, not-ours, need-more; `nothing` only puts it away
    #[arg(long, value_name = "WORD", requires = "id", value_parser = ["fixed", "false-positive", "not-ours", "need-more", "nothing"])]
    says: Option<String>,
}

impl Inbox {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        match (&self.id, &self.says) {
            (Some(id), Some(says)) => {
                let word = Some(says.as_str()).filter(|word| *word != "nothing");
                register.read_answer(id, word, pipeline::now().as_microsecond()).await?;
                if place.json { show::json(&json!({"id": id, "says": word})) } else { say(format!("{id} is read")) }
            }
            (Some(id), None) => match register.answer_mail(id).await? {
                Some(mail) => show::raw(&mail),
                None => bail!("there is no answer {id}; `musubi notice inbox` shows them"),
            },
            (None, _) => {
                let answers = register.answers(None, true, 1000).await?;
                if place.json {
                    return show::json(&Value::Array(answers.iter().map(answer).collect()));
                }
                let rows: Vec<Vec<String>> = answers
                    .iter()
                    .map(|answer| {
                        let text = |value: &Option<String>| value.clone().unwrap_or_default();
                        vec![
                            answer.id.clone(),
                            time(Some(answer.received_at)).unwrap_or_default(),
                            text(&answer.notice),
                            text(&answer.sender),
                            answer.because.clone(),
                        ]
                    })
                    .collect();
                say(table(&["id", "received", "notice", "from", "why a person"], &rows, &[]).trim_end())
            }
        }
    }
}

fn answer(answer: &store::answers::Answer) -> Value {
    json!({
        "id": answer.id, "notice": answer.notice, "received_at": time(Some(answer.received_at)), "from": answer.sender,
        "signed_by": answer.signed_by, "says": answer.says, "because": answer.because, "for_a_person": answer.for_a_person,
    })
}

/// What parties were not told, and the rule that decided it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi notice denials")]
pub(crate) struct Denials {}

impl Denials {
    async fn run(self, place: &Place) -> Result<()> {
        let denials = place.register().await?.denials().await?;
        if place.json {
            let objects = denials.iter().map(|(denial, at)| {
                let digest = &denial.digest;
                json!({
                    "id": format!("{}/{}/{}/{}/{}", digest.party, digest.role.as_str(), digest.problem.as_str(), denial.terms, denial.rule),
                    "party": digest.party, "role": digest.role.as_str(), "problem": digest.problem.as_str(), "terms": denial.terms,
                    "rule": denial.rule, "reason": denial.reason, "findings": denial.findings, "last_at": time(Some(*at)),
                })
            });
            return show::json(&Value::Array(objects.collect()));
        }
        let rows: Vec<Vec<String>> = denials
            .iter()
            .map(|(denial, at)| {
                let digest = &denial.digest;
                vec![
                    digest.party.clone(),
                    digest.role.as_str().to_owned(),
                    digest.problem.as_str().to_owned(),
                    grouped(denial.findings.unsigned_abs()),
                    denial.rule.clone(),
                    denial.reason.clone(),
                    time(Some(*at)).unwrap_or_default(),
                ]
            })
            .collect();
        say(table(&["party", "as", "problem", "events", "rule", "reason", "last"], &rows, &[3]).trim_end())
    }
}

/// How well addresses work: sent, delivered, bounced, answered
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi notice contacts")]
pub(crate) struct Contacts {}

impl Contacts {
    async fn run(self, place: &Place) -> Result<()> {
        let contacts = place.register().await?.contact_quality().await?;
        if place.json {
            let objects = contacts.iter().map(|c| {
                json!({
                    "id": c.address, "sent": c.sent, "delivered": c.delivered, "bounced": c.bounced, "answered": c.answered, "fixed": c.fixed,
                    "false_positive": c.false_positive, "not_ours": c.not_ours, "need_more": c.need_more, "automatic": c.automatic,
                    "last_at": time(Some(c.last_at)),
                })
            });
            return show::json(&Value::Array(objects.collect()));
        }
        let rows: Vec<Vec<String>> = contacts
            .iter()
            .map(|c| {
                let mut row = vec![c.address.clone()];
                row.extend(
                    [c.sent, c.delivered, c.bounced, c.answered, c.fixed, c.false_positive, c.not_ours].map(|n| grouped(n.unsigned_abs())),
                );
                row
            })
            .collect();
        let head = ["address", "sent", "delivered", "bounced", "answered", "fixed", "false positive", "not ours"];
        say(table(&head, &rows, &[1, 2, 3, 4, 5, 6, 7]).trim_end())
    }
}

/// The letters: print one to edit, or preview one with made-up findings
///
/// Save what is printed as letters/NAME.txt in the home and edit it; NAME is `en` or `ja`, or for one kind of problem
/// `compromised.en` and the like.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi notice template ja --preview compromised")]
pub(crate) struct Template {
    /// en or ja, or PROBLEM.LANGUAGE
    name: String,
    /// Write it about made-up findings of this kind of problem
    #[arg(long, value_name = "PROBLEM", value_parser = problem)]
    preview: Option<Problem>,
    /// As what the party is told: operator, maker, national-csirt, next-in-line
    #[arg(long, value_name = "ROLE", default_value = "operator", value_parser = role)]
    role: Role,
    /// Try this file in place of the one in use
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
}

fn problem(text: &str) -> Result<Problem, String> {
    Problem::read(text).ok_or_else(|| format!("{text:?} is no kind of problem: {}", Problem::ALL.map(Problem::as_str).join(", ")))
}

fn role(text: &str) -> Result<Role, String> {
    Role::read(text).ok_or_else(|| format!("{text:?} is no role: {}", Role::ALL.map(Role::as_str).join(", ")))
}

impl Template {
    fn run(self, place: &Place) -> Result<()> {
        let letters = match &self.file {
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
                Letters::new(&[(self.name.clone(), text)])?
            }
            None => letters(&place.home)?,
        };
        let language = self.name.rsplit('.').next().and_then(Language::read);
        let Some(language) = language else {
            return Err(WrongUsage(format!("{:?} names no template: en, ja, or for example compromised.ja", self.name)).into());
        };
        if let Some(problem) = self.preview {
            let written = letter::preview(&letters, problem, language, self.role)?;
            return if place.json {
                show::json(&json!({"name": self.name, "subject": written.subject, "text": written.body}))
            } else {
                say(format!("Subject: {}\n\n{}", written.subject, written.body.trim_end()))
            };
        }
        let Some(text) = letters.template(&self.name).or_else(|| letters.template(language.as_str())) else {
            bail!("there is no template {:?}", self.name)
        };
        if place.json { show::json(&json!({"name": self.name, "template": text})) } else { say(text.trim_end()) }
    }
}
