//! CertStream (CaliDog): certificates as they enter the public transparency logs, one event for each name in them.
//!
//! Only the certificate of the host is kept, without its bytes and those of its issuers: the fingerprint names it, and the log has it.

use std::io::Read;

use formats::rsit::Class;
use serde_json::Value;

use super::json_record::{self, Means, Record, Shape};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct CertStream;

impl Source for CertStream {
    fn name(&self) -> &'static str {
        "certstream"
    }

    fn about(&self) -> &'static str {
        "CertStream: names in new certificates, JSON"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let updates = json_record::has_keys(head, &["cert_index", "cert_link"]) || json_record::has_keys(head, &["leaf_cert"]);
        if updates { Likelihood::Certain } else { Likelihood::No }
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        json_record::each_record(input, sink, Shape::Records, |mut record, out| {
            if record.str("message_type") == Some("heartbeat") {
                return Ok(());
            }
            let mut update = record.object("data").ok_or("data is missing")?;
            let mut leaf = update.object("leaf_cert").ok_or("data.leaf_cert is missing")?;
            let names = leaf.list("all_domains").ok_or("data.leaf_cert.all_domains is missing")?;
            let _ = (leaf.take("as_der"), update.take("chain"));
            for name in names {
                let mut event = out.blank();
                let text = name.as_str().unwrap_or_default();
                let bare = text.strip_prefix("*.").unwrap_or(text);
                if event.set(Field::Fqdn(Side::Source), bare.to_owned()).is_err() || event.source.fqdn.is_none() {
                    out.reject(format!("data.leaf_cert.all_domains: {name} is not a host name"))?;
                    continue;
                }
                if bare != text {
                    event.extra.str("source.fqdn.original", text);
                }
                event.class = Class::known("other");
                event.identifier = Some("certificate".into());
                let mut update = Record(update.0.clone());
                update.apply(&mut event, &[("seen", Means::Is(Field::Time))]);
                update.keep_rest(&mut event);
                Record(leaf.0.clone()).keep_rest_under(&mut event, "certificate");
                json_record::keep(&mut event, "message_type", record.0.get("message_type").unwrap_or(&Value::Null));
                out.event(event)?;
            }
            Ok(())
        })
    }
}
