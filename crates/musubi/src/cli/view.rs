//! What a party sees: the options with which a command answers for it, and the decision behind each row.

use anyhow::{Result, anyhow};
use casework::model::agreement::{Channel, Purpose};
use casework::model::party::PartyId;
use casework::model::terms::Terms;
use casework::share::explain::Explanation;
use casework::share::{Affected, Holder, PartyNumber, Question, Redactions, Universe};
use jiff::Timestamp;
use store::register::Register;
use store::terms::KnownTerms;

use super::WrongUsage;
use crate::pipeline;

/// For whom an answer is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct For {
    /// Only what this party may know, as it may know it
    #[arg(long, value_name = "PARTY", value_parser = party)]
    to: Option<PartyId>,
    #[command(flatten)]
    how: How,
}

/// What it is for, and how it travels.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct How {
    /// What the party would have it for: notify, defend, respond, investigate, research
    #[arg(long, value_name = "PURPOSE", default_value = "defend", value_parser = purpose)]
    purpose: Purpose,
    /// How it would reach the party: mail, sealed-mail, taxii, portal, file
    #[arg(long, value_name = "CHANNEL", default_value = "portal", value_parser = channel)]
    channel: Channel,
}

impl How {
    pub(crate) fn by(purpose: Purpose, channel: Channel) -> Self {
        Self { purpose, channel }
    }
}

pub(crate) fn party(text: &str) -> Result<PartyId, String> {
    text.parse().map_err(|error: casework::model::party::BadPartyId| error.to_string())
}

pub(crate) fn purpose(text: &str) -> Result<Purpose, String> {
    let known = || Purpose::ALL.map(Purpose::as_str).join(", ");
    Purpose::read(text).ok_or_else(|| format!("{text:?} is no purpose: {}", known()))
}

fn channel(text: &str) -> Result<Channel, String> {
    let known = || Channel::ALL.map(Channel::as_str).join(", ");
    Channel::read(text).ok_or_else(|| format!("{text:?} is no channel: {}", known()))
}

impl For {
    /// `None`: for ourselves.
    pub(crate) async fn view(&self, register: &Register) -> Result<Option<View>> {
        match &self.to {
            Some(to) => Ok(Some(View::open(register, to, self.how).await?)),
            None => Ok(None),
        }
    }
}

/// Everything that decides what one party sees now.
#[derive(Debug)]
pub(crate) struct View {
    universe: Universe,
    me: PartyNumber,
    to: PartyNumber,
    affected: Affected,
    how: How,
    now: Timestamp,
}

impl View {
    pub(crate) async fn open(register: &Register, to: &PartyId, how: How) -> Result<Self> {
        let now = pipeline::now();
        let parties = register.parties(now).await?;
        let agreements = register.agreements(now).await?;
        let own = register.own_party().await?;
        let own = own.ok_or_else(|| anyhow!("nobody is marked as ourselves: say with `musubi party own` which party we are"))?;
        let universe = Universe::new(&parties, &agreements);
        let me = universe.number(&own).ok_or_else(|| anyhow!("{own}, who is marked as ourselves, is no party now"))?;
        let Some(number) = universe.number(to) else {
            return Err(WrongUsage(format!("there is no party {to}; `musubi party list` shows them")).into());
        };
        // Rows are not looked at one by one: whoever answers for anything may be affected by any of them.
        let answers = parties.iter().any(|party| party.id == *to && !party.constituency.is_empty());
        let affected = if answers { Affected::Perhaps } else { Affected::No };
        Ok(Self { universe, me, to: number, affected, how, now })
    }

    fn ask<T>(&self, terms: &Terms, ask: impl FnOnce(&Holder<'_>, &Question<'_>) -> T) -> T {
        let compiled = self.universe.compile(terms);
        let question = Question {
            terms: &compiled,
            to: self.to,
            provider: None,
            affected: self.affected,
            consent: false,
            paying: false,
            purpose: self.how.purpose,
            channel: self.how.channel,
            now: self.now,
        };
        ask(&self.universe.holder(self.me), &question)
    }

    pub(crate) fn explain(&self, terms: &Terms) -> Explanation {
        self.ask(terms, |holder, question| holder.explain(question))
    }

    /// For [`store::events::Questions::open_for`] and [`store::door::Door::new`].
    pub(crate) fn admits(&self, known: &KnownTerms) -> Option<Redactions> {
        let decision = self.ask(&known.terms, |holder, question| holder.decide(question));
        decision.is_allowed().then(|| decision.redactions())
    }
}
