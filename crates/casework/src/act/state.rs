//! Where is a notice on its way?
//!
//! Forward only. Whether a mail was taken over cannot always be known: a process may die between a server's taking it
//! and our learning of it. Such a notice stays [`State::Handing`] until a delivery report, an answer or time decides.

/// Where a notice is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum State {
    /// Takes in more of the same until the burst is over.
    Waiting,
    /// Drafted, not released.
    Ready,
    /// Decided, sealed and in the log of releases; in the outbox.
    Released,
    /// Being handed to the mail server, or nobody knows whether it was.
    Handing,
    /// The mail server has taken it.
    Sent,
    /// The recipient's server has it, as a delivery report or an answer says.
    Delivered,
    /// It cannot be delivered.
    Failed,
    /// Taken back before its release.
    Cancelled,
    /// Policy lets the party know nothing of it.
    Denied,
}

impl State {
    pub const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Ready,
        Self::Released,
        Self::Handing,
        Self::Sent,
        Self::Delivered,
        Self::Failed,
        Self::Cancelled,
        Self::Denied,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Released => "released",
            Self::Handing => "handing",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Denied => "denied",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// May a notice go from here to `next`?
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Waiting => matches!(next, Self::Ready | Self::Cancelled),
            Self::Ready => matches!(next, Self::Released | Self::Cancelled | Self::Denied),
            Self::Released => matches!(next, Self::Handing | Self::Failed),
            // Back into the outbox when it is known, or has become likely, that nobody took it.
            Self::Handing => matches!(next, Self::Released | Self::Sent | Self::Delivered | Self::Failed),
            // Back into the outbox when a person has it sent again: the same mail, which was given once already.
            Self::Sent => matches!(next, Self::Delivered | Self::Failed | Self::Released),
            // A success report from a relay may be followed by a failure from beyond it.
            Self::Delivered => next == Self::Failed,
            Self::Failed => next == Self::Released,
            Self::Cancelled | Self::Denied => false,
        }
    }

    /// Something was given to the party.
    pub fn is_out(self) -> bool {
        match self {
            Self::Released | Self::Handing | Self::Sent | Self::Delivered | Self::Failed => true,
            Self::Waiting | Self::Ready | Self::Cancelled | Self::Denied => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_never_taken_back() {
        for from in State::ALL {
            for to in State::ALL.into_iter().filter(|to| from.may_become(*to)) {
                assert!(!from.is_out() || to.is_out(), "{from:?} → {to:?}");
                assert_ne!(from, to);
            }
            assert_eq!(State::read(from.as_str()), Some(from));
        }
    }

    #[test]
    fn nothing_reaches_a_mail_server_that_was_not_released() {
        let before: Vec<_> = State::ALL.into_iter().filter(|from| from.may_become(State::Handing)).collect();
        assert_eq!(before, [State::Released]);
    }
}
