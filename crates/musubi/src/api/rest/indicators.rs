//! `/api/v1/indicators`: what is to be watched for or blocked, what it is worth to whoever asks, and words about it.
//!
//! An outside party sees an indicator by what it may know of it: only sources under terms that it may see unchanged speak for it, and what
//! none of them speaks for is not there.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use casework::indicate::decay::HalfLives;
use casework::indicate::indicator::{IndicatorId, What, Worth};
use casework::model::agreement::Purpose;
use casework::model::observable::Kind;
use casework::model::rights::Right;
use casework::model::terms::{Terms, Tlp};
use casework::model::writing::Field;
use formats::rsit::Class;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::indicators::{Remembered, Wanted};
use utoipa::ToSchema;

use super::answer::{Sent, Under, is_outdated, outdated, page};
use super::events::Eyes;
use super::repeats::{MORE, once, read};
use super::{Asked, Operation, time_text, write_cursor};
use crate::console::visit::{Answer, Fault, Visit};
use crate::jobs::indicators::{self, New, Voice};
use crate::receive::lists;

const LARGEST: usize = 64 * 1024;
/// Rows that are looked at for one page: what nothing speaks for is left out.
const LOOKED_AT: usize = 10_000;

pub(super) fn operations() -> Vec<Operation> {
    let kinds: Vec<&str> = Kind::ALL.map(Kind::as_str).into_iter().chain(["pattern"]).collect();
    let list = Operation::get("listIndicators", "/api/v1/indicators", Right::AskApi, list, "Indicators, the latest seen first")
        .word("kind", "Of this kind", &kinds)
        .text("class", "RSIT type")
        .text("malware", "Malware family")
        .time("since", "Seen at or after")
        .number("least", "Worth at least this much now, of 100", 0, 100)
        .paged()
        .lists::<Indicator>();
    let one = Operation::get("getIndicator", "/api/v1/indicators/{id}", Right::AskApi, one, "One indicator")
        .gives::<IndicatorFile>(200, "The indicator");
    let add = Operation::post("addIndicator", "/api/v1/indicators", Right::ChangeIndicators, add, "Add an indicator by hand")
        .header("Idempotency-Key", "The same request under the same key is done once")
        .taking(LARGEST * MORE)
        .takes::<NewIndicator>()
        .gives::<IndicatorFile>(201, "The indicator");
    let say =
        Operation::post("sayOfIndicator", "/api/v1/indicators/{id}/words", Right::ChangeIndicators, say, "Say something of an indicator")
            .header("If-Match", "ETag of the indicator as it was read")
            .header("Idempotency-Key", "The same request under the same key is done once")
            .taking(LARGEST * MORE)
            .takes::<Word>()
            .gives::<IndicatorFile>(200, "The indicator as it is now");
    [list, one, add, say].map(|operation| operation.group("Indicators")).into()
}

/// What is to be watched for or blocked, and what it is worth now to whoever asks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Indicator {
    id: String,
    kind: String,
    value: String,
    /// `active`, or why it is not.
    standing: String,
    /// 0 to 100.
    score: u8,
    confidence: u8,
    class: Option<String>,
    malware: Option<String>,
    valid_from: Option<String>,
    valid_until: Option<String>,
    first_seen: Option<String>,
    last_seen: Option<String>,
    sightings: u64,
    reporters: usize,
    doubts: usize,
    /// Warning lists that name it.
    marked: Vec<String>,
    reasons: Vec<String>,
    /// The terms under which whoever asks holds it.
    terms: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct IndicatorFile {
    #[serde(flatten)]
    indicator: Indicator,
    /// For our own people.
    history: Vec<IndicatorLine>,
}

#[derive(Debug, Serialize, ToSchema)]
struct IndicatorLine {
    at: String,
    by: String,
    what: String,
    because: String,
}

/// Told to whoever has these eyes, with the numbers of the terms of what was told; `None` when it may know nothing of it.
fn tell(one: &Remembered, eyes: &Eyes, half_lives: &HalfLives, now: Timestamp) -> Option<(Indicator, BTreeSet<i64>)> {
    let open = |number: i64| match &eyes.sight {
        None => true,
        // An indicator goes out whole or not at all: nothing of it can be hidden.
        Some(sight) => sight.get(&number).is_some_and(|sight| sight.redactions.is_empty()),
    };
    let worth = one.indicator.worth(half_lives, now, open);
    let under: BTreeSet<i64> = one
        .indicator
        .support()
        .filter(|(_, support)| support.terms.iter().all(|number| open(*number)))
        .flat_map(|(_, support)| support.terms.iter().copied())
        .collect();
    if eyes.sight.is_some() && (under.is_empty() || !casework::indicate::told::holds(&worth)) {
        return None;
    }
    let terms = match &eyes.sight {
        None => eyes.standing.terms(one.terms).map_or_else(String::new, ToString::to_string),
        Some(_) => {
            let unmarked = Terms::of(Tlp::UNMARKED);
            let all = under.iter().filter_map(|number| eyes.standing.terms(*number)).cloned().reduce(|one, other| one.join(&other));
            eyes.held(&all.unwrap_or(unmarked))
        }
    };
    Some((Indicator::of(one, worth, terms), under))
}

impl Indicator {
    fn of(one: &Remembered, worth: Worth, terms: String) -> Self {
        let (kind, value) = match one.indicator.what() {
            What::Value(observable) => (observable.kind().as_str(), observable.value().to_owned()),
            What::Pattern(text) => ("pattern", text.clone()),
        };
        let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            id: one.indicator.id().to_string(),
            kind: kind.to_owned(),
            value,
            standing: worth.standing.as_str().to_owned(),
            score: worth.score,
            confidence: worth.confidence,
            class: worth.class.map(|class| class.type_().to_owned()),
            malware: worth.malware,
            valid_from: at(worth.valid_from),
            valid_until: at(worth.valid_until),
            first_seen: at(worth.first_seen),
            last_seen: at(worth.last_seen),
            sightings: worth.sightings,
            reporters: worth.reporters,
            doubts: worth.doubts,
            marked: worth.marked,
            reasons: worth.reasons,
            terms,
        }
    }
}

/// Indicators of a value that whoever has these eyes may know, with their terms.
pub(super) async fn of_value(visit: &Visit, eyes: &Eyes, value: &str) -> Result<Vec<(Indicator, BTreeSet<i64>)>, Fault> {
    let half_lives = lists::half_lives(&visit.server.home)?;
    let found = visit.server.register.indicators_of(value).await?;
    Ok(found.iter().filter_map(|one| tell(one, eyes, &half_lives, visit.now)).collect())
}

fn under<'e>(eyes: &'e Eyes, terms: &BTreeSet<i64>) -> Under<'e> {
    let sight = eyes.sight.as_ref();
    terms.iter().filter_map(|id| sight?.get(id).map(|sight| (*id, sight))).collect()
}

/// The version of an indicator: what was heard of it last.
fn tag(one: &Remembered) -> String {
    format!("W/\"{}-{}\"", one.indicator.id(), one.updated_at)
}

fn last_seen(one: &Remembered) -> i64 {
    one.indicator.worth(&HalfLives::default(), Timestamp::default(), |_| true).last_seen.map_or(0, Timestamp::as_microsecond)
}

async fn list(visit: Visit, headers: HeaderMap) -> Answer {
    let asked = Asked::of(&visit, &["kind", "class", "malware", "since", "least", "cursor", "limit"])?;
    let limit = asked.limit()?;
    let least = asked.number("least", 0, 100)?.unwrap_or(0);
    let kind = asked.word("kind", |text| (Kind::read(text).is_some() || text == "pattern").then(|| text.to_owned()))?;
    let wrong = || Fault::Wrong("parameter cursor: not given by this server for this list".to_owned());
    let after = match asked.cursor::<2>()? {
        Some([seen, id]) => Some((seen.parse::<i64>().map_err(|_| wrong())?, IndicatorId::from_hex(&id).ok_or_else(wrong)?)),
        None => None,
    };
    let mut wanted = Wanted {
        kind,
        class: asked.text("class").map(str::to_owned),
        malware: asked.text("malware").map(str::to_lowercase),
        since: asked.time("since")?.map(Timestamp::as_microsecond),
        after,
        limit: LARGEST_STEP,
    };
    let eyes = Eyes::of(&visit.server, visit.who()?, Purpose::Defend, None, visit.now).await?;
    let half_lives = lists::half_lives(&visit.server.home)?;
    let (mut data, mut terms, mut looked_at, mut end) = (Vec::new(), BTreeSet::new(), 0, false);
    // A cursor names where a page ended: never at something that an outside party may not know of, so its pages are read on to the end.
    let most = if eyes.sight.is_none() { LOOKED_AT } else { usize::MAX };
    let _turn = visit.server.questions.acquire().await?;
    'pages: while looked_at < most {
        let found = visit.server.register.indicators(&wanted).await?;
        end = found.len() < wanted.limit;
        for one in &found {
            looked_at += 1;
            wanted.after = Some((last_seen(one), one.indicator.id()));
            if let Some((indicator, its)) = tell(one, &eyes, &half_lives, visit.now).filter(|(told, _)| i64::from(told.score) >= least) {
                data.push(indicator);
                terms.extend(its);
                if data.len() == limit {
                    end = false;
                    break 'pages;
                }
            }
        }
        if end {
            break;
        }
    }
    let next = wanted.after.filter(|_| !end).map(|(seen, id)| write_cursor(&[&seen.to_string(), &id.to_string()]));
    let under = under(&eyes, &terms);
    page(&visit, &data, next.as_deref())?.give(&visit, &headers, "indicators", Purpose::Defend, &under).await
}

/// Rows read at once.
const LARGEST_STEP: usize = 500;

async fn found(visit: &Visit, id: &str) -> Result<Remembered, Fault> {
    let id = IndicatorId::from_hex(id).ok_or(Fault::NotFound)?;
    visit.server.register.indicator(id).await?.ok_or(Fault::NotFound)
}

async fn file(visit: &Visit, one: &Remembered, eyes: &Eyes) -> Result<(IndicatorFile, BTreeSet<i64>), Fault> {
    let half_lives = lists::half_lives(&visit.server.home)?;
    let (indicator, terms) = tell(one, eyes, &half_lives, visit.now).ok_or(Fault::NotFound)?;
    let mut history = Vec::new();
    if eyes.sight.is_none() {
        for done in visit.server.register.indicator_history(one.indicator.id()).await? {
            history.push(IndicatorLine { at: time_text(done.at), by: done.by, what: done.what, because: done.because });
        }
    }
    Ok((IndicatorFile { indicator, history }, terms))
}

async fn one(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    Asked::of(&visit, &[])?;
    let eyes = Eyes::of(&visit.server, visit.who()?, Purpose::Defend, None, visit.now).await?;
    let remembered = found(&visit, &id).await?;
    let (file, terms) = file(&visit, &remembered, &eyes).await?;
    let under = under(&eyes, &terms);
    // When others heard something of it is nothing to a party that may not know what.
    let sent = Sent::json(&file)?;
    let sent = if eyes.sight.is_none() { sent.tag(tag(&remembered)) } else { sent };
    sent.give(&visit, &headers, "indicator", Purpose::Defend, &under).await
}

/// An indicator that is added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewIndicator {
    /// Address, network, name, URL, mail address or hash; with `kind` anything of that kind; or a STIX pattern in brackets.
    #[schema(min_length = 1, max_length = 4000)]
    value: String,
    kind: Option<String>,
    /// RSIT type.
    class: Option<String>,
    malware: Option<String>,
    #[schema(minimum = 1, maximum = 100)]
    confidence: Option<u8>,
    /// Terms under which it may be known; `tlp:amber+strict` when left out.
    terms: Option<String>,
    /// It holds until then (RFC 3339).
    until: Option<String>,
    /// The case in which it was found.
    case: Option<String>,
    because: Option<String>,
    /// Also when a warning list says that it must not be blocked.
    #[serde(default)]
    even_so: bool,
}

fn short(name: &str, text: Option<String>, most: usize) -> Result<Option<String>, Fault> {
    match text {
        Some(text) if text.chars().count() > most || text.chars().any(char::is_control) => {
            Err(Fault::Wrong(format!("{name}: at most {most} characters on one line")))
        }
        text => Ok(text.filter(|text| !text.trim().is_empty())),
    }
}

fn reason(text: Option<String>) -> Result<String, Fault> {
    Field::REASON.read_any(&text.unwrap_or_default()).map_err(|unfit| Fault::Wrong(format!("because: {unfit}")))
}

fn terms_of(text: Option<&str>) -> Result<Option<Terms>, Fault> {
    text.map(|text| text.parse().map_err(|error| Fault::Wrong(format!("terms: {error}")))).transpose()
}

async fn add(visit: Visit, headers: HeaderMap, body: Body) -> Answer {
    once(&visit, &headers, body, LARGEST, |visit, bytes| async move {
        let new: NewIndicator = read(&bytes)?;
        let what = indicators::what(&new.value, new.kind.as_deref()).map_err(|wrong| Fault::Wrong(format!("value: {wrong}")))?;
        let class = match &new.class {
            Some(word) => Some(Class::of(word).ok_or_else(|| Fault::Wrong(format!("class: {word:?} is no RSIT type")))?),
            None => None,
        };
        let until = match &new.until {
            Some(text) => Some(text.parse::<Timestamp>().map_err(|_| Fault::Wrong(format!("until: {text:?} is no time (RFC 3339)")))?),
            None => None,
        };
        let confidence = new.confidence.unwrap_or(70);
        if !(1..=100).contains(&confidence) {
            return Err(Fault::Wrong("confidence: 1 to 100".to_owned()));
        }
        let (malware, case) = (short("malware", new.malware, 200)?, short("case", new.case, 64)?);
        let because = reason(new.because)?;
        let register = &visit.server.register;
        let warnings = lists::warnings(&visit.server.home, register).await?;
        let harm = indicators::harm(&what, &warnings);
        if harm.never_block() && !new.even_so {
            let why = harm.because.join("; ");
            return Err(Fault::Conflict(format!("{what} must not be blocked: {why}; say even_so if you are sure")));
        }
        let terms = terms_of(new.terms.as_deref())?;
        let new = New { what, class, malware, confidence, terms, until, case, because };
        let id = voice(&visit)?.add(new, &harm).await?;
        told(&visit, id, StatusCode::CREATED).await
    })
    .await
}

/// Whoever asks, as somebody who says something of indicators.
fn voice(visit: &Visit) -> Result<Voice<'_>, Fault> {
    Ok(Voice { register: &visit.server.register, by: &visit.who()?.shown, now: visit.now })
}

/// How an indicator stands after something was said.
async fn told(visit: &Visit, id: IndicatorId, status: StatusCode) -> Answer {
    let remembered = visit.server.register.indicator(id).await?.ok_or(Fault::NotFound)?;
    let eyes = Eyes::of(&visit.server, visit.who()?, Purpose::Defend, None, visit.now).await?;
    let (file, _) = file(visit, &remembered, &eyes).await?;
    let sent = Sent::json(&file)?.status(status).tag(tag(&remembered));
    sent.header(header::LOCATION, format!("/api/v1/indicators/{id}")).answer(&HeaderMap::new())
}

/// What is said of an indicator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "say")]
enum Word {
    /// It was seen.
    Seen {
        #[schema(minimum = 1, maximum = 1_000_000)]
        times: Option<u64>,
        terms: Option<String>,
    },
    /// It is harmless.
    FalsePositive {
        #[schema(minimum = 1, maximum = 100)]
        trust: Option<u8>,
        because: Option<String>,
    },
    /// It is withdrawn.
    Revoke { because: Option<String> },
    /// It is taken back into use.
    Restore { because: Option<String> },
    /// It has an end, whatever its sources say.
    Expire {
        /// RFC 3339; now when left out.
        on: Option<String>,
        because: Option<String>,
    },
}

async fn say(visit: Visit, headers: HeaderMap, Path(id): Path<String>, body: Body) -> Answer {
    let conditions = headers.clone();
    once(&visit, &headers, body, LARGEST, |visit, bytes| async move {
        let word: Word = read(&bytes)?;
        let remembered = found(&visit, &id).await?;
        if is_outdated(&conditions, &tag(&remembered)) {
            return outdated();
        }
        let voice = voice(&visit)?;
        let id = match word {
            Word::Seen { times, terms } => {
                let times = times.unwrap_or(1);
                if !(1..=1_000_000).contains(&times) {
                    return Err(Fault::Wrong("times: 1 to 1000000".to_owned()));
                }
                voice.sight(&remembered, times, terms_of(terms.as_deref())?.as_ref()).await?
            }
            Word::FalsePositive { trust, because } => {
                let (trust, because) = (trust.unwrap_or(100), reason(because)?);
                if !(1..=100).contains(&trust) {
                    return Err(Fault::Wrong("trust: 1 to 100".to_owned()));
                }
                voice.doubt(&remembered, trust, &because).await?
            }
            Word::Revoke { because } => voice.revoke(&remembered, true, &reason(because)?).await?,
            Word::Restore { because } => voice.revoke(&remembered, false, &reason(because)?).await?,
            Word::Expire { on, because } => {
                let because = reason(because)?;
                if remembered.indicator.ruling().is_some_and(|ruling| ruling.revoked) {
                    return Err(Fault::Conflict("it is revoked: restore it first".to_owned()));
                }
                let on = match &on {
                    Some(text) => text.parse().map_err(|_| Fault::Wrong(format!("on: {text:?} is no time (RFC 3339)")))?,
                    None => visit.now,
                };
                voice.expire(&remembered, on, &because).await?
            }
        };
        told(&visit, id, StatusCode::OK).await
    })
    .await
}
