//! Has a takedown worked? What people say and what the network shows are two things; only the second ends it.
//!
//! One pure function, [`step`], over all that can be the case ([`Status`]) and all that can happen ([`Happening`]).
//! Messages move what was [`Said`]; days of the network move what was [`Shown`]. Silence counts only while a sensor that
//! would have seen the threat was watching: a day without one begins the count anew. Losing the sensor after
//! [`Shown::Verified`] undoes nothing; being seen again always does.

use super::quiet::QuietPeriod;

/// What has been said between us and the one who must act.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Said {
    /// Nobody was asked yet.
    Nothing,
    Requested,
    Acknowledged,
    /// They say it is fixed.
    Fixed,
    /// They say that there is nothing wrong.
    Disputed,
    /// They say that it is not theirs.
    Misdirected,
    /// They will not or cannot act.
    Declined,
    /// We have given up the request; the end.
    Withdrawn,
}

/// What the network has shown since.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Shown {
    /// Seen when it was last looked at; no whole day has passed since.
    Active,
    /// Unseen while watched, not yet for long enough.
    Quiet,
    /// Nobody watches: unknown.
    Unwatched,
    /// Unseen for the whole quiet period while watched.
    Verified,
    /// Seen again.
    Reopened,
}

/// All that counts of a takedown.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Status {
    pub said: Said,
    pub shown: Shown,
    /// Whole days, one after the other, watched without a sight.
    pub quiet_days: u16,
    /// Times it was seen again after it was said to be fixed or had been verified.
    pub reinfections: u32,
    pub escalations: u32,
}

/// An answer of the one who was asked.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Answer {
    Fixed,
    FalsePositive,
    NotOurs,
    /// A person is there and asks for more.
    NeedMore,
    Declined,
    /// A machine answered: nothing is known by it.
    Automatic,
}

impl Answer {
    pub const ALL: [Self; 6] = [Self::Fixed, Self::FalsePositive, Self::NotOurs, Self::NeedMore, Self::Declined, Self::Automatic];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::FalsePositive => "false-positive",
            Self::NotOurs => "not-ours",
            Self::NeedMore => "need-more",
            Self::Declined => "declined",
            Self::Automatic => "automatic",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.as_str() == text)
    }
}

/// What a partner across the border tells of the takedown that we asked for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PeerOutcome {
    /// Quiet for their quiet period while their sensors watched. To us a claim: our own network must show it.
    Verified,
    Quiet,
    Unwatched,
    /// Their sensors see it still, or again.
    Seen,
    /// They have given up.
    Withdrawn,
}

impl PeerOutcome {
    pub const ALL: [Self; 5] = [Self::Verified, Self::Quiet, Self::Unwatched, Self::Seen, Self::Withdrawn];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Quiet => "quiet",
            Self::Unwatched => "unwatched",
            Self::Seen => "seen",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// What can happen to a takedown.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Happening {
    Requested,
    Acknowledged,
    Answered(Answer),
    /// Word of a partner who does the takedown for us.
    Peer(PeerOutcome),
    /// The next one up is asked.
    Escalated,
    Withdrawn,
    /// Seen by a sensor.
    Seen,
    /// A whole day on which a sensor watched and saw nothing.
    WatchedDay,
    /// A whole day on which nobody watched.
    UnwatchedDay,
}

/// Acts of our own that make no sense; what comes from outside is never refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("the takedown is verified: there is nothing left to ask")]
    AlreadyVerified,
    #[error("the takedown was withdrawn")]
    AlreadyWithdrawn,
    #[error("nobody was asked yet: request it first")]
    NobodyAsked,
}

/// How it stands, in one word.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum State {
    Open,
    Requested,
    Acknowledged,
    Fixed,
    Disputed,
    Misdirected,
    Declined,
    Quiet,
    Unknown,
    Verified,
    Reopened,
    Withdrawn,
}

impl State {
    pub const ALL: [Self; 12] = [
        Self::Open,
        Self::Requested,
        Self::Acknowledged,
        Self::Fixed,
        Self::Disputed,
        Self::Misdirected,
        Self::Declined,
        Self::Quiet,
        Self::Unknown,
        Self::Verified,
        Self::Reopened,
        Self::Withdrawn,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Requested => "requested",
            Self::Acknowledged => "acknowledged",
            Self::Fixed => "fixed",
            Self::Disputed => "disputed",
            Self::Misdirected => "misdirected",
            Self::Declined => "declined",
            Self::Quiet => "quiet",
            Self::Unknown => "unknown",
            Self::Verified => "verified",
            Self::Reopened => "reopened",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// In a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Open => "nobody was asked yet",
            Self::Requested => "asked, no answer yet",
            Self::Acknowledged => "they have it",
            Self::Fixed => "said to be fixed, not yet shown",
            Self::Disputed => "they say that there is nothing wrong",
            Self::Misdirected => "they say that it is not theirs",
            Self::Declined => "they will not act",
            Self::Quiet => "quiet so far",
            Self::Unknown => "nobody watches",
            Self::Verified => "gone: quiet for the quiet period while watched",
            Self::Reopened => "seen again",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl Said {
    pub const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Requested,
        Self::Acknowledged,
        Self::Fixed,
        Self::Disputed,
        Self::Misdirected,
        Self::Declined,
        Self::Withdrawn,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Requested => "requested",
            Self::Acknowledged => "acknowledged",
            Self::Fixed => "fixed",
            Self::Disputed => "disputed",
            Self::Misdirected => "misdirected",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|said| said.as_str() == text)
    }
}

impl Shown {
    pub const ALL: [Self; 5] = [Self::Active, Self::Quiet, Self::Unwatched, Self::Verified, Self::Reopened];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Quiet => "quiet",
            Self::Unwatched => "unwatched",
            Self::Verified => "verified",
            Self::Reopened => "reopened",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shown| shown.as_str() == text)
    }
}

impl Status {
    /// A takedown that begins.
    pub const NEW: Self = Self { said: Said::Nothing, shown: Shown::Active, quiet_days: 0, reinfections: 0, escalations: 0 };

    /// The end of the one is [`State::Withdrawn`], of the other [`State::Verified`]; an objection that a person must
    /// look at comes before silence.
    pub fn state(self) -> State {
        match (self.said, self.shown) {
            (Said::Withdrawn, _) => State::Withdrawn,
            (_, Shown::Verified) => State::Verified,
            (_, Shown::Reopened) => State::Reopened,
            (Said::Disputed, _) => State::Disputed,
            (Said::Misdirected, _) => State::Misdirected,
            (Said::Declined, _) => State::Declined,
            (_, Shown::Quiet) => State::Quiet,
            (_, Shown::Unwatched) => State::Unknown,
            (Said::Nothing, Shown::Active) => State::Open,
            (Said::Requested, Shown::Active) => State::Requested,
            (Said::Acknowledged, Shown::Active) => State::Acknowledged,
            (Said::Fixed, Shown::Active) => State::Fixed,
        }
    }

    /// The count of silent days begins anew without anything having been seen again: evidence of an earlier day came late.
    pub fn recount(self) -> Self {
        match self.shown {
            Shown::Active | Shown::Reopened | Shown::Verified => self,
            Shown::Quiet | Shown::Unwatched => Self { shown: Shown::Active, quiet_days: 0, ..self },
        }
    }
}

/// What is the case after something happened.
///
/// # Errors
/// [`Refusal`] for a request, escalation or withdrawal of our own that makes no sense. Whatever comes from others or from the
/// network is taken; it may change nothing.
pub fn step(status: Status, happening: Happening, needed: QuietPeriod) -> Result<Status, Refusal> {
    match happening {
        Happening::Requested => ask(status, 0),
        Happening::Escalated if status.said == Said::Nothing => Err(Refusal::NobodyAsked),
        Happening::Escalated => ask(status, 1),
        Happening::Withdrawn => match (status.said, status.shown) {
            (Said::Withdrawn, _) => Err(Refusal::AlreadyWithdrawn),
            (_, Shown::Verified) => Err(Refusal::AlreadyVerified),
            _ => Ok(Status { said: Said::Withdrawn, ..status }),
        },
        // What comes after the end is remembered by whoever keeps the history, and changes nothing.
        _ if status.said == Said::Withdrawn => Ok(status),
        Happening::Acknowledged | Happening::Answered(Answer::NeedMore) => Ok(acknowledged(status)),
        Happening::Answered(Answer::Automatic) => Ok(status),
        Happening::Answered(Answer::Fixed) => Ok(answered(status, Said::Fixed)),
        Happening::Answered(Answer::FalsePositive) => Ok(answered(status, Said::Disputed)),
        Happening::Answered(Answer::NotOurs) => Ok(answered(status, Said::Misdirected)),
        Happening::Answered(Answer::Declined) => Ok(answered(status, Said::Declined)),
        Happening::Peer(outcome) => Ok(match outcome {
            PeerOutcome::Verified => answered(status, Said::Fixed),
            PeerOutcome::Quiet | PeerOutcome::Unwatched => acknowledged(status),
            PeerOutcome::Seen => seen(status),
            PeerOutcome::Withdrawn => answered(status, Said::Declined),
        }),
        Happening::Seen => Ok(seen(status)),
        Happening::WatchedDay => Ok(watched(status, needed)),
        Happening::UnwatchedDay => Ok(match status.shown {
            Shown::Verified => status,
            Shown::Active | Shown::Quiet | Shown::Unwatched | Shown::Reopened => {
                Status { shown: Shown::Unwatched, quiet_days: 0, ..status }
            }
        }),
    }
}

fn ask(status: Status, escalations: u32) -> Result<Status, Refusal> {
    match (status.said, status.shown) {
        (Said::Withdrawn, _) => Err(Refusal::AlreadyWithdrawn),
        (_, Shown::Verified) => Err(Refusal::AlreadyVerified),
        _ => Ok(Status {
            said: Said::Requested,
            shown: dealt_with(status.shown),
            escalations: status.escalations.saturating_add(escalations),
            ..status
        }),
    }
}

/// That it was seen again has been taken up.
fn dealt_with(shown: Shown) -> Shown {
    match shown {
        Shown::Reopened => Shown::Active,
        Shown::Active | Shown::Quiet | Shown::Unwatched | Shown::Verified => shown,
    }
}

fn acknowledged(status: Status) -> Status {
    match status.said {
        Said::Nothing | Said::Requested => Status { said: Said::Acknowledged, shown: dealt_with(status.shown), ..status },
        Said::Acknowledged | Said::Fixed | Said::Disputed | Said::Misdirected | Said::Declined | Said::Withdrawn => status,
    }
}

fn answered(status: Status, said: Said) -> Status {
    match status.shown {
        Shown::Verified => status,
        Shown::Active | Shown::Quiet | Shown::Unwatched | Shown::Reopened => Status { said, shown: dealt_with(status.shown), ..status },
    }
}

fn seen(status: Status) -> Status {
    let refuted = status.said == Said::Fixed || status.shown == Shown::Verified;
    let shown = match status.shown {
        Shown::Active if !refuted => Shown::Active,
        Shown::Active | Shown::Quiet | Shown::Unwatched | Shown::Verified | Shown::Reopened => Shown::Reopened,
    };
    // Who said that it was fixed owes an answer again.
    let said = if refuted && status.said != Said::Nothing { Said::Requested } else { status.said };
    Status { said, shown, quiet_days: 0, reinfections: status.reinfections.saturating_add(u32::from(refuted)), ..status }
}

fn watched(status: Status, needed: QuietPeriod) -> Status {
    let quiet_days = status.quiet_days.saturating_add(1);
    let shown = match status.shown {
        Shown::Verified => Shown::Verified,
        Shown::Active | Shown::Quiet | Shown::Unwatched | Shown::Reopened => {
            if quiet_days >= needed.days() {
                Shown::Verified
            } else {
                Shown::Quiet
            }
        }
    };
    Status { shown, quiet_days, ..status }
}

/// Everything that can happen, once.
pub fn happenings() -> impl Iterator<Item = Happening> {
    let plain = [
        Happening::Requested,
        Happening::Acknowledged,
        Happening::Escalated,
        Happening::Withdrawn,
        Happening::Seen,
        Happening::WatchedDay,
        Happening::UnwatchedDay,
    ];
    plain.into_iter().chain(Answer::ALL.map(Happening::Answered)).chain(PeerOutcome::ALL.map(Happening::Peer))
}

impl Happening {
    /// As history and scripts write it.
    pub fn word(self) -> String {
        match self {
            Self::Requested => "requested".into(),
            Self::Acknowledged => "acknowledged".into(),
            Self::Answered(answer) => format!("answered-{}", answer.as_str()),
            Self::Peer(outcome) => format!("peer-{}", outcome.as_str()),
            Self::Escalated => "escalated".into(),
            Self::Withdrawn => "withdrawn".into(),
            Self::Seen => "seen".into(),
            Self::WatchedDay => "watched-day".into(),
            Self::UnwatchedDay => "unwatched-day".into(),
        }
    }

    pub fn read(word: &str) -> Option<Self> {
        happenings().find(|happening| happening.word() == word)
    }
}

#[cfg(test)]
mod tests;
