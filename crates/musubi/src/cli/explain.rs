//! `musubi explain`: may this party know this event, and why?

use anyhow::{Result, bail};
use casework::model::party::{Language, PartyId};
use serde_json::json;
use store::events::Questions;

use super::Place;
use super::events::equals;
use super::view::{How, View, party};
use crate::show::{self, say};

/// Say whether a party may know an event, and why
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  musubi explain --to isp-jp --event \"$(musubi query 'SELECT id FROM events LIMIT 1' --format csv | tail -n 1)\""
)]
pub(crate) struct Explain {
    /// Identity of the event (column id)
    #[arg(long, value_name = "ID", value_parser = event_id)]
    event: String,
    /// Who would get it
    #[arg(long, value_name = "PARTY", value_parser = party)]
    to: PartyId,
    #[command(flatten)]
    how: How,
    /// Language of the reasons: en or ja
    #[arg(long, value_name = "LANGUAGE", default_value = "en", value_parser = language)]
    language: Language,
}

fn event_id(text: &str) -> Result<String, String> {
    let id = text.trim().to_ascii_lowercase();
    if id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(id)
    } else {
        Err(format!("{text:?} is no identity of an event: 32 hexadecimal digits"))
    }
}

fn language(text: &str) -> Result<Language, String> {
    Language::read(text).ok_or_else(|| format!("{text:?} is no language: en or ja"))
}

impl Explain {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let register = place.register().await?;
        let view = View::open(&register, &self.to, self.how).await?;
        let questions = Questions::open(&place.home, &register).await?;
        let rows = questions.sql(&format!("SELECT terms FROM events WHERE {} LIMIT 1", equals("id", &self.event))).await?.collect().await?;
        let Some(number) = super::lookup::objects(&rows)?.first().and_then(|row| row["terms"].as_i64()) else {
            bail!("there is no event {}", self.event);
        };
        let all = register.all_terms().await?;
        let Some(known) = all.iter().find(|known| known.id == number) else {
            bail!("event {} is held under terms {number}, which are not in the register", self.event);
        };
        let told = view.explain(&known.terms);
        if place.json {
            let redactions: Vec<_> = told.redactions.iter().map(|r| r.code()).collect();
            let obligations: Vec<_> = told.obligations.iter().map(ToString::to_string).collect();
            let reasons: Vec<_> =
                told.reasons.iter().map(|r| json!({"rule": r.rule, "effect": r.effect.as_str(), "en": r.en, "ja": r.ja})).collect();
            return show::json(
                &json!({"decision": told.outcome.as_str(), "redactions": redactions, "obligations": obligations, "reasons": reasons}),
            );
        }
        say(format!("{}  (terms: {})", told.outcome.as_str(), known.terms))?;
        for reason in &told.reasons {
            say(format!("  {:<6} {}: {}", reason.effect.as_str(), reason.rule, reason.text(self.language)))?;
        }
        for obligation in &told.obligations {
            say(format!("  must   {obligation}"))?;
        }
        Ok(())
    }
}
