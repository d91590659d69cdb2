//! Every source this program reads, most telling first.

use super::{Source, arf, xarf_mail};

/// All sources. A new one is a file in this folder and a line here.
pub static SOURCES: &[&dyn Source] = &[&arf::Arf, &xarf_mail::XarfMail];
