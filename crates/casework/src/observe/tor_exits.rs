//! Tor exit addresses: TorDNSEL's `exit-addresses` (groups of `ExitNode`, `Published`, `LastStatus`, `ExitAddress`) and
//! the bulk list of bare addresses.
//!
//! To be an exit is no incident; the class is `other` and the identifier `tor`. Times are UTC by TorDNSEL's specification.

use std::io::Read;

use super::list::{is_list, read_list};
use super::reading::{certain_if, each_line, first_lines};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct TorExits;

impl Source for TorExits {
    fn name(&self) -> &'static str {
        "tor-exits"
    }

    fn about(&self) -> &'static str {
        "Tor exit addresses (exit-addresses and the bulk exit list)"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let origin = head.origin();
        let named =
            ["torproject.org", "torbulkexitlist", "exit-addresses", "tor-exit", "tor_exit"].iter().any(|word| origin.contains(word));
        certain_if(grouped(head) || (named && is_list(head, |i| i.is_address())))
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        if !grouped(&context.head) {
            return read_list(input, sink, describe);
        }
        let mut node = String::new();
        let mut published = String::new();
        each_line(input, sink, |line, out| {
            let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            match word {
                "ExitNode" => {
                    rest.clone_into(&mut node);
                    published.clear();
                    Ok(())
                }
                "Published" => {
                    rest.clone_into(&mut published);
                    Ok(())
                }
                "LastStatus" => Ok(()),
                "ExitAddress" => {
                    let (address, time) = rest.trim().split_once(' ').unwrap_or((rest, ""));
                    let mut event = out.event();
                    describe(&mut event);
                    event.set(Field::Ip(Side::Source), address)?;
                    event.set_or_keep(Field::Time, time);
                    event.extra.str("fingerprint", &node);
                    if !published.is_empty() {
                        event.extra.str("published", &published);
                    }
                    out.give(event)
                }
                _ if line.starts_with(['#', '@']) => Ok(()),
                _ => Err(format!("{word:?} is no keyword of an exit list").into()),
            }
        })
    }
}

fn grouped(head: &Head<'_>) -> bool {
    first_lines(head).find(|line| !line.starts_with('@')).is_some_and(|line| line.starts_with("ExitNode "))
}

fn describe(event: &mut Event<'_>) {
    event.set_key_or_keep("classification.type", "tor");
    event.extra.bool("source.tor_node", true);
}
