//! May this be done to a case as it stands, and what is then written to its history?
//!
//! Every answer is the entries to append: none when it is done already. Whatever a person did can be undone by an opposite entry.

use jiff::Timestamp;

use super::case::{Case, Closing, Did};

/// Why something cannot be done to a case.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no task {0}")]
    NoTask(u32),
    #[error("{0} takes no part in it")]
    TakesNoPart(String),
    #[error("not resolved while takedowns are not verified: {}", .0.join(", "))]
    Running(Vec<String>),
    #[error("it was closed at {at}: {}", .closing.as_str())]
    IsClosed { at: Timestamp, closing: Closing },
    #[error("it goes on in another case")]
    GoesOn,
    #[error("it is open")]
    IsOpen,
    #[error("a case does not go on in itself")]
    IntoItself,
    #[error("it does not go on in {0}")]
    NotThere(String),
}

impl Case {
    /// A new task, numbered on.
    pub fn task(&self, title: String, assignee: Option<String>, due: Option<Timestamp>) -> (u32, Did) {
        let number = self.tasks.iter().map(|task| task.number).max().unwrap_or(0) + 1;
        (number, Did::TaskAdded { number, title, assignee, due })
    }

    /// A task is done, or was not done after all.
    ///
    /// # Errors
    /// When there is no such task.
    pub fn finish(&self, number: u32, done: bool) -> Result<Vec<Did>, Refusal> {
        match self.tasks.iter().find(|task| task.number == number) {
            None => Err(Refusal::NoTask(number)),
            Some(task) if task.done_at.is_some() == done => Ok(Vec::new()),
            Some(_) if done => Ok(vec![Did::TaskDone { number }]),
            Some(_) => Ok(vec![Did::TaskReopened { number }]),
        }
    }

    /// A party takes part, in this role.
    pub fn join(&self, party: &str, role: &str) -> Vec<Did> {
        match self.participants.get(party) {
            Some(known) if known == role => Vec::new(),
            _ => vec![Did::Joined { party: party.to_owned(), role: role.to_owned() }],
        }
    }

    /// # Errors
    /// When it took no part.
    pub fn leave(&self, party: &str) -> Result<Vec<Did>, Refusal> {
        match self.participants.contains_key(party) {
            true => Ok(vec![Did::Left { party: party.to_owned() }]),
            false => Err(Refusal::TakesNoPart(party.to_owned())),
        }
    }

    /// # Errors
    /// When it is closed, or said to be resolved while a takedown is not verified: that is a word about the network; whoever gives up may
    /// say so.
    pub fn close(&self, closing: Closing, why: String) -> Result<Vec<Did>, Refusal> {
        if let Some((at, closing)) = self.closed {
            return Err(Refusal::IsClosed { at, closing });
        }
        let running: Vec<String> = self.running().map(str::to_owned).collect();
        if closing == Closing::Resolved && !running.is_empty() {
            return Err(Refusal::Running(running));
        }
        Ok(vec![Did::Closed { closing, why, into: None }])
    }

    /// # Errors
    /// When it is open, or goes on in another case: that is undone by parting them.
    pub fn reopen(&self, why: String) -> Result<Vec<Did>, Refusal> {
        match self.closed {
            None => Err(Refusal::IsOpen),
            Some((_, Closing::Merged)) => Err(Refusal::GoesOn),
            Some(_) => Ok(vec![Did::Reopened { why }]),
        }
    }

    /// What is written in this case and in the one in which it goes on. Both must be open, so that nothing ever goes round in a circle.
    ///
    /// # Errors
    /// When either is closed, or both are the same.
    pub fn merge(&self, id: &str, into: &Self, into_id: &str, why: String) -> Result<(Did, Did), Refusal> {
        if id == into_id {
            return Err(Refusal::IntoItself);
        }
        if let Some((at, closing)) = self.closed.or(into.closed) {
            return Err(Refusal::IsClosed { at, closing });
        }
        let gone = Did::Closed { closing: Closing::Merged, why, into: Some(into_id.to_owned()) };
        Ok((gone, Did::Absorbed { case: id.to_owned() }))
    }

    /// The opposite: this case goes on by itself again.
    ///
    /// # Errors
    /// When it did not go on in `into`.
    pub fn part(&self, id: &str, into_id: &str, why: String) -> Result<(Did, Did), Refusal> {
        match self.merged_into.as_deref() == Some(into_id) {
            true => Ok((Did::Reopened { why }, Did::Parted { case: id.to_owned() })),
            false => Err(Refusal::NotThere(into_id.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(mut case: Case, did: &[Did]) -> Case {
        did.iter().for_each(|did| case.follow(Timestamp::UNIX_EPOCH, did));
        case
    }

    #[test]
    fn what_was_merged_can_be_parted_and_is_as_before() {
        let (one, other) = (Case { title: "one".into(), ..Case::default() }, Case { title: "other".into(), ..Case::default() });
        let (gone, took) = one.merge("c1", &other, "c2", "the same".into()).unwrap();
        let (merged, grown) = (after(one.clone(), &[gone]), after(other.clone(), &[took]));
        assert_eq!((merged.merged_into.as_deref(), grown.absorbed.contains("c1")), (Some("c2"), true));
        assert_eq!(merged.reopen(String::new()), Err(Refusal::GoesOn));
        assert!(grown.merge("c2", &merged, "c1", String::new()).is_err(), "nothing goes round in a circle");
        let (again, parted) = merged.part("c1", "c2", String::new()).unwrap();
        assert_eq!((after(merged, &[again]), after(grown, &[parted])), (one, other));
    }

    #[test]
    fn a_task_that_was_done_can_be_taken_up_again() {
        let case = Case::default();
        let (number, added) = case.task("ask".into(), None, None);
        let case = after(case, &[added]);
        let done = after(case.clone(), &case.finish(number, true).unwrap());
        assert_eq!((done.open_tasks(), done.finish(number, true).unwrap()), (0, vec![]));
        assert_eq!(after(done.clone(), &done.finish(number, false).unwrap()), case);
        assert_eq!(case.finish(9, true), Err(Refusal::NoTask(9)));
    }

    #[test]
    fn resolved_is_a_word_about_the_network() {
        let asked = Did::Takedown { takedown: "t1".into(), happening: "requested".into(), state: "requested".into(), detail: None };
        let case = after(Case::default(), &[asked]);
        assert_eq!(case.close(Closing::Resolved, String::new()), Err(Refusal::Running(vec!["t1".into()])));
        assert!(case.close(Closing::GivenUp, String::new()).is_ok());
    }
}
