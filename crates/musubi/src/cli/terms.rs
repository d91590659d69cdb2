//! `musubi terms`: under which terms anything is held, and what sources mean when they do not say.

use anyhow::{Result, bail};
use casework::model::terms::Terms as Stated;
use clap::Subcommand;
use serde_json::{Value, json};
use store::register::Register;
use store::terms::{DefaultOf, KnownTerms};

use super::ingest::terms;
use super::{Place, WrongUsage};
use crate::pipeline;
use crate::show::{self, say};

/// Terms of sharing: what is held under which, and the defaults of sources
///
/// Terms are words: tlp:amber+strict pap:amber act:internally-visible-actions notify:must-not attribution:must-not resale:must-not
/// encrypt:must embargo:2026-12-01 expiry:2026-12-31 audience:PARTY,… community:NAME,… to:PARTY,… victims:no-identity;
/// or a policy of IEP 2.0 as JSON.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  musubi terms list")]
pub(crate) enum Terms {
    /// List all terms that anything was ever held under
    #[command(after_help = "Example:\n  musubi terms list")]
    List,
    /// Show terms by their number, or what a text means
    #[command(after_help = "Example:\n  musubi terms show \"tlp:amber pap:green attribution:must-not\"")]
    Show {
        /// Number or text
        terms: String,
    },
    /// Set, or list, what unmarked evidence of a source is held under
    #[command(after_help = "Example:\n  musubi terms default --feed shadowserver \"tlp:amber pap:green\"")]
    Default {
        /// For evidence of this feed
        #[arg(long, value_name = "FEED", conflicts_with = "from")]
        feed: Option<String>,
        /// For evidence given by this party
        #[arg(long, value_name = "PARTY")]
        from: Option<String>,
        /// Take the default away
        #[arg(long, conflicts_with = "terms")]
        remove: bool,
        /// The terms; without them the defaults are listed
        #[arg(value_parser = terms)]
        terms: Option<Stated>,
    },
}

impl Terms {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        match self {
            Self::List => list(place).await,
            Self::Show { terms } => show(place, &terms).await,
            Self::Default { feed, from, remove, terms } => {
                let of = match (feed, from) {
                    (Some(feed), _) => Some(DefaultOf::Feed(feed)),
                    (None, from) => from.map(DefaultOf::Party),
                };
                match of {
                    Some(of) if remove || terms.is_some() => set(place, &of, terms).await,
                    Some(_) => Err(WrongUsage("give the terms, or --remove".into()).into()),
                    None if remove || terms.is_some() => Err(WrongUsage("name the source with --feed or --from".into()).into()),
                    None => defaults(place).await,
                }
            }
        }
    }
}

fn object(known: &KnownTerms) -> Value {
    json!({"id": known.id, "tlp": known.terms.tlp.label(), "text": known.terms.to_string(), "evidence": known.evidence})
}

async fn list(place: &Place) -> Result<()> {
    let all = place.register().await?.all_terms().await?;
    if place.json {
        return show::json(&Value::Array(all.iter().map(object).collect()));
    }
    let rows: Vec<Vec<String>> = all.iter().map(|k| vec![k.id.to_string(), k.terms.to_string(), k.evidence.to_string()]).collect();
    say(show::table(&["id", "terms", "evidence"], &rows, &[0, 2]))
}

async fn show(place: &Place, wanted: &str) -> Result<()> {
    let all = if place.home.exists() { place.register().await?.all_terms().await? } else { Vec::new() };
    let known = match wanted.parse::<i64>() {
        Ok(id) => match all.into_iter().find(|known| known.id == id) {
            Some(known) => known,
            None => bail!("there are no terms {id}"),
        },
        Err(_) => {
            let terms = terms(wanted).map_err(WrongUsage)?;
            let known = all.into_iter().find(|known| known.terms == terms);
            known.unwrap_or(KnownTerms { id: 0, terms, evidence: 0 })
        }
    };
    let t = &known.terms;
    if place.json {
        let mut shown = object(&known);
        if known.id == 0 {
            shown["id"] = Value::Null;
        }
        shown["pap"] = t.pap.label().into();
        shown["permitted_actions"] = t.action.as_str().into();
        shown["embargo"] = t.embargo.map(|time| time.to_string()).into();
        shown["expiry"] = t.expiry.map(|time| time.to_string()).into();
        shown["audience"] = json!(t.audience.as_ref().map(|all| all.iter().map(|p| p.as_str()).collect::<Vec<_>>()));
        shown["community"] = json!(t.community);
        shown["recipients"] = json!(t.recipients.iter().map(|p| p.as_str()).collect::<Vec<_>>());
        return show::json(&shown);
    }
    say(t.to_string())?;
    say(format!("  {}, PAP:{}, permitted actions: {}", t.tlp, t.pap.label(), t.action.as_str()))?;
    match known.id {
        0 => say("  nothing is held under these terms"),
        id => say(format!("  number {id}; evidence taken in under them: {}", known.evidence)),
    }
}

async fn set(place: &Place, of: &DefaultOf, terms: Option<Stated>) -> Result<()> {
    let register = Register::create(&place.home).await?;
    let before = register.set_terms_default(of, terms.as_ref(), pipeline::now().as_microsecond()).await?;
    register.close().await;
    let id = format!("{}:{}", of.kind(), of.name());
    if place.json {
        return show::json(&json!({"id": id, "text": terms.map(|t| t.to_string()), "replaced": before}));
    }
    match terms {
        Some(terms) => say(format!("unmarked evidence of {} {} is held under {terms} from now on", of.kind(), of.name())),
        None if before => say(format!("{} {} has no default any more", of.kind(), of.name())),
        None => say(format!("{} {} had no default", of.kind(), of.name())),
    }
}

async fn defaults(place: &Place) -> Result<()> {
    let all = place.register().await?.terms_defaults().await?;
    if place.json {
        let all = all.iter().map(|(of, terms)| {
            json!({"id": format!("{}:{}", of.kind(), of.name()), "kind": of.kind(), "name": of.name(), "text": terms.to_string()})
        });
        return show::json(&Value::Array(all.collect()));
    }
    let rows: Vec<Vec<String>> = all.iter().map(|(of, terms)| vec![of.kind().into(), of.name().into(), terms.to_string()]).collect();
    say(show::table(&["source", "name", "terms"], &rows, &[]))
}
