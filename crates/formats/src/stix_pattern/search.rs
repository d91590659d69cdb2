//! Which observations can stand for which part of a pattern? A binding gives each part observations of its own (STIX 2.1 §9.5).
//!
//! Patterns of one part, repeated and within a time or not, are answered by counting. The rest is searched depth first, with the
//! order of FOLLOWEDBY and the span of WITHIN asked as soon as they can be, and every step counted.

use std::cell::OnceCell;

use jiff::{SignedDuration, Timestamp};

use super::program::{Observed, Program, Unevaluated, Work};

/// Most observations one binding may hold in a search.
const MOST_BOUND: u64 = 256;

#[derive(Debug)]
pub(super) enum Node {
    /// By its number among the leaves.
    Leaf(u32),
    And(Box<[Node]>),
    Or(Box<[Node]>),
    FollowedBy(Box<[Node]>),
    Repeat(Box<Node>, u64),
    Within(Box<Node>, SignedDuration),
}

impl Node {
    pub(super) fn repeated(self, times: u64) -> Self {
        match self {
            node if times == 1 => node,
            Self::Repeat(node, earlier) => Self::Repeat(node, earlier.saturating_mul(times)),
            node => Self::Repeat(Box::new(node), times),
        }
    }

    pub(super) fn within(self, span: SignedDuration) -> Self {
        match self {
            // One observation is always within a time.
            Self::Leaf(leaf) => Self::Leaf(leaf),
            Self::Within(node, earlier) => Self::Within(node, earlier.min(span)),
            Self::Or(all) => Self::Or(all.into_iter().map(|node| node.within(span)).collect()),
            node => Self::Within(Box::new(node), span),
        }
    }

    /// How many observations a binding holds at most.
    fn size(&self) -> u64 {
        match self {
            Self::Leaf(_) => 1,
            Self::And(all) | Self::FollowedBy(all) => all.iter().map(Self::size).fold(0, u64::saturating_add),
            Self::Or(all) => all.iter().map(Self::size).max().unwrap_or(0),
            Self::Repeat(node, times) => node.size().saturating_mul(*times),
            Self::Within(node, _) => node.size(),
        }
    }
}

pub(super) fn holds<O: Observed>(program: &Program, observations: &[O], work: &Work) -> Result<bool, Unevaluated> {
    let search = Search {
        program,
        observations,
        work,
        spans: observations.iter().map(Observed::span).collect(),
        candidates: program.leaves.iter().map(|_| OnceCell::new()).collect(),
    };
    match search.counted(&program.node)? {
        Counted::No => Ok(false),
        Counted::Yes => Ok(true),
        Counted::Perhaps if program.node.size() > MOST_BOUND => Err(Unevaluated::TooMany),
        Counted::Perhaps => {
            let mut state = State { used: vec![0; observations.len()], bound: Vec::new(), floor: None };
            search.bind(&program.node, &mut state, &mut |_| Ok(true))
        }
    }
}

struct Search<'a, O> {
    program: &'a Program,
    observations: &'a [O],
    work: &'a Work,
    spans: Vec<Option<(Timestamp, Timestamp)>>,
    candidates: Vec<OnceCell<Vec<usize>>>,
}

/// What can be said without a search.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Counted {
    No,
    Perhaps,
    Yes,
}

struct State {
    /// How often each observation is bound.
    used: Vec<u64>,
    /// The observations bound, in the order of binding.
    bound: Vec<usize>,
    /// What is bound now was last observed no earlier than this.
    floor: Option<Timestamp>,
}

type Next<'n> = &'n mut dyn FnMut(&mut State) -> Result<bool, Unevaluated>;

impl<O: Observed> Search<'_, O> {
    /// The observations that this leaf alone could be bound to.
    fn candidates(&self, leaf: u32) -> Result<&[usize], Unevaluated> {
        let cell = &self.candidates[leaf as usize];
        if let Some(found) = cell.get() {
            return Ok(found);
        }
        let mut found = Vec::new();
        for (at, observation) in self.observations.iter().enumerate() {
            if self.program.leaves[leaf as usize].holds(observation, self.work)? {
                found.push(at);
            }
        }
        Ok(cell.get_or_init(|| found))
    }

    fn capacity(&self, leaf: u32) -> Result<u64, Unevaluated> {
        Ok(self.candidates(leaf)?.iter().map(|at| self.observations[*at].count()).fold(0, u64::saturating_add))
    }

    fn counted(&self, node: &Node) -> Result<Counted, Unevaluated> {
        let sure = |yes| if yes { Counted::Yes } else { Counted::No };
        Ok(match node {
            Node::Leaf(leaf) => sure(!self.candidates(*leaf)?.is_empty()),
            Node::And(all) | Node::FollowedBy(all) => {
                for one in all {
                    if self.counted(one)? == Counted::No {
                        return Ok(Counted::No);
                    }
                }
                Counted::Perhaps
            }
            Node::Or(all) => {
                let mut best = Counted::No;
                for one in all {
                    match self.counted(one)? {
                        Counted::Yes => return Ok(Counted::Yes),
                        Counted::Perhaps => best = Counted::Perhaps,
                        Counted::No => {}
                    }
                }
                best
            }
            Node::Repeat(node, times) => match (&**node, self.counted(node)?) {
                (_, Counted::No) => Counted::No,
                (Node::Leaf(leaf), _) => sure(self.capacity(*leaf)? >= *times),
                _ if node.size().saturating_mul(*times) > self.observations.iter().map(Observed::count).fold(0, u64::saturating_add)
                    && !has_choice(node) =>
                {
                    Counted::No
                }
                _ => Counted::Perhaps,
            },
            Node::Within(node, span) => match (&**node, self.counted(node)?) {
                (_, Counted::No) => Counted::No,
                (Node::Repeat(inner, times), _) if matches!(**inner, Node::Leaf(_)) => {
                    let Node::Leaf(leaf) = **inner else { return Ok(Counted::Perhaps) };
                    sure(self.crowded(leaf, *times, *span)?)
                }
                _ => Counted::Perhaps,
            },
        })
    }

    /// Whether so many observations touch one stretch of time: one of the best stretches begins where a candidate ends.
    fn crowded(&self, leaf: u32, times: u64, stretch: SignedDuration) -> Result<bool, Unevaluated> {
        let candidates = self.candidates(leaf)?;
        for start in candidates {
            let Some((_, start)) = self.spans[*start] else { continue };
            let end = later(start, stretch);
            let mut count = 0_u64;
            for at in candidates {
                self.work.step()?;
                if self.spans[*at].is_some_and(|(first, last)| first <= end && last >= start) {
                    count = count.saturating_add(self.observations[*at].count());
                }
            }
            if count >= times {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Binds the node to observations that are free in every way, until what comes next is content.
    fn bind(&self, node: &Node, state: &mut State, next: Next<'_>) -> Result<bool, Unevaluated> {
        match node {
            Node::Leaf(leaf) => self.bind_leaf(*leaf, 1, 0, state, next),
            Node::Repeat(inner, times) => match **inner {
                Node::Leaf(leaf) => self.bind_leaf(leaf, *times, 0, state, next),
                _ => self.bind_times(inner, *times, 0, state, next),
            },
            Node::And(all) => self.bind_all(all, state, next),
            Node::Or(all) => {
                for one in all {
                    if self.bind(one, state, next)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::FollowedBy(all) => {
                let (start, floor) = (state.bound.len(), state.floor);
                self.bind_followed(all, start, floor, state, next)
            }
            Node::Within(inner, span) => {
                let start = state.bound.len();
                self.bind(inner, state, &mut |state| Ok(self.within(&state.bound[start..], *span) && next(state)?))
            }
        }
    }

    /// Binds one leaf to so many observations, beginning with the candidate `from` so that no choice is made twice.
    fn bind_leaf(&self, leaf: u32, times: u64, from: usize, state: &mut State, next: Next<'_>) -> Result<bool, Unevaluated> {
        if times == 0 {
            return next(state);
        }
        let candidates = self.candidates(leaf)?;
        for (place, at) in candidates.iter().enumerate().skip(from) {
            self.work.step()?;
            let late_enough = state.floor.is_none_or(|floor| self.spans[*at].is_some_and(|(_, last)| last >= floor));
            if !late_enough {
                continue;
            }
            let free = (self.observations[*at].count() - state.used[*at]).min(times);
            for taken in (1..=free).rev() {
                state.used[*at] += taken;
                state.bound.push(*at);
                let found = self.bind_leaf(leaf, times - taken, place + 1, state, next);
                state.bound.pop();
                state.used[*at] -= taken;
                if found? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Binds the node so many times; the observations that begin each time stand in order, so that no choice is made twice.
    fn bind_times(&self, node: &Node, times: u64, least: usize, state: &mut State, next: Next<'_>) -> Result<bool, Unevaluated> {
        if times == 0 {
            return next(state);
        }
        let start = state.bound.len();
        let floor = state.floor;
        self.bind(node, state, &mut |state| {
            let begins = state.bound[start..].iter().copied().min().unwrap_or(least);
            if begins < least {
                return Ok(false);
            }
            let inner = std::mem::replace(&mut state.floor, floor);
            let found = self.bind_times(node, times - 1, begins, state, next);
            state.floor = inner;
            found
        })
    }

    fn bind_all(&self, all: &[Node], state: &mut State, next: Next<'_>) -> Result<bool, Unevaluated> {
        match all {
            [] => next(state),
            [one, rest @ ..] => self.bind(one, state, &mut |state| self.bind_all(rest, state, next)),
        }
    }

    /// `start` is where the binding of the whole begins; `outer` the floor around it.
    fn bind_followed(
        &self,
        all: &[Node],
        start: usize,
        outer: Option<Timestamp>,
        state: &mut State,
        next: Next<'_>,
    ) -> Result<bool, Unevaluated> {
        match all {
            [] => {
                let inner = std::mem::replace(&mut state.floor, outer);
                let found = next(state);
                state.floor = inner;
                found
            }
            [one, rest @ ..] => self.bind(one, state, &mut |state| {
                // What follows was last seen no earlier than any before it was first seen.
                let mut latest = outer;
                for at in &state.bound[start..] {
                    let Some((first, _)) = self.spans[*at] else { return Ok(false) };
                    latest = latest.max(Some(first));
                }
                let inner = std::mem::replace(&mut state.floor, latest);
                let found = self.bind_followed(rest, start, outer, state, next);
                state.floor = inner;
                found
            }),
        }
    }

    /// Whether one stretch of time of this length touches all of them: if any does, that does which begins at the earliest end.
    fn within(&self, bound: &[usize], stretch: SignedDuration) -> bool {
        if bound.len() < 2 {
            return true;
        }
        let Some(spans) = bound.iter().map(|at| self.spans[*at]).collect::<Option<Vec<_>>>() else { return false };
        let Some(start) = spans.iter().map(|(_, last)| *last).min() else { return false };
        let end = later(start, stretch);
        spans.iter().all(|(first, _)| *first <= end)
    }
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Whether bindings can be of different sizes.
fn has_choice(node: &Node) -> bool {
    match node {
        Node::Leaf(_) => false,
        Node::Or(_) => true,
        Node::And(all) | Node::FollowedBy(all) => all.iter().any(has_choice),
        Node::Repeat(node, _) | Node::Within(node, _) => has_choice(node),
    }
}
