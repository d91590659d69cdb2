//! What does an indicator look for, and is it in what was seen? The pattern language of STIX 2.1 (§9) in full.
//!
//! [`Pattern`] is the text as a tree, [`Program`] is the tree made ready, [`Index`] holds many programs and asks only those
//! whose literal stands in what was seen. What was seen is an [`Observation`] (STIX objects) or [`Facts`] (paths with values,
//! without JSON). `docs/stix-patterns.md` says what is supported, which limits hold and where published matchers differ.

mod anchor;
mod check;
mod compare;
mod facts;
mod index;
mod lexer;
mod network;
mod observation;
mod parser;
mod pattern;
mod print;
mod program;
mod search;
#[cfg(test)]
mod tests;

pub use check::Finding;
pub use compare::Scalar;
pub use facts::{Fact, Facts};
pub use index::{Found, Index, Slot, Statistics};
pub use observation::{NotObserved, Observation};
pub use parser::Malformed;
pub use pattern::{
    Comparison, Constant, Level, ObjectPath, ObservationExpression, Operation, Order, Pattern, PropertyTest, Qualifier, Step, Version,
};
pub use program::{KnownPath, Observed, Program, Unevaluated, Unusable, Work};

/// Longest pattern read, in bytes.
pub const MOST_BYTES: usize = 1 << 20;
/// Deepest nesting of parentheses.
pub const MOST_DEPTH: usize = 64;
/// Most steps of one object path.
pub const MOST_PATH_STEPS: usize = 32;
