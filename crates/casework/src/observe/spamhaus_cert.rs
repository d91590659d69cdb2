//! Spamhaus CERT Insight Portal: hosts of a nation seen by traps and sinkholes,
//! `ip, asn, country, lastseen, botname, domain, remote_ip, remote_port, local_port, protocol`.
//!
//! `botname` is malware or, by a word, what the host did. Times count seconds since 1970.

use std::borrow::Cow;
use std::io::Read;

use super::reading::{Table, certain_if, each_row, first_lines, head_text};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::{Event, Side};
use crate::model::field::Field;
use formats::value;

#[derive(Debug)]
pub(super) struct SpamhausCert;

const COLUMNS: &[&str] =
    &["ip", "asn", "country", "lastseen", "botname", "domain", "remote_ip", "remote_port", "local_port", "protocol", "additional_info"];

/// What a `botname` says: words, RSIT type, identifier, application, description.
type Meaning = (&'static [&'static str], &'static str, &'static str, &'static str, &'static str);

const MEANINGS: &[Meaning] = &[
    (&["iotcmd", "iotlogin"], "brute-force", "telnet", "telnet", "The possibly infected IoT device logged in to a honeypot."),
    (&["iotrdp"], "scanner", "rdp", "rdp", ""),
    (&["iotscan"], "scanner", "telnet", "telnet", "The possibly infected IoT device scanned for other vulnerable IoT devices."),
    (&["openrelay"], "vulnerable-system", "openrelay", "smtp", ""),
    (&["sshauth"], "brute-force", "ssh", "ssh", ""),
    (&["telnetauth"], "brute-force", "telnet", "telnet", ""),
    (&["ftpauth"], "brute-force", "ftp", "ftp", ""),
    (&["smtpauth"], "brute-force", "smtp", "smtp", ""),
    (&["rdpauth"], "brute-force", "rdp", "rdp", ""),
    (&["imap", "imapauth"], "brute-force", "imap", "imap", ""),
    (&["pop", "popauth"], "brute-force", "pop3", "pop3", ""),
    (&["wpscanner"], "scanner", "wordpress-vulnerabilities", "http", "scanning for wordpress vulnerabilities"),
    (&["w_wplogin", "w_wplogin2", "wplogin"], "scanner", "wordpress-login", "http", "scanning for wordpress login pages"),
    (&["proxyget"], "other", "proxyget", "", "The malicious client used a honeypot as proxy."),
    (&["authspoofbadehlo"], "brute-force", "authentication-spoof", "smtp", "The device spoofed SMTP authentication with a bad EHLO."),
    (&["extortion"], "spam", "extortion", "smtp", "This device sent extortion mails."),
    (&["misc"], "spam", "spam", "smtp", "This device is sending spam as part of a botnet. See abuseat.org for more details."),
];

impl Source for SpamhausCert {
    fn name(&self) -> &'static str {
        "spamhaus-cert"
    }

    fn about(&self) -> &'static str {
        "Spamhaus CERT Insight Portal"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let said =
            head_text(head).lines().take(3).any(|line| line.contains("botname") && line.contains("lastseen") && line.contains("remote_ip"));
        let named = head.origin().contains("spamhaus") && head.origin().contains("cert");
        certain_if(said || (named && first_lines(head).next().is_some_and(|line| line.split(',').count() >= 10)))
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let table = Table { delimiter: ',', comment: Some(';'), names: COLUMNS };
        each_row(input, sink, &table, |row, out| {
            // `?` and `-` stand for what is not known
            let get = |name: &str| Some(row.get(name)).filter(|value| !matches!(*value, "?" | "-")).unwrap_or_default();
            let bot = get("botname").to_ascii_lowercase();
            let mut event = out.event();
            event.set(Field::Ip(Side::Source), get("ip"))?;
            if event.source.ip.is_none() {
                return Err("ip: there is none".into());
            }
            event.set_key_or_keep("source.asn", get("asn"));
            event.set_key_or_keep("source.geolocation.cc", get("country"));
            event.set_key_or_keep("time.source", get("lastseen"));
            event.set_key_or_keep("protocol.transport", get("protocol"));
            event.set_key_or_keep("additional_info", get("additional_info"));
            if bot == "l_spamlink" {
                spam_link(&mut event, get("domain"), get("local_port"));
                return out.give(event);
            }
            describe(&mut event, &bot);
            event.set_key_or_keep("destination.ip", get("remote_ip"));
            event.set_key_or_keep("destination.port", get("remote_port"));
            match get("local_port").parse::<u16>() {
                Ok(port) => event.extra.int("source.local_port", port.into()),
                Err(_) => event.set_key_or_keep("local_port", get("local_port")),
            }
            let domain = get("domain");
            if value::ip(value::split_port(domain).0).is_none() {
                event.set_key_or_keep("destination.fqdn", domain);
            } else if event.destination.ip.is_none() {
                event.extra.str("domain", domain);
            }
            out.give(event)
        })
    }
}

fn describe(event: &mut Event<'_>, bot: &str) {
    if let Some((_, type_, identifier, application, text)) = MEANINGS.iter().find(|(words, ..)| words.contains(&bot)) {
        for (key, value) in [
            ("classification.type", *type_),
            ("classification.identifier", identifier),
            ("protocol.application", application),
            ("event_description.text", text),
        ] {
            event.set_key_or_keep(key, value);
        }
        if bot == "misc" {
            event.set_key_or_keep("event_description.url", "https://www.abuseat.org/lookup.cgi");
            event.set_key_or_keep("feed.documentation", "https://www.abuseat.org/lookup.cgi");
        }
        return;
    }
    event.set_key_or_keep("classification.type", "infected-system");
    match bot {
        // Spamhaus' own word for what it cannot name
        "auto" => event.malware = Some(Cow::Borrowed("s_other")),
        "iotmirai" | "mirai" => {
            event.malware = Some(Cow::Borrowed("mirai"));
            event.identifier = Some(Cow::Borrowed("mirai"));
        }
        name => event.set_key_or_keep("malware.name", name.to_owned()),
    }
}

/// The URL stood in spam; the last column is then `address:version:malware` of the sender.
fn spam_link<'a>(event: &mut Event<'a>, url: &'a str, sender: &'a str) {
    event.set_key_or_keep("classification.type", "spam");
    event.set_key_or_keep("classification.identifier", "spamlink");
    event.set_key_or_keep("event_description.text", "The URL appeared in a spam email sent by extra.spam_ip.");
    event.set_key_or_keep("source.url", url);
    // from the right: the address may be IPv6
    let mut parts = sender.rsplitn(3, ':');
    if let (Some(malware), Some(version), Some(address)) = (parts.next(), parts.next(), parts.next()) {
        event.set_key_or_keep("malware.name", malware);
        event.set_key_or_keep("malware.version", version);
        event.set_key_or_keep("spam_ip", address);
    }
}
