//! What is attached to a notice: all findings, for machines and for spreadsheets.
//!
//! CSV for people and their tools; XARF for those who work through abuse reports by program. Both say the same.

use std::fmt::Write as _;

use formats::xarf::{Contact, Facts, Report};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::finding::{Finding, Text};
use crate::model::event::{Country, Severity};

/// First line of the CSV; the names are those of `events` where it has them.
pub const COLUMNS: [&str; 24] = [
    "first_seen",
    "last_seen",
    "events",
    "source_ip",
    "source_port",
    "source_asn",
    "source_country",
    "source_fqdn",
    "source_url",
    "source_reverse_dns",
    "transport",
    "application",
    "taxonomy",
    "type",
    "identifier",
    "malware",
    "product_vendor",
    "product_name",
    "product_version",
    "severity",
    "destination_ip",
    "destination_port",
    "destination_fqdn",
    "feed",
];

/// Findings as CSV (RFC 4180, UTF-8 with byte order mark so that spreadsheets read Japanese).
///
/// A value that a spreadsheet would take for a formula is led by an apostrophe; the XARF attachment has it unchanged.
pub fn csv(findings: &[Finding]) -> String {
    let mut out = String::with_capacity(200 + findings.len() * 160);
    out.push('\u{feff}');
    out.push_str(&COLUMNS.join(","));
    out.push_str("\r\n");
    for finding in findings {
        let class = finding.class;
        let mut cell = |value: Option<&str>, last: bool| {
            self::cell(&mut out, value.unwrap_or_default());
            out.push_str(if last { "\r\n" } else { "," });
        };
        let number = |n: Option<u32>| n.map(|n| n.to_string());
        cell(Some(&rfc3339(finding.first_seen)), false);
        cell(Some(&rfc3339(finding.last_seen)), false);
        cell(number(Some(finding.events)).as_deref(), false);
        cell(finding.ip.map(|ip| ip.to_string()).as_deref(), false);
        cell(number(finding.port.map(u32::from)).as_deref(), false);
        cell(number(finding.asn).as_deref(), false);
        cell(finding.country.as_ref().map(Country::as_str), false);
        for text in [Text::Fqdn, Text::Url, Text::ReverseDns, Text::Transport, Text::Application] {
            cell(finding.text(text), false);
        }
        cell(Some(class.taxonomy()), false);
        cell(Some(class.type_()), false);
        for text in [Text::Identifier, Text::Malware, Text::Vendor, Text::Product, Text::Version] {
            cell(finding.text(text), false);
        }
        cell(finding.severity.map(Severity::as_str), false);
        cell(finding.destination_ip.map(|ip| ip.to_string()).as_deref(), false);
        cell(number(finding.destination_port.map(u32::from)).as_deref(), false);
        cell(finding.text(Text::DestinationFqdn), false);
        cell(finding.text(Text::Feed), true);
    }
    out
}

/// One cell of CSV, in which a spreadsheet finds no formula.
pub fn cell(out: &mut String, value: &str) {
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if !formula && !value.contains([',', '"', '\r', '\n']) {
        return out.push_str(value);
    }
    out.push('"');
    if formula {
        out.push('\'');
    }
    for c in value.chars() {
        if c == '"' {
            out.push('"');
        }
        out.push(c);
    }
    out.push('"');
}

/// Findings as XARF version 4: a JSON array, one report a line. Reports are named after the notice and their place in it, so that
/// the name tells nothing of the subject.
pub fn xarf(notice: &str, findings: &[Finding], us: &Contact, tags: &[&str]) -> String {
    let mut out = String::with_capacity(2 + findings.len() * 500);
    out.push('[');
    for (at, finding) in findings.iter().enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        let (ip, destination) = (finding.ip.map(|ip| ip.to_string()), finding.destination_ip.map(|ip| ip.to_string()));
        let (first, last) = (rfc3339(finding.first_seen), rfc3339(finding.last_seen));
        let mut description = format!("{} ({}), seen {} times", finding.what(), finding.class.type_(), finding.events);
        if let (Some(vendor), product) = (finding.text(Text::Vendor), finding.text(Text::Product)) {
            let _ = write!(description, "; {vendor} {}", product.unwrap_or_default());
        }
        let facts = Facts {
            id: name(notice, at),
            first_seen: &first,
            last_seen: &last,
            source: ip.as_deref().or(finding.text(Text::Fqdn)).or(finding.text(Text::Url)).unwrap_or("unknown"),
            source_port: finding.port,
            destination_ip: destination.as_deref(),
            destination_port: finding.destination_port,
            transport: finding.text(Text::Transport),
            url: finding.text(Text::Url),
            malware: finding.text(Text::Malware),
            service: finding.text(Text::Application).or(finding.text(Text::Identifier)),
            class: finding.class.type_(),
            description: Some(&description),
            tags,
        };
        // Plain values under plain keys always serialise.
        out.push_str(&serde_json::to_string(&Report::new(&facts, us)).unwrap_or_default());
    }
    out.push_str("\n]\n");
    out
}

fn name(notice: &str, at: usize) -> [u8; 16] {
    let mut name = [0; 16];
    name.copy_from_slice(&blake3::hash(format!("{notice} {at}").as_bytes()).as_bytes()[..16]);
    name
}

/// To the second, UTC (RFC 3339). Written by hand, because there are four of them for every finding.
fn rfc3339(micros: i64) -> String {
    let seconds = micros.div_euclid(1_000_000);
    let at = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    let (date, of_day) = (TimeZone::UTC.to_datetime(at).date(), at.as_second().rem_euclid(86_400));
    let mut out = String::with_capacity(20);
    let two = |out: &mut String, n: i64| {
        out.push(char::from(b'0' + (n / 10 % 10) as u8));
        out.push(char::from(b'0' + (n % 10) as u8));
    };
    let year = i64::from(date.year());
    two(&mut out, year / 100);
    two(&mut out, year % 100);
    for (before, n) in
        [('-', i64::from(date.month())), ('-', i64::from(date.day())), ('T', of_day / 3600), (':', of_day / 60 % 60), (':', of_day % 60)]
    {
        out.push(before);
        two(&mut out, n);
    }
    out.push('Z');
    out
}

#[cfg(test)]
mod tests {
    use formats::rsit::Class;

    use super::*;

    fn findings() -> Vec<Finding> {
        let mut bot = Finding {
            ip: Some("192.0.2.7".parse().expect("an address")),
            port: Some(40_123),
            asn: Some(64_500),
            class: Class::known("infected-system"),
            events: 4,
            first_seen: 1_780_000_000_000_000,
            last_seen: 1_780_003_600_000_000,
            ..Finding::default()
        };
        bot.texts[Text::Malware as usize] = Some("mirai".into());
        let mut page = Finding { class: Class::known("phishing"), ..bot.clone() };
        page.texts[Text::Url as usize] = Some("=http://example.net/\"a\",b".into());
        vec![bot, page]
    }

    #[test]
    fn a_spreadsheet_finds_no_formula_and_a_reader_all_columns() {
        let csv = csv(&findings());
        let lines: Vec<_> = csv.lines().collect();
        assert_eq!((lines.len(), lines[0].split(',').count()), (3, COLUMNS.len()));
        assert!(lines[1].starts_with("2026-05-28T20:26:40Z,2026-05-28T21:26:40Z,4,192.0.2.7,40123,64500,"));
        assert!(lines[2].contains("\"'=http://example.net/\"\"a\"\",b\""));
    }

    #[test]
    fn a_time_is_written_as_the_library_writes_it() {
        for seconds in [0, 1, 951_782_400, 1_709_164_799, 1_780_000_000, 4_102_444_799, 253_402_207_200] {
            let at = Timestamp::from_second(seconds).expect("a time");
            assert_eq!(rfc3339(seconds * 1_000_000), at.to_string());
        }
        assert_eq!(rfc3339(i64::MAX), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn every_finding_is_a_report() {
        let us = Contact { org: "Us".into(), contact: "us@example.org".into(), domain: "example.org".into() };
        let json: serde_json::Value = serde_json::from_str(&xarf("N-1", &findings(), &us, &["tlp:green"])).expect("JSON");
        let types: Vec<_> = json.as_array().expect("an array").iter().map(|r| r["type"].as_str().unwrap_or_default()).collect();
        assert_eq!(types, ["botnet", "phishing"]);
        assert_eq!(xarf("N-1", &[], &us, &[]), "[\n]\n");
    }
}
