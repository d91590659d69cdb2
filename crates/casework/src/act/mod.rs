//! What is done about it, and what comes back.

pub mod answer;
pub mod retry;
pub mod token;
mod words;
