//! `musubi takedown`: ask somebody to end it, and see in the network whether it has ended.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use casework::correlate::key::CaseKey;
use casework::model::case::Did;
use casework::model::party::PartyId;
use casework::verify::takedown::{Answer, Happening, PeerOutcome, State};
use casework::verify::watching;
use formats::rsit::Class;
use serde_json::{Value, json};
use store::takedowns::{Request as Asking, TakedownRow, Wanted};

use super::acting::{Acting, ahead};
use super::case::{key, sentence, time_text};
use super::measures::Measures;
use super::{Place, WrongUsage};
use crate::api::standing::Desk;
use crate::jobs::takedowns::{NoTarget, Outlook, Wish, begin, channel, look, periods, rules};
use crate::jobs::verify::verify;
use crate::show::{self, grouped, say, table};
use crate::sign_in::bearer::Issuers;

/// Ask for a threat to be ended, and follow it until the network shows that it is gone
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Takedown {
    Request(Request),
    List(List),
    Show(Show),
    Answer(Answered),
    Verify(Verify),
    Withdraw(Withdraw),
    Measures(Measures),
    Periods(Periods),
}

impl Takedown {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Request(command) => command.run(place).await,
            Self::List(command) => command.run(place).await,
            Self::Show(command) => command.run(place).await,
            Self::Answer(command) => command.run(place).await,
            Self::Verify(command) => command.run(place).await,
            Self::Withdraw(command) => command.run(place).await,
            Self::Measures(command) => command.run(place).await,
            Self::Periods(command) => command.run(place),
        }
    }
}

/// Ask a party to end it; without --party it is only watched
///
/// A takedown of something that nobody was asked to end shows what goes away by itself: what every channel must be compared with.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi takedown request --case c1 --party isp-jp.example --channel mail --answer-within 3d")]
pub(crate) struct Request {
    /// The case it belongs to
    #[arg(long, value_name = "CASE", required_unless_present = "again")]
    case: Option<String>,
    /// What is to end, when it is not what the case is about: "address 192.0.2.1 infected-system malware mirai", "c2 192.0.2.1:443",
    /// "site phishing bank.example /login"
    #[arg(long, value_name = "KEY", value_parser = key, conflicts_with = "again")]
    target: Option<CaseKey>,
    /// Who is asked
    #[arg(long, value_name = "PARTY")]
    party: Option<PartyId>,
    /// How: mail, sealed-mail, taxii, portal, file, phone, walled-garden or another plain word
    #[arg(long, value_name = "WORD", value_parser = channel)]
    channel: Option<String>,
    /// The agreement under which a foreign party is asked: the request is a release
    #[arg(long, value_name = "ID", requires = "party")]
    agreement: Option<String>,
    /// The release in the log
    #[arg(long, value_name = "ID", requires = "agreement")]
    release: Option<String>,
    /// An answer is awaited until then: a date, or a span such as 3d
    #[arg(long, value_name = "TIME", requires = "party")]
    answer_within: Option<String>,
    /// Days it must be quiet [default: by class, see `musubi takedown periods`]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=365))]
    quiet_days: Option<u16>,
    /// The party that asked us for it across a border
    #[arg(long, value_name = "PARTY", requires = "their_id")]
    asked_by: Option<PartyId>,
    /// Its name for it
    #[arg(long, value_name = "ID", requires = "asked_by")]
    their_id: Option<String>,
    /// Ask again, or somebody else, for this takedown
    #[arg(long, value_name = "TAKEDOWN", requires = "party", conflicts_with = "case")]
    again: Option<String>,
    /// With --again: the party is the next one up
    #[arg(long, requires = "again")]
    escalate: bool,
    #[command(flatten)]
    acting: Acting,
}

impl Request {
    async fn run(self, place: &Place) -> Result<()> {
        let (now, by) = (self.acting.now(), self.acting.by());
        let answer_due = self.answer_within.as_deref().map(|text| ahead(text, now)).transpose().map_err(WrongUsage)?;
        let asking = self.party.as_ref().map(|party| Asking {
            party: party.to_string(),
            channel: self.channel.clone(),
            agreement: self.agreement.clone(),
            release: self.release.clone(),
            answer_due,
        });
        let register = place.register().await?;
        if let (Some(again), Some(asking)) = (&self.again, &asking) {
            let row = register.ask_for_takedown(again, asking, self.escalate, now, &by).await?;
            return told(place, &row);
        }
        let Some(case) = self.case else { bail!("no case is named") };
        let wish = Wish {
            case,
            target: self.target,
            request: self.party.zip(asking),
            quiet_days: self.quiet_days,
            asked_by: self.asked_by.as_ref().map(ToString::to_string).zip(self.their_id),
        };
        let standing = Desk::new(register.clone(), Issuers::default()).standing(now).await?;
        match begin(&place.home, &register, &standing, &wish, now, &by).await {
            Ok(row) => told(place, &row),
            Err(error) => match error.downcast_ref::<NoTarget>() {
                Some(wrong @ (NoTarget::Nothing(_) | NoTarget::NoPlace(_))) => Err(WrongUsage(wrong.to_string()).into()),
                Some(NoTarget::Unseen(_)) | None => Err(error),
            },
        }
    }
}

/// One takedown after something happened to it.
fn told(place: &Place, row: &TakedownRow) -> Result<()> {
    if place.json {
        return show::json(&object(row));
    }
    say(format!("{}: {} ({})", row.id, row.state, State::read(&row.state).map_or("", State::meaning)))
}

fn object(row: &TakedownRow) -> Value {
    let time = |at: Option<i64>| at.map(time_text);
    json!({
        "id": row.id, "case": row.case_id, "target": row.target, "class": row.class, "country": row.country, "party": row.party,
        "channel": row.channel, "agreement": row.agreement, "release": row.release_id, "asked_by": row.asked_by, "their_id": row.their_id,
        "state": row.state, "said": row.said, "shown": row.shown, "quiet_days": row.quiet_days, "needed_days": row.needed_days,
        "reinfections": row.reinfections, "escalations": row.escalations, "first_seen": time_text(row.first_seen),
        "last_seen": time_text(row.last_seen), "asked_at": time(row.asked_at), "heard_at": time(row.heard_at),
        "answered_at": time(row.answered_at), "answer_due": time(row.answer_due), "verified_at": time(row.verified_at),
        "assessed_at": time(row.assessed_at), "reason": row.reason,
    })
}

/// List takedowns, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi takedown list --state unknown")]
pub(crate) struct List {
    /// Also those that are over: verified or withdrawn
    #[arg(long)]
    all: bool,
    #[arg(long, value_name = "CASE")]
    case: Option<String>,
    /// open, requested, acknowledged, fixed, disputed, misdirected, declined, quiet, unknown, verified, reopened, withdrawn
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<State>,
    #[arg(long, value_name = "PARTY")]
    party: Option<PartyId>,
    /// Only those whose answer is overdue
    #[arg(long)]
    overdue: bool,
    #[command(flatten)]
    acting: Acting,
}

fn state(text: &str) -> Result<State, String> {
    State::read(text).ok_or_else(|| format!("{text:?} is not one of {}", State::ALL.map(State::as_str).join(", ")))
}

impl List {
    async fn run(self, place: &Place) -> Result<()> {
        let wanted = Wanted {
            case_id: self.case.clone(),
            state: self.state.map(|s| s.as_str().to_owned()),
            party: self.party.as_ref().map(ToString::to_string),
            all: self.all,
        };
        let mut rows = if place.home.exists() { place.register().await?.takedowns(&wanted).await? } else { Vec::new() };
        let now = self.acting.now().as_microsecond();
        rows.retain(|row| !self.overdue || row.answer_due.is_some_and(|due| due < now));
        if place.json {
            return show::json(&Value::Array(rows.iter().map(object).collect()));
        }
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| {
                let quiet = format!("{}/{}", row.quiet_days, row.needed_days);
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let target = CaseKey::read(&row.target).map_or_else(|| row.target.clone(), |key| key.title());
                vec![
                    row.id.clone(),
                    row.case_id.clone(),
                    target,
                    row.state.clone(),
                    quiet,
                    text(&row.party),
                    text(&row.channel),
                    time_text(row.last_seen),
                ]
            })
            .collect();
        say(table(&["id", "case", "of", "state", "quiet", "asked", "by", "last seen"], &cells, &[4]).trim_end())
    }
}

/// Show a takedown: what was said, what the network shows, who watched
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi takedown show t1")]
pub(crate) struct Show {
    id: String,
    #[command(flatten)]
    acting: Acting,
}

impl Show {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let row = register.takedown(&self.id).await?;
        let (_, entries) = register.case(&row.case_id).await?;
        let key = row.key()?;
        let Outlook { sensors, watched, .. } = look(&place.home, &register, &row, self.acting.now()).await?;
        let history: Vec<_> =
            entries.iter().filter(|entry| matches!(entry.did(), Some(Did::Takedown { takedown, .. }) if takedown == row.id)).collect();
        if place.json {
            let mut object = object(&row);
            object["sensors"] =
                sensors.iter().map(|s| json!({"feed": s.feed, "since": s.since.to_string(), "reason": s.reason()})).collect();
            object["watched"] = watched.iter().map(interval_object).collect();
            object["history"] = history
                .iter()
                .map(|e| json!({"at": e.at.to_string(), "by": e.by, "what": serde_json::from_str::<Value>(&e.did).unwrap_or_default()}))
                .collect();
            return show::json(&object);
        }
        say(format!("{}  {}  {} ({})", row.id, key.title(), row.state, State::read(&row.state).map_or("", State::meaning)))?;
        let asked = row.party.as_ref().map(|party| match &row.channel {
            Some(channel) => format!("{party} by {channel}"),
            None => party.clone(),
        });
        for (name, value) in [
            ("case", Some(row.case_id.clone())),
            ("asked", asked),
            ("under agreement", row.agreement.clone()),
            ("first seen", Some(time_text(row.first_seen))),
            ("last seen", Some(time_text(row.last_seen))),
            ("answer due", row.answer_due.map(time_text)),
            ("verified", row.verified_at.map(time_text)),
            ("quiet days", Some(format!("{} of {}", row.quiet_days, row.needed_days))),
            ("reinfections", (row.reinfections > 0).then(|| row.reinfections.to_string())),
            ("because", Some(row.reason.clone()).filter(|reason| !reason.is_empty())),
        ] {
            if let Some(value) = value {
                say(format!("  {name}: {value}"))?;
            }
        }
        for sensor in &sensors {
            say(format!("  would see it: {}", sensor.reason()))?;
        }
        for interval in &watched {
            say(format!("  {} to {}: {}", interval.from, interval.through, watch_text(&interval.watch)))?;
        }
        say("")?;
        let cells: Vec<Vec<String>> = history
            .iter()
            .map(|e| vec![e.at.to_string(), e.by.clone(), e.did().map_or_else(|| e.did.clone(), |did| sentence(&did))])
            .collect();
        say(table(&["at", "by", "what"], &cells, &[]).trim_end())
    }
}

fn watch_text(watch: &watching::Watch) -> String {
    match watch {
        watching::Watch::Watched(feeds) => format!("watched by {}", feeds.join(", ")),
        watching::Watch::Unwatched(why) => format!("unknown: {}", why.reason()),
        watching::Watch::NotYet => "not told of yet".to_owned(),
    }
}

fn interval_object(interval: &watching::Interval) -> Value {
    let (watched, by) = match &interval.watch {
        watching::Watch::Watched(feeds) => (json!(true), json!(feeds)),
        watching::Watch::Unwatched(_) => (json!(false), json!([])),
        watching::Watch::NotYet => (Value::Null, json!([])),
    };
    json!({"from": interval.from.to_string(), "through": interval.through.to_string(), "watched": watched, "by": by, "reason": watch_text(&interval.watch)})
}

/// Remember what they said
///
/// That it is fixed is a claim; what the network shows decides.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi takedown answer t1 fixed --detail 'firmware 2.1 installed'")]
pub(crate) struct Answered {
    id: String,
    /// fixed, false-positive, not-ours, need-more, declined, automatic, acknowledged; of a partner who does it for us: peer-verified,
    /// peer-quiet, peer-unwatched, peer-seen, peer-withdrawn
    #[arg(value_parser = answer)]
    answer: Happening,
    /// In their words
    #[arg(long, value_name = "TEXT")]
    detail: Option<String>,
    #[command(flatten)]
    acting: Acting,
}

fn answer(text: &str) -> Result<Happening, String> {
    let peer = || text.strip_prefix("peer-").and_then(PeerOutcome::read).map(Happening::Peer);
    let answered = || Answer::read(text).map(Happening::Answered);
    let found = if text == "acknowledged" { Some(Happening::Acknowledged) } else { answered().or_else(peer) };
    found.ok_or_else(|| {
        let answers = Answer::ALL.map(Answer::as_str).join(", ");
        format!("{text:?} is not one of acknowledged, {answers}, or peer- with {}", PeerOutcome::ALL.map(PeerOutcome::as_str).join(", "))
    })
}

impl Answered {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let row = register.takedown_happening(&self.id, self.answer, self.detail.as_deref(), self.acting.now(), &self.acting.by()).await?;
        told(place, &row)
    }
}

/// Look at the network for all takedowns at once
///
/// One is verified when it was quiet for its quiet period while a feed that would have seen it was delivering.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi takedown verify")]
pub(crate) struct Verify {
    #[command(flatten)]
    acting: Acting,
}

impl Verify {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let done = verify(&place.home, &register, &rules(&place.home)?, self.acting.now(), &self.acting.by()).await?;
        if place.json {
            return show::json(&json!({"assessed": done.assessed, "changed": done.changed, "states": done.states}));
        }
        let states: Vec<String> = done.states.iter().map(|(state, n)| format!("{} {state}", grouped(*n))).collect();
        say(format!("{} takedowns looked at, {} changed: {}", grouped(done.assessed), grouped(done.changed), states.join(", ")))
    }
}

/// Give up a request
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi takedown withdraw t1 --why 'a research scanner of ours'")]
pub(crate) struct Withdraw {
    id: String,
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    #[command(flatten)]
    acting: Acting,
}

impl Withdraw {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let (now, by) = (self.acting.now(), self.acting.by());
        let row = register.takedown_happening(&self.id, Happening::Withdrawn, self.why.as_deref(), now, &by).await?;
        told(place, &row)
    }
}

/// Show how long it must be quiet, by class
///
/// To replace them, write types and days into quiet-periods.toml in the home: phishing = 3; otherwise = 14.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi takedown periods")]
pub(crate) struct Periods {}

impl Periods {
    fn run(self, place: &Place) -> Result<()> {
        let periods = periods(&place.home)?;
        let days: BTreeMap<&str, u16> = Class::all().map(|class| (class.type_(), periods.of(class).days())).collect();
        if place.json {
            return show::json(&days.iter().map(|(class, days)| json!({"id": class, "days": days})).collect());
        }
        let cells: Vec<Vec<String>> = days.iter().map(|(class, days)| vec![(*class).to_owned(), days.to_string()]).collect();
        say(table(&["class", "days"], &cells, &[1]).trim_end())
    }
}
