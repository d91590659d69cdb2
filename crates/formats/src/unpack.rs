//! What is inside: containers opened as streams, with limits.
