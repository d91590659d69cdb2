//! DataPlane.org: sources seen by its sensors, `ASN | AS name | address | last seen | category`, some with `first seen` before.
//!
//! The category (also the file's name) says what they did. Times are UTC, as the reports say of themselves.

use std::io::Read;

use super::reading::{certain_if, each_line, first_lines, head_text, iso};
use super::{Context, Head, Likelihood, ReadError, Sink, Source};
use crate::model::event::Side;
use crate::model::field::Field;

#[derive(Debug)]
pub(super) struct Dataplane;

struct Category {
    name: &'static str,
    type_: &'static str,
    application: &'static str,
    /// "Address has been seen …"
    seen: &'static str,
    /// "The host may be …"
    host: &'static str,
}

const SSH: &str = "SSH server cataloging or conducting authentication attack attempts";
const SMTP: &str = "SMTP server cataloging or conducting various forms of email abuse";
const AMPLIFY: &str = "DNS server cataloging or searching for hosts to use for DNS-based DDoS amplification";
const SIP_CLIENT: &str = "SIP client cataloging or conducting various forms of telephony abuse";

#[rustfmt::skip]
const CATEGORIES: &[Category] = &[
    Category { name: "dnsrd", type_: "scanner", application: "dns", seen: "performing a DNS recursion desired query", host: AMPLIFY },
    Category { name: "dnsrdany", type_: "scanner", application: "dns", seen: "performing a DNS recursion desired IN ANY query", host: AMPLIFY },
    Category { name: "dnsversion", type_: "scanner", application: "dns", seen: "initiating a DNS CH TXT version.bind operation", host: "DNS server cataloging or searching for vulnerable DNS servers" },
    Category { name: "sipinvitation", type_: "brute-force", application: "sip", seen: "initiating a SIP INVITE operation", host: SIP_CLIENT },
    Category { name: "sipquery", type_: "brute-force", application: "sip", seen: "initiating a SIP OPTIONS query", host: "SIP server cataloging or conducting various forms of telephony abuse" },
    Category { name: "sipregistration", type_: "brute-force", application: "sip", seen: "initiating a SIP REGISTER operation", host: SIP_CLIENT },
    Category { name: "smtpdata", type_: "scanner", application: "smtp", seen: "initiating a SMTP DATA operation", host: SMTP },
    Category { name: "smtpgreet", type_: "scanner", application: "smtp", seen: "initiating a SMTP HELO/EHLO operation", host: SMTP },
    Category { name: "sshclient", type_: "scanner", application: "ssh", seen: "initiating an SSH connection", host: SSH },
    Category { name: "telnetlogin", type_: "brute-force", application: "telnet", seen: "initiating a telnet connection", host: "telnet server cataloging or conducting authentication attack attempts" },
    Category { name: "vncrfb", type_: "scanner", application: "vnc", seen: "initiating a VNC remote buffer session", host: "VNC/RFB server cataloging or conducting authentication attack attempts" },
];

impl Category {
    fn text(&self) -> String {
        let Self { seen, host, .. } = self;
        format!(
            "Address has been seen {seen} to a remote host. The source report lists hosts that are suspicious of more than just port scanning. The host may be {host}."
        )
    }
}

impl Source for Dataplane {
    fn name(&self) -> &'static str {
        "dataplane"
    }

    fn about(&self) -> &'static str {
        "DataPlane.org reports"
    }

    fn recognise(&self, head: &Head<'_>) -> Likelihood {
        let said = head_text(head).lines().next().is_some_and(|line| line.starts_with('#') && line.contains("DataPlane.org"));
        let named = head.origin().contains("dataplane") && first_lines(head).next().is_some_and(|line| line.split('|').count() >= 5);
        certain_if(said || named)
    }

    fn read(&self, input: &mut dyn Read, _context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError> {
        each_line(input, sink, |line, out| {
            if line.starts_with('#') {
                return Ok(());
            }
            let cell: Vec<&str> = line.split('|').map(str::trim).collect();
            let (asn, as_name, address, first, last, category) = match cell[..] {
                [asn, name, address, last, category] => (asn, name, address, "", last, category),
                [asn, name, address, first, last, category] => (asn, name, address, first, last, category),
                _ => return Err(format!("{} columns where 5 or 6 are expected", cell.len()).into()),
            };
            let mut event = out.event();
            event.set(Field::Ip(Side::Source), address)?;
            event.set_or_keep(Field::Time, last);
            if asn != "NA" {
                event.set_key_or_keep("source.asn", asn);
            }
            if as_name != "NA" {
                // The handle comes first; the rest is a description that was cut after 30 characters.
                let handle = as_name.split_whitespace().next().unwrap_or_default();
                event.set_key_or_keep("source.as_name", handle);
                if handle != as_name {
                    event.extra.str("as_description", as_name);
                }
            }
            if !first.is_empty() {
                event.extra.str("first_seen", &iso(first));
            }
            let (type_, application, text) = match category {
                "proto41" => (
                    "proxy",
                    "6to4",
                    "Address has been detected to offer open IPv6 over IPv4 tunneling. This could allow for the host to be used a public proxy against IPv6 hosts.".to_owned(),
                ),
                "sshpwauth" => (
                    "brute-force",
                    "ssh",
                    "Address has been seen attempting to remotely login to a host using SSH password authentication. The source report lists hosts that are highly suspicious and are likely conducting malicious SSH password authentication attacks.".to_owned(),
                ),
                _ => match CATEGORIES.iter().find(|known| known.name == category) {
                    Some(known) => (known.type_, known.application, known.text()),
                    None => ("undetermined", "", String::new()),
                },
            };
            event.set(Field::Type, type_)?;
            event.set(Field::Application, application)?;
            event.set_key_or_keep("event_description.text", text);
            event.extra.str("category", category);
            out.give(event)
        })
    }
}
