//! blocklist.de: addresses that attacked a service in the last 48 hours, one a line; the file's name says which service.

use std::io::Read;

use super::list::{describe, is_list, read_list};
use super::reading::certain_if;
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct BlocklistDe;

/// List, RSIT type, application, what the list says of its addresses.
const LISTS: &[(&str, &str, &str, &str)] = &[
    ("apache", "ids-alert", "http", "IP reported as having run attacks on the service Apache, Apache-DDoS, RFI-Attacks"),
    ("bots", "ids-alert", "", "IP reported as having run attacks on the RFI-Attacks, REG-Bots, IRC-Bots or BadBots"),
    (
        "bruteforcelogin",
        "brute-force",
        "http",
        "IP reported as having run attacks on Joomlas, Wordpress and other Web-Logins with Brute-Force Logins",
    ),
    ("ftp", "ids-alert", "ftp", "IP reported as having run attacks on the service FTP"),
    ("imap", "ids-alert", "imap", "IP reported as having run attacks on the service IMAP, SASL, POP3"),
    ("ircbot", "ids-alert", "irc", "IP reported as having run attacks as an IRC bot"),
    ("mail", "ids-alert", "smtp", "IP reported as having run attacks on the service Mail, Postfix"),
    ("sip", "ids-alert", "sip", "IP reported as having tried to login in a SIP-, VOIP- or Asterisk-Server"),
    ("ssh", "ids-alert", "ssh", "IP reported as having run attacks on the service SSH"),
    ("strongips", "ids-alert", "", "IP reported as having run attacks for more than two months, and more than 5,000 times"),
];

impl Source for BlocklistDe {
    fn name(&self) -> &'static str {
        "blocklist-de"
    }

    fn about(&self) -> &'static str {
        "blocklist.de lists of attacking addresses"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let origin = head.origin();
        certain_if(
            ["blocklist.de", "blocklistde", "blocklist-de"].iter().any(|word| origin.contains(word)) && is_list(head, |i| i.is_address()),
        )
    }

    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let file = context.head.file_name();
        let stem = file.split('.').next().unwrap_or_default();
        let known = LISTS.iter().find(|(list, ..)| stem.split(['-', '_']).any(|word| word == *list));
        let (list, type_, application, text) = known.copied().unwrap_or((stem, "ids-alert", "", "IP reported as having run attacks"));
        read_list(input, sink, |event| {
            describe(event, type_, text);
            event.set_key_or_keep(&Field::Application.key(), application);
            event.extra.str("list", list);
        })
    }
}
