//! What people say of indicators: they add them, see them, doubt them, withdraw them, give them an end.
//!
//! Both the command line and the console speak here.

use anyhow::Result;
use casework::indicate::harm::Harm;
use casework::indicate::indicator::{Doubt, IndicatorId, Ruling, Said, Source, Support, What};
use casework::indicate::warning::Warnings;
use casework::model::observable::{Kind, Observable};
use casework::model::terms::{Terms, Tlp};
use formats::rsit::Class;
use jiff::Timestamp;
use store::indicators::{Deed, Remembered, Words};
use store::register::Register;

/// What somebody adds by hand.
#[derive(Clone, Debug)]
pub(crate) struct New {
    pub(crate) what: What,
    pub(crate) class: Option<Class>,
    pub(crate) malware: Option<String>,
    /// 1 to 100.
    pub(crate) confidence: u8,
    pub(crate) terms: Option<Terms>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) case: Option<String>,
    pub(crate) because: String,
}

/// Reads a value: of this kind, a STIX pattern in brackets, or whatever it looks like.
///
/// # Errors
/// Says what is wrong with it.
pub(crate) fn what(value: &str, kind: Option<&str>) -> Result<What, String> {
    if value.trim_start().starts_with('[') {
        formats::stix_pattern::Pattern::parse(value).map_err(|error| format!("the pattern: {error}"))?;
        return What::pattern(value).ok_or_else(|| "the pattern is too long".to_owned());
    }
    match kind {
        Some(kind) => {
            let kind = Kind::read(kind).ok_or_else(|| format!("there is no kind {kind:?}"))?;
            Ok(What::Value(Observable::read(kind, value).map_err(|error| error.to_string())?))
        }
        None => Observable::guess(value)
            .map(What::Value)
            .ok_or_else(|| format!("{value:?} is no address, network, name, URL, mail address or hash: say --kind")),
    }
}

/// What warning lists say against it.
pub(crate) fn harm(what: &What, warnings: &Warnings) -> Harm {
    match what {
        What::Value(observable) => Harm::of(observable, warnings),
        What::Pattern(_) => Harm::default(),
    }
}

/// Who speaks, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voice<'a> {
    pub(crate) register: &'a Register,
    pub(crate) by: &'a str,
    pub(crate) now: Timestamp,
}

impl Voice<'_> {
    /// Adds one. What a warning list of class *warn* names is believed less.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub(crate) async fn add(&self, new: New, harm: &Harm) -> Result<IndicatorId> {
        let held = self.register.terms(&new.terms.unwrap_or_else(|| Terms::of(Tlp::UNMARKED))).await?;
        let source = new.case.map_or_else(|| Source::Foreign(format!("analyst {}", self.by)), Source::Case);
        let support = Support {
            confidence: if harm.mark().is_some() { new.confidence * 3 / 5 } else { new.confidence },
            valid_until: new.until,
            class: new.class.map(|class| class.type_().to_owned()),
            malware: new.malware.map(|name| name.to_lowercase()),
            marked: harm.mark().map(str::to_owned),
            ..self.by_hand(held)
        };
        self.hear(new.what, Said::For(source, support), "added", &new.because).await
    }

    /// It was seen so many times, which may be known under these terms: those of the indicator when none are named.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub(crate) async fn sight(&self, found: &Remembered, times: u64, terms: Option<&Terms>) -> Result<IndicatorId> {
        let held = match terms {
            Some(terms) => self.register.terms(terms).await?,
            None => found.terms,
        };
        let times = times.max(1);
        let support = Support { sighting: true, times, ..self.by_hand(held) };
        // Each time that somebody sees it is a word of its own.
        let source = Source::Foreign(format!("sighting by {} at {}", self.by, self.now));
        self.hear(found.indicator.what().clone(), Said::For(source, support), "sighted", &format!("{times} times")).await
    }

    /// It is harmless, says somebody who is trusted so far (1 to 100).
    ///
    /// # Errors
    /// When the register cannot be written.
    pub(crate) async fn doubt(&self, found: &Remembered, trust: u8, because: &str) -> Result<IndicatorId> {
        let doubt = Doubt { at: self.now, trust, because: because.to_owned() };
        self.hear(found.indicator.what().clone(), Said::Against(self.by.to_owned(), doubt), "false-positive", because).await
    }

    /// It is withdrawn, or taken back into use.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub(crate) async fn revoke(&self, found: &Remembered, revoked: bool, because: &str) -> Result<IndicatorId> {
        let ruling = Ruling { at: self.now, revoked, by: self.by.to_owned(), because: because.to_owned(), until: None };
        let what = if revoked { "revoked" } else { "restored" };
        self.hear(found.indicator.what().clone(), Said::Ruled(ruling), what, because).await
    }

    /// It ends then, whatever its sources say.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub(crate) async fn expire(&self, found: &Remembered, until: Timestamp, because: &str) -> Result<IndicatorId> {
        let ruling = Ruling { at: self.now, revoked: false, by: self.by.to_owned(), because: because.to_owned(), until: Some(until) };
        self.hear(found.indicator.what().clone(), Said::Ruled(ruling), "expired", because).await
    }

    /// It goes on until then: somebody stands for it so far, whatever end it was given before.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub(crate) async fn extend(&self, found: &Remembered, confidence: u8, until: Timestamp, because: &str) -> Result<IndicatorId> {
        let what = found.indicator.what().clone();
        let support = Support { confidence, valid_until: Some(until), ..self.by_hand(found.terms) };
        let mut said = vec![Said::For(Source::Foreign(format!("analyst {}", self.by)), support)];
        if found.indicator.ruling().is_some_and(|ruling| ruling.until.is_some()) {
            let ruling = Ruling { at: self.now, revoked: false, by: self.by.to_owned(), because: because.to_owned(), until: Some(until) };
            said.push(Said::Ruled(ruling));
        }
        let id = what.id();
        let deed = Deed { at: self.now.as_microsecond(), by: self.by, what: "extended", because };
        self.register.hear(&[Words { what, said }], deed).await?;
        Ok(id)
    }

    async fn hear(&self, what: What, said: Said, deed: &str, because: &str) -> Result<IndicatorId> {
        let id = what.id();
        let deed = Deed { at: self.now.as_microsecond(), by: self.by, what: deed, because };
        self.register.hear(&[Words { what, said: vec![said] }], deed).await?;
        Ok(id)
    }

    /// What somebody says at this moment, under these terms.
    fn by_hand(&self, held: i64) -> Support {
        Support {
            reporter: self.by.to_owned(),
            terms: vec![held],
            events: Vec::new(),
            sighting: false,
            confidence: 0,
            first: self.now,
            last: self.now,
            times: 1,
            valid_from: None,
            valid_until: None,
            class: None,
            malware: None,
            marked: None,
        }
    }
}
