//! `musubi indicator`: what is to be watched for or blocked, why, and what it is worth today.

use anyhow::{Result, bail};
use casework::indicate::decay::HalfLives;
use casework::indicate::indicator::{IndicatorId, Standing, What};
use casework::model::observable::{Kind, Observable};
use casework::model::terms::Terms;
use formats::rsit::Class;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::indicators::{Remembered, Wanted};
use store::register::Register;

use super::acting::{Acting, ahead};
use super::ingest::terms;
use super::{Place, WrongUsage, indicator_derive, indicator_publish, moment};
use crate::jobs::indicators::{New, Voice, harm, what};
use crate::receive::lists;
use crate::show::{self, say, table};

/// What is to be watched for or blocked
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  musubi indicator list")]
pub(crate) enum Indicators {
    Derive(indicator_derive::Derive),
    List(List),
    Show(Show),
    Add(Add),
    Sight(Sight),
    FalsePositive(FalsePositive),
    Revoke(Revoke),
    Expire(Expire),
    Publish(indicator_publish::Publish),
}

impl Indicators {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::Derive(command) => command.run(place).await,
            Self::List(command) => command.run(place).await,
            Self::Show(command) => command.run(place).await,
            Self::Add(command) => command.run(place).await,
            Self::Sight(command) => command.run(place).await,
            Self::FalsePositive(command) => command.run(place).await,
            Self::Revoke(command) => command.run(place).await,
            Self::Expire(command) => command.run(place).await,
            Self::Publish(command) => command.run(place).await,
        }
    }
}

/// List indicators, the latest seen first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi indicator list --kind address --least 30 --limit 20")]
pub(crate) struct List {
    /// address, network, domain, url, mail-address, md5, sha256, …, pattern
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// RSIT type
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    #[arg(long, value_name = "NAME")]
    malware: Option<String>,
    /// Seen at or after this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only those that are worth this much now, of 100
    #[arg(long, value_name = "SCORE", value_parser = clap::value_parser!(u8).range(0..=100))]
    least: Option<u8>,
    /// Go on behind this one: the last id of the page before
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    acting: Acting,
}

impl List {
    async fn run(self, place: &Place) -> Result<()> {
        if self.kind.as_deref().is_some_and(|kind| Kind::read(kind).is_none() && kind != "pattern") {
            let known: Vec<&str> = Kind::ALL.map(Kind::as_str).to_vec();
            return Err(WrongUsage(format!("there is no kind {:?}: {}, pattern", self.kind.unwrap_or_default(), known.join(", "))).into());
        }
        let (mut shown, now) = (Vec::new(), self.acting.now());
        if place.home.exists() {
            let register = place.register().await?;
            let half_lives = lists::half_lives(&place.home)?;
            let mut wanted = Wanted {
                kind: self.kind,
                class: self.class,
                malware: self.malware.map(|name| name.to_lowercase()),
                since: self.since.map(Timestamp::as_microsecond),
                after: None,
                limit: 1_000,
            };
            if let Some(after) = &self.after {
                let found = find(&register, after).await?;
                wanted.after = Some((last_seen(&found), found.indicator.id()));
            }
            // What it is worth is computed, so that pages are read on until enough are.
            while shown.len() < self.limit {
                let page = register.indicators(&wanted).await?;
                let Some(last) = page.last() else { break };
                wanted.after = Some((last_seen(last), last.indicator.id()));
                let least = self.least;
                let good = |one: &Remembered| least.is_none_or(|least| one.indicator.worth(&half_lives, now, |_| true).score >= least);
                shown.extend(page.into_iter().filter(good).map(|one| object(&one, &half_lives, now)));
            }
            shown.truncate(self.limit);
        }
        if place.json {
            return show::json(&Value::Array(shown));
        }
        let keys = ["id", "kind", "value", "standing", "score", "class", "malware", "last_seen"];
        let text =
            |value: &Value| value.as_str().map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned);
        let rows: Vec<Vec<String>> = shown.iter().map(|one| keys.iter().map(|key| text(&one[*key])).collect()).collect();
        say(table(&keys, &rows, &[4]).trim_end())
    }
}

fn last_seen(one: &Remembered) -> i64 {
    one.indicator.worth(&HalfLives::default(), Timestamp::default(), |_| true).last_seen.map_or(0, Timestamp::as_microsecond)
}

/// An indicator and what it is worth to us now.
pub(crate) fn object(one: &Remembered, half_lives: &HalfLives, now: Timestamp) -> Value {
    let worth = one.indicator.worth(half_lives, now, |_| true);
    let (kind, value) = match one.indicator.what() {
        What::Value(observable) => (observable.kind().as_str(), observable.value()),
        What::Pattern(text) => ("pattern", text.as_str()),
    };
    let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "id": one.indicator.id().to_string(), "kind": kind, "value": value, "standing": worth.standing.as_str(), "score": worth.score,
        "confidence": worth.confidence, "class": worth.class.map(|class| class.type_()), "malware": worth.malware,
        "valid_from": at(worth.valid_from), "valid_until": at(worth.valid_until), "holds_until": at(worth.holds_until(1)), "first_seen": at(worth.first_seen),
        "last_seen": at(worth.last_seen), "sightings": worth.sightings, "reporters": worth.reporters, "doubts": worth.doubts,
        "marked": worth.marked, "reasons": worth.reasons, "terms": one.terms,
    })
}

/// The one indicator of an id or a value.
async fn find(register: &Register, name: &str) -> Result<Remembered> {
    if let Some(id) = IndicatorId::from_hex(name)
        && let Some(found) = register.indicator(id).await?
    {
        return Ok(found);
    }
    let value = Observable::guess(name).map_or_else(|| name.to_owned(), |observable| observable.value().to_owned());
    let mut found = register.indicators_of(&value).await?;
    if value != name && found.is_empty() {
        found = register.indicators_of(name).await?;
    }
    match found.len() {
        0 => bail!("there is no indicator {name}; `musubi indicator list` shows them"),
        1 => Ok(found.remove(0)),
        _ => {
            let ids: Vec<String> = found.iter().map(|one| format!("{} ({})", one.indicator.id(), one.indicator.what())).collect();
            bail!("{name} is several indicators, name one by its id: {}", ids.join(", "))
        }
    }
}

/// Show an indicator: who says so, who doubts it, what was done, and whether it may be blocked
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  musubi indicator add host-66.evil.example > /tmp/added.txt; musubi indicator show host-66.evil.example"
)]
pub(crate) struct Show {
    /// Id or value
    indicator: String,
    #[command(flatten)]
    acting: Acting,
}

impl Show {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let found = find(&register, &self.indicator).await?;
        let half_lives = lists::half_lives(&place.home)?;
        let warnings = lists::warnings(&place.home, &register).await?;
        let mut told = object(&found, &half_lives, self.acting.now());
        let sources: Vec<Value> = found.indicator.support().map(|(source, support)| json!({"source": source, "says": support})).collect();
        let doubts: Vec<Value> = found.indicator.doubts().map(|(by, doubt)| json!({"by": by, "says": doubt})).collect();
        let history: Vec<Value> = register
            .indicator_history(found.indicator.id())
            .await?
            .into_iter()
            .map(|done| json!({"at": Timestamp::from_microsecond(done.at).ok().map(|at| at.to_string()), "by": done.by, "what": done.what, "because": done.because}))
            .collect();
        let harm = harm(found.indicator.what(), &warnings);
        let all = register.all_terms().await?;
        told["terms"] = all.iter().find(|known| known.id == found.terms).map(|known| known.terms.to_string()).into();
        told["warnings"] = json!({"class": harm.class.map(|class| class.as_str()), "because": harm.because});
        told["sources"] = sources.into();
        told["doubts"] = doubts.into();
        told["ruling"] = json!(found.indicator.ruling());
        told["history"] = history.into();
        if place.json {
            return show::json(&told);
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        say(format!("{}  {}  {} of 100 ({})", text(&told["id"]), found.indicator.what(), told["score"], text(&told["standing"])))?;
        for (name, key) in [("reason", "reasons"), ("source", "sources"), ("doubt", "doubts"), ("done", "history")] {
            for one in told[key].as_array().into_iter().flatten() {
                say(format!("  {name:<7} {}", text(one)))?;
            }
        }
        harm.because.iter().try_for_each(|because| say(format!("  warning {because}")))
    }
}

/// Add an indicator by hand
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  musubi indicator add evil.example --class c2-server --malware mirai --terms tlp:green --because 'seen in a sandbox'"
)]
pub(crate) struct Add {
    /// Address, network, name, URL, mail address, hash; with --kind anything of that kind; or a STIX pattern in brackets
    value: String,
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// RSIT type
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    #[arg(long, value_name = "NAME")]
    malware: Option<String>,
    /// How sure, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 70, value_parser = clap::value_parser!(u8).range(1..=100))]
    confidence: u8,
    /// Terms under which it may be known [default: tlp:amber+strict]
    #[arg(long, value_name = "TERMS", value_parser = terms)]
    terms: Option<Terms>,
    /// It holds until then: a time, or a span from now (30d)
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The case in which it was found
    #[arg(long, value_name = "CASE")]
    case: Option<String>,
    #[arg(long, value_name = "TEXT", default_value = "")]
    because: String,
    /// Also when a warning list says that it must not be blocked
    #[arg(long)]
    even_so: bool,
    #[command(flatten)]
    acting: Acting,
}

impl Add {
    async fn run(self, place: &Place) -> Result<()> {
        let wrong = |text: String| anyhow::Error::from(WrongUsage(text));
        let what = what(&self.value, self.kind.as_deref()).map_err(wrong)?;
        let class = match &self.class {
            Some(word) => Some(Class::of(word).ok_or_else(|| wrong(format!("{word:?} is no RSIT type")))?),
            None => None,
        };
        let (now, by) = (self.acting.now(), self.acting.by());
        let until = self.until.as_deref().map(|text| ahead(text, now)).transpose().map_err(wrong)?;
        let register = Register::create(&place.home).await?;
        let harm = harm(&what, &lists::warnings(&place.home, &register).await?);
        if harm.never_block() && !self.even_so {
            bail!("{what} must not be blocked: {}; add it --even-so if you are sure", harm.because.join("; "));
        }
        let new = New {
            what,
            class,
            malware: self.malware,
            confidence: self.confidence,
            terms: self.terms,
            until,
            case: self.case,
            because: self.because,
        };
        let id = Voice { register: &register, by: &by, now }.add(new, &harm).await?;
        told(place, &register, id, now).await
    }
}

/// Shows what came of a word.
async fn told(place: &Place, register: &Register, id: IndicatorId, now: Timestamp) -> Result<()> {
    let Some(found) = register.indicator(id).await? else { bail!("indicator {id} is not in the register") };
    let told = object(&found, &lists::half_lives(&place.home)?, now);
    if place.json {
        return show::json(&told);
    }
    say(format!("{id}  {}  {} of 100 ({})", found.indicator.what(), told["score"], told["standing"].as_str().unwrap_or_default()))
}

/// Say that an indicator was seen
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  musubi indicator add host-67.evil.example > /tmp/added.txt; musubi indicator sight host-67.evil.example --times 3"
)]
pub(crate) struct Sight {
    /// Id or value
    indicator: String,
    #[arg(long, value_name = "N", default_value_t = 1)]
    times: u64,
    /// Terms under which this may be known [default: those of the indicator]
    #[arg(long, value_name = "TERMS", value_parser = terms)]
    terms: Option<Terms>,
    #[command(flatten)]
    acting: Acting,
}

impl Sight {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let found = find(&register, &self.indicator).await?;
        let (now, by) = (self.acting.now(), self.acting.by());
        let id = Voice { register: &register, by: &by, now }.sight(&found, self.times, self.terms.as_ref()).await?;
        told(place, &register, id, now).await
    }
}

/// Say that an indicator is harmless: it is worth less, and nothing when you are trusted wholly
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  musubi indicator add host-68.evil.example > /tmp/added.txt; musubi indicator false-positive host-68.evil.example --because 'our scanner'"
)]
pub(crate) struct FalsePositive {
    /// Id or value
    indicator: String,
    /// How far this is to be trusted, 1 to 100
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
    trust: u8,
    #[arg(long, value_name = "TEXT", default_value = "")]
    because: String,
    #[command(flatten)]
    acting: Acting,
}

impl FalsePositive {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let found = find(&register, &self.indicator).await?;
        let (now, by) = (self.acting.now(), self.acting.by());
        let id = Voice { register: &register, by: &by, now }.doubt(&found, self.trust, &self.because).await?;
        told(place, &register, id, now).await
    }
}

/// Withdraw an indicator, or take it back into use
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  musubi indicator add host-69.evil.example > /tmp/added.txt; musubi indicator revoke host-69.evil.example --because 'a mistake of ours'"
)]
pub(crate) struct Revoke {
    /// Id or value
    indicator: String,
    /// Take it back into use
    #[arg(long)]
    undo: bool,
    #[arg(long, value_name = "TEXT", default_value = "")]
    because: String,
    #[command(flatten)]
    acting: Acting,
}

impl Revoke {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let found = find(&register, &self.indicator).await?;
        let (now, by) = (self.acting.now(), self.acting.by());
        let id = Voice { register: &register, by: &by, now }.revoke(&found, !self.undo, &self.because).await?;
        told(place, &register, id, now).await
    }
}

/// Give an indicator an end, whatever its sources say
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  musubi indicator add host-70.evil.example > /tmp/added.txt; musubi indicator expire host-70.evil.example --on 30d"
)]
pub(crate) struct Expire {
    /// Id or value
    indicator: String,
    /// A time, or a span from now [default: now]
    #[arg(long, value_name = "TIME")]
    on: Option<String>,
    #[arg(long, value_name = "TEXT", default_value = "")]
    because: String,
    #[command(flatten)]
    acting: Acting,
}

impl Expire {
    async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let found = find(&register, &self.indicator).await?;
        let (now, by) = (self.acting.now(), self.acting.by());
        let until = self.on.as_deref().map(|text| ahead(text, now)).transpose().map_err(WrongUsage)?.unwrap_or(now);
        if found.indicator.ruling().is_some_and(|ruling| ruling.revoked) {
            bail!("{} is {}: take it back into use first", found.indicator.what(), Standing::Revoked.as_str());
        }
        let id = Voice { register: &register, by: &by, now }.expire(&found, until, &self.because).await?;
        told(place, &register, id, now).await
    }
}
