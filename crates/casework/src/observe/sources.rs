//! Every source this program reads, most telling first.

use super::Source;
use super::shadowserver::Shadowserver;

/// All sources. A new one is a file in this folder and a line here.
pub static SOURCES: &[&dyn Source] = &[&Shadowserver];
