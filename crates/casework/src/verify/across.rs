//! A takedown across a border: what we tell the partner who acts for us, and what we owe the one who asked us.
//!
//! A request to a foreign party is a release under an agreement; acknowledgement, answer and outcome come back. Both sides
//! run the same [`super::takedown::step`]: here is only which words travel when. How they travel is not decided here.

use super::takedown::{Answer, Happening, PeerOutcome, Said, Shown, Status};
use crate::model::party::PartyId;

/// On what basis somebody outside was asked.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Basis {
    /// Their duty towards us, or the law: no agreement is cited.
    Direct,
    /// A release under this agreement.
    Agreement {
        agreement: String,
        /// Of the log of releases, once it is written there.
        release: Option<String>,
    },
}

/// Whose takedown it is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Side {
    /// We asked this party, under this basis.
    Asking { party: PartyId, basis: Basis },
    /// This party asked us; their name for it.
    Asked { party: PartyId, their_id: String },
}

/// What travels between the two.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Message {
    /// Please take this down; quiet for so many days will count.
    Request {
        quiet_days: u16,
    },
    Acknowledgement,
    Answer(Answer),
    Outcome(PeerOutcome),
    /// The request no longer stands.
    Recall,
}

/// What a message from the one we asked means for our takedown; `None` when only the asking side may say it.
pub fn from_asked(message: Message) -> Option<Happening> {
    match message {
        Message::Acknowledgement => Some(Happening::Acknowledged),
        Message::Answer(answer) => Some(Happening::Answered(answer)),
        Message::Outcome(outcome) => Some(Happening::Peer(outcome)),
        Message::Request { .. } | Message::Recall => None,
    }
}

/// What a message from the one who asked us means for our takedown; `None` when only the asked side may say it.
pub fn from_asking(message: Message) -> Option<Happening> {
    match message {
        Message::Recall => Some(Happening::Withdrawn),
        // A request opens a takedown here; that says nothing of whom we ask ourselves.
        Message::Request { .. } | Message::Acknowledgement | Message::Answer(_) | Message::Outcome(_) => None,
    }
}

/// What the one who asked us must be told now that our takedown went from one status to the other.
pub fn owed(before: Status, after: Status) -> Option<Message> {
    if before.said != after.said && after.said == Said::Withdrawn {
        return Some(Message::Outcome(PeerOutcome::Withdrawn));
    }
    if before.shown != after.shown {
        let outcome = match after.shown {
            Shown::Verified => Some(PeerOutcome::Verified),
            Shown::Reopened => Some(PeerOutcome::Seen),
            Shown::Quiet => Some(PeerOutcome::Quiet),
            Shown::Unwatched => Some(PeerOutcome::Unwatched),
            Shown::Active => None,
        };
        if let Some(outcome) = outcome {
            return Some(Message::Outcome(outcome));
        }
    }
    if before.said == after.said {
        return None;
    }
    match after.said {
        // That we work on it is all they need to know of whom we ask.
        Said::Requested | Said::Acknowledged if before.said == Said::Nothing => Some(Message::Acknowledgement),
        Said::Requested | Said::Acknowledged | Said::Nothing | Said::Withdrawn => None,
        Said::Fixed => Some(Message::Answer(Answer::Fixed)),
        Said::Disputed => Some(Message::Answer(Answer::FalsePositive)),
        // To whom it belongs is ours to find out.
        Said::Misdirected => None,
        Said::Declined => Some(Message::Answer(Answer::Declined)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::quiet::QuietPeriod;
    use super::super::takedown::{State, happenings, step};
    use super::*;

    fn needed() -> QuietPeriod {
        QuietPeriod::from_days(2).unwrap()
    }

    /// The takedown at the one who was asked, and what the one who asked learns of it.
    fn follow(happened: &[Happening]) -> (Status, Status) {
        let ask = |status| step(status, Happening::Requested, needed()).unwrap();
        let (mut theirs, mut ours) = (Status::NEW, ask(Status::NEW));
        for happening in happened {
            let after = step(theirs, *happening, needed()).unwrap();
            if let Some(happening) = owed(theirs, after).and_then(from_asked) {
                ours = step(ours, happening, needed()).unwrap();
            }
            theirs = after;
        }
        (theirs, ours)
    }

    #[test]
    fn the_one_who_asked_hears_of_acknowledgement_and_outcome_and_still_looks_for_itself() {
        use Happening::{Answered, Requested, Seen, WatchedDay};
        assert_eq!(follow(&[Requested]).1.state(), State::Acknowledged);
        let (theirs, ours) = follow(&[Requested, Answered(Answer::Fixed), WatchedDay, WatchedDay]);
        assert_eq!((theirs.state(), ours.state()), (State::Verified, State::Fixed));
        let (theirs, ours) = follow(&[Requested, Answered(Answer::Fixed), WatchedDay, WatchedDay, Seen]);
        assert_eq!((theirs.state(), ours.state(), ours.reinfections), (State::Reopened, State::Reopened, 1));
        let (_, ours) = follow(&[Requested, Happening::Withdrawn]);
        assert_eq!(ours.state(), State::Declined);
    }

    #[test]
    fn what_is_owed_is_a_message_of_the_asked_side_and_is_owed_once() {
        for said in Said::ALL {
            for shown in Shown::ALL {
                let status = Status { said, shown, ..Status::NEW };
                assert_eq!(owed(status, status), None);
                for happening in happenings() {
                    let Ok(after) = step(status, happening, needed()) else { continue };
                    if let Some(message) = owed(status, after) {
                        assert!(from_asked(message).is_some() && from_asking(message).is_none(), "{message:?}");
                    }
                }
            }
        }
        assert_eq!(from_asking(Message::Recall), Some(Happening::Withdrawn));
        assert_eq!(from_asked(Message::Recall), None);
    }
}
