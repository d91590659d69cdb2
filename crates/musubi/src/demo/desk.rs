//! The people of the demo: who can act, on what basis they are told, drafts that nobody gets, and one camera that is gone.
//!
//! Everybody is invented, every address ends in `.example`, and the home has no mail server, so nothing can be sent.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use casework::correlate::group::Window;
use casework::correlate::key::CaseKey;
use casework::model::case::Did;
use casework::model::day::Day;
use casework::parties::join;
use casework::verify::quiet::QuietPeriod;
use casework::verify::takedown::{Answer, Happening};
use casework::verify::watching::Rules;
use formats::rsit::Class;
use jiff::{SignedDuration, Timestamp};
use store::cases::{Grouping, Wanted};
use store::events::Questions;
use store::home::Home;
use store::register::Register;
use store::takedowns::{NewTakedown, Request};

use super::world::PROVIDERS;
use crate::cli::lookup::objects;
use crate::jobs::office::desk;
use crate::jobs::takedowns::{self, Wish};
use crate::jobs::{notices, verify};
use crate::show::grouped;

/// What there is to be seen.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    pub(crate) parties: u64,
    pub(crate) agreements: u64,
    pub(crate) drafted: u64,
    pub(crate) denied: u64,
    /// To whom and why not.
    pub(crate) denial: Option<(String, String)>,
    pub(crate) verified: u64,
    /// The takedown, what it was about, and why it is over.
    pub(crate) takedown: Option<(String, String, String)>,
}

/// Everybody in the demo, as a file that a user would write.
fn register_text() -> String {
    let mut text = String::from(
        "[[party]]\nid = \"demo-csirt\"\nname = \"Demo CSIRT\"\nname_ja = \"デモCSIRT\"\nkind = \"national-csirt\"\nnation = \"JP\"\nown = true\n\
         countries = [\"JP\"]\ncommunities = [\"national-csirts\"]\ncontacts = [\"csirt ja info@demo-csirt.example\"]\n",
    );
    for provider in &PROVIDERS {
        let (short, name) = provider.name.split_once(' ').unwrap_or((provider.name, provider.name));
        let id = short.to_ascii_lowercase();
        let domain = if provider.domain.is_empty() { format!("{id}.example") } else { provider.domain.to_owned() };
        let (served, language) = if provider.country == "JP" { ("clients_of = [\"demo-csirt\"]\n", "ja") } else { ("", "en") };
        let _ = write!(
            text,
            "[[party]]\nid = \"{id}\"\nname = \"{name}\"\nkind = \"provider\"\nnation = \"{}\"\n{served}asns = [{}]\ndomains = [\"{domain}\"]\n\
             contacts = [\"abuse {language} abuse@{domain}\"]\n",
            provider.country, provider.asn
        );
    }
    for (nation, name) in [("KR", "Korea"), ("TW", "Taiwan"), ("VN", "Viet Nam"), ("BR", "Brazil"), ("DE", "Germany"), ("TH", "Thailand")] {
        let id = nation.to_ascii_lowercase();
        let _ = write!(
            text,
            "[[party]]\nid = \"{id}-csirt\"\nname = \"Demo CSIRT of {name}\"\nkind = \"national-csirt\"\nnation = \"{nation}\"\ncountries = [\"{nation}\"]\n\
             communities = [\"national-csirts\"]\ncontacts = [\"csirt en team@{id}-csirt.example\"]\n"
        );
    }
    text.push_str(
        "[[party]]\nid = \"kamerix\"\nname = \"Kamerix\"\nkind = \"maker\"\nnation = \"JP\"\nclients_of = [\"demo-csirt\"]\nproducts = [\"Kamerix\"]\n\
         contacts = [\"product-security ja psirt@kamerix.example\"]\n\
         [[agreement]]\nid = \"national-watch\"\nname = \"National watch\"\nkind = \"public-private\"\nmax_tlp = \"AMBER\"\npurposes = [\"notify\", \"respond\"]\n\
         reference = \"invented\"\nparties = [\"demo-csirt\", \"kamerix\"",
    );
    for provider in PROVIDERS.iter().filter(|provider| provider.country == "JP") {
        let _ = write!(text, ", \"{}\"", provider.name.split(' ').next().unwrap_or_default().to_ascii_lowercase());
    }
    text.push_str(
        "]\n[[agreement]]\nid = \"national-csirts\"\nname = \"Framework of national CSIRTs\"\nkind = \"regional\"\ncommunities = [\"national-csirts\"]\n\
         max_tlp = \"AMBER\"\npurposes = [\"notify\", \"defend\", \"respond\"]\nreference = \"invented\"\n",
    );
    text
}

/// Sets the scene in a home that is filled.
pub(crate) async fn set(home: &Home, register: &Register, now: Timestamp) -> Result<Scene> {
    let written = casework::parties::toml::read(&register_text())?;
    anyhow::ensure!(written.rejected.is_empty(), "the demo's register is not right: {:?}", written.rejected);
    let own = written.parties.iter().find(|written| written.own).map(|written| written.party.id.clone());
    let mut scene = Scene { parties: written.parties.len() as u64, agreements: written.agreements.len() as u64, ..Scene::default() };
    register.record_parties(written.parties.into_iter().map(|written| written.party).collect(), now, join).await?;
    register.record_agreements(written.agreements, now).await?;
    register.set_own_party(&own.context("nobody in the demo is ourselves")?, now).await?;
    // What is recorded at a moment is known from then on.
    let now = now + SignedDuration::from_secs(1);
    let drafted = notices::prepare(home, register, &desk(home, true)?, now, &mut |_| {}).await?;
    scene.drafted = drafted.ready.len() as u64;
    scene.denied = drafted.denied;
    scene.denial = register.denials().await?.into_iter().next().map(|(denial, _)| (denial.digest.party, denial.reason));
    let gone = camera(home, register, now).await?;
    at_work(home, register, now).await?;
    if let Some((id, about)) = gone {
        let verified = verify::verify(home, register, &Rules::default(), now, "demo").await?;
        scene.verified = verified.states.get("verified").copied().unwrap_or_default();
        let reason = register.takedown(&id).await?.reason;
        scene.takedown = Some((id, about, reason));
    }
    Ok(scene)
}

/// One camera that fell silent days ago: its provider was asked, and said that it was done.
async fn camera(home: &Home, register: &Register, now: Timestamp) -> Result<Option<(String, String)>> {
    let questions = Questions::open(home, register).await?;
    let silent_since = now - SignedDuration::from_hours(24 * 4);
    let sql = format!(
        "SELECT source_ip, CAST(min(time) AS BIGINT) AS first, CAST(max(time) AS BIGINT) AS last, count(*) AS n FROM events \
         WHERE type = 'infected-system' AND malware = 'mirai' AND source_country = 'JP' GROUP BY source_ip \
         HAVING max(time) < to_timestamp_micros({}) ORDER BY n DESC, source_ip LIMIT 1",
        silent_since.as_microsecond()
    );
    let found = objects(&questions.sql(&sql).await?.collect().await?)?;
    let Some(row) = found.first() else { return Ok(None) };
    let (Some(ip), Some(first), Some(last)) = (row["source_ip"].as_str(), row["first"].as_i64(), row["last"].as_i64()) else {
        return Ok(None);
    };
    let target = CaseKey::read(&format!("address {ip} infected-system malware mirai")).context("the demo's camera has no key")?;
    let last = Timestamp::from_microsecond(last)?;
    let asked = last + SignedDuration::from_hours(1);
    let case_id = register.open_case(&target.title(), Some(&target), asked, "demo").await?;
    let new = NewTakedown {
        case_id,
        target,
        country: Some("JP".to_owned()),
        needed: QuietPeriod::from_days(2)?,
        first_seen: Timestamp::from_microsecond(first)?,
        last_seen: last,
        asked_by: None,
    };
    let request = Request {
        party: "kaede-net".to_owned(),
        channel: Some("phone".to_owned()),
        agreement: None,
        release: None,
        answer_due: Some(asked + SignedDuration::from_hours(48)),
    };
    let row = register.begin_takedown(&new, Some(&request), asked, "demo").await?;
    let answered = asked + SignedDuration::from_hours(5);
    register.takedown_happening(&row.id, Happening::Answered(Answer::Fixed), Some("new firmware"), answered, "demo").await?;
    Ok(Some((row.id, ip.to_owned())))
}

/// What the desk works on: cases as grouping finds them, some with people, tasks and takedowns that stand in different places.
async fn at_work(home: &Home, register: &Register, now: Timestamp) -> Result<()> {
    let since = now - SignedDuration::from_hours(24 * 10);
    let classes = ["c2-server", "phishing", "malware-distribution", "infected-system"];
    let grouping = Grouping {
        since: Day::of(since),
        classes: classes.into_iter().filter_map(Class::of).collect(),
        window: Window(30),
        min_events: 24,
    };
    let grouped_at = now - SignedDuration::from_hours(62);
    register.group_events(home, &grouping, grouped_at, "demo").await?;
    crate::jobs::derive::derive(home, register, since, now, "demo").await?;
    let cases = register.cases(&Wanted { limit: Some(12), ..Wanted::default() }).await?;
    let standing = crate::api::standing::Desk::new(register.clone(), crate::sign_in::bearer::Issuers::default()).standing(now).await?;
    let mut begun = 0;
    for case in &cases {
        let Some(key) = case.key.as_deref().and_then(CaseKey::read) else { continue };
        if key.class().is_none() || begun == 6 {
            continue;
        }
        let asked = now - SignedDuration::from_hours(60 - 6 * begun);
        let party = "kaede-net".parse()?;
        let request = Request {
            party: "kaede-net".to_owned(),
            channel: Some("mail".to_owned()),
            agreement: Some("national-watch".to_owned()),
            release: None,
            answer_due: Some(asked + SignedDuration::from_hours(48)),
        };
        let wish = Wish {
            case: case.id.clone(),
            target: None,
            request: (begun != 2).then_some((party, request)),
            quiet_days: None,
            asked_by: None,
        };
        let Ok(row) = takedowns::begin(home, register, &standing, &wish, asked, "demo").await else { continue };
        if begun == 1 || begun == 4 {
            let answer = if begun == 1 { Answer::Fixed } else { Answer::NeedMore };
            let answered = asked + SignedDuration::from_hours(9);
            register.takedown_happening(&row.id, Happening::Answered(answer), None, answered, "demo").await?;
        }
        begun += 1;
    }
    let people = ["hanako", "kenji", "aiko"];
    for (at, case) in cases.iter().enumerate() {
        let opened = now - SignedDuration::from_hours(20 - at as i64);
        let whose = people[at % people.len()];
        if at % 4 != 3 {
            register.change_case(&case.id, opened, "demo", |_| Ok(vec![Did::Assigned { to: Some(whose.to_owned()) }])).await?;
        }
        if at % 3 == 0 {
            let title = "ask the provider for the owner of the address".to_owned();
            let due = Some(now + SignedDuration::from_hours(24 * (at as i64 - 3)));
            let task = Did::TaskAdded { number: 1, title, assignee: Some(whose.to_owned()), due };
            register.change_case(&case.id, opened, whose, |_| Ok(vec![task])).await?;
        }
        if at % 5 == 1 {
            let text = "Seen by two sinkholes; the **same firmware** as in the cases of last week.".to_owned();
            register.change_case(&case.id, opened, whose, |_| Ok(vec![Did::Noted { text }])).await?;
        }
    }
    Ok(())
}

impl Scene {
    /// What there is to be seen, in a few lines.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "Who can act: {} parties, {} agreements\n  {} notices are drafted, none is sent; policy kept back {} events",
            grouped(self.parties),
            grouped(self.agreements),
            grouped(self.drafted),
            grouped(self.denied)
        );
        if let Some((party, reason)) = &self.denial {
            let _ = write!(text, "\n  not for {party}: {reason}");
        }
        if let Some((id, about, reason)) = &self.takedown {
            let _ = write!(text, "\n  takedown {id} of {about}: {reason}");
        }
        text.push('\n');
        text
    }
}
