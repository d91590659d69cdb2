//! MalwareBazaar (abuse.ch): samples of malware, by their hashes.
//!
//! abuse.ch writes all times in UTC, whether a column says so or not.

use std::io::Read;

use formats::rsit::Class;

use super::json_record::{self, Means, Record, Refusal, Shape};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Event;
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Bazaar;

impl Source for Bazaar {
    fn name(&self) -> &'static str {
        "abusech-bazaar"
    }

    fn about(&self) -> &'static str {
        "MalwareBazaar (abuse.ch): malware samples, JSON (API answer)"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        if json_record::has_keys(head, &["sha256_hash", "md5_hash", "file_type"]) { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_value(input, sink, Shape::Members, |value, out| {
            let serde_json::Value::Object(members) = value else {
                return if out.listed { Err("a record that is no object".into()) } else { Ok(()) };
            };
            let mut event = out.blank();
            read_record(Record(members), &mut event)?;
            Ok(out.event(event)?)
        })
    }
}

const MEANS: &[(&str, Means)] =
    &[("first_seen", Means::Is(Field::Time)), ("first_seen_utc", Means::Is(Field::Time)), ("signature", Means::Is(Field::Malware))];

/// One record of any of the exports.
pub(super) fn read_record(mut record: Record, event: &mut Event<'static>) -> Result<(), Refusal> {
    let mut named = false;
    for key in ["sha256_hash", "sha1_hash", "md5_hash"] {
        if let Some(hash) = record.text(key) {
            if formats::value::hash_kind(hash.trim()).is_some() {
                json_record::keep_hash(event, &hash);
                named = true;
            } else {
                event.extra.str(key, &hash);
            }
        }
    }
    if !named {
        return Err("none of sha256_hash, sha1_hash, md5_hash is a hash".into());
    }
    event.class = Class::known("malware-distribution");
    record.apply(event, MEANS);
    record.keep_rest(event);
    Ok(())
}
