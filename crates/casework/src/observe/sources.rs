//! Every source this program reads, most telling first.

use super::{Source, intelmq, shadowserver};

/// All sources. A new one is a file in this folder and a line here.
pub static SOURCES: &[&dyn Source] = &[&shadowserver::Shadowserver, &intelmq::IntelMq];
