//! What does a MISP write, and how is it answered so that a MISP or PyMISP understands?
//!
//! The MISP core format (draft-dulaunoy-misp-core-format-20) as typed records that keep every key they do not know, so that
//! what is read and written again says the same; the feed made of such events; their tags; the same events as STIX 2.1; and
//! the pure part of the server: what a client asks, what matches, and the texts of the answers.
//!
//! MISP writes numbers as strings and is lax about what it accepts: so are the readers here, and the writers write as MISP does.

pub mod api;
pub mod attribute_type;
pub mod event;
pub mod feed;
pub mod feed_list;
pub mod list;
mod record;
pub mod stix;
pub mod tag;
pub mod value;

pub use event::{Attribute, Event, Object};
pub use record::{Flag, More};
