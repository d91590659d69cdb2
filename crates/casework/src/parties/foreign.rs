//! What others publish of an organisation becomes a party: RDAP answers, security.txt, lists of teams.

use formats::first_teams::Team;
use formats::rdap::Answer;
use formats::security_txt::SecurityTxt;
use formats::{mail_address, value};
use jiff::Timestamp;

use super::draft::DERIVED;
use super::{Draft, Rejected, WrittenParty};
use crate::model::event::Country;
use crate::model::party::{Contact, ContactRole, Language, Party, PartyId, PartyKind, Provenance, Validity};

/// The id of a party that is known only by its mailbox: everybody with the same mailbox is one party, whoever names it, so one digest goes to
/// one mailbox. The name shows its domain to people; the hash keeps mailboxes of one domain apart.
pub fn derived_id(mailbox: &str) -> PartyId {
    let mailbox = mailbox.to_ascii_lowercase();
    let domain = mailbox.rsplit_once('@').map_or("", |(_, domain)| domain);
    let short: String = domain.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).collect();
    let short = &short[short.len().saturating_sub(45)..];
    let hash = blake3::hash(mailbox.as_bytes()).to_hex();
    format!("{DERIVED}{short}.{}", &hash[..12]).parse().expect("letters, digits, dots and hyphens, 62 at most")
}

/// The party behind an RDAP answer: what the answer is about, and whom it names for abuse. Provenance `registry:rdap`.
///
/// # Errors
/// When it names nobody for abuse whose address can be used.
pub fn rdap(answer: &Answer, id: Option<PartyId>) -> Result<Party, String> {
    let country = answer.country.as_deref().and_then(value::country).map(Country);
    let language = if country == Some(Country(*b"JP")) { Language::Ja } else { Language::En };
    let provenance = Provenance::Registry("rdap".to_owned());
    let mut contacts: Vec<Contact> = Vec::new();
    let mut unusable = Vec::new();
    for mail in answer.abuse_contacts().iter().flat_map(|contact| &contact.mails) {
        match mail_address::read(mail) {
            Ok(address) if contacts.iter().any(|known| known.address == address) => {}
            Ok(address) => contacts.push(contact(ContactRole::Abuse, language, address, &provenance, Validity::default())),
            Err(bad) => unusable.push(bad.to_string()),
        }
    }
    let Some(first) = contacts.first() else {
        return Err(if unusable.is_empty() {
            "it names nobody with the role abuse and a mail address".into()
        } else {
            unusable.join("; ")
        });
    };
    let id = id.unwrap_or_else(|| derived_id(&first.address));
    let mut draft = Draft::default();
    draft.add("said_by", [provenance.to_string()]).add("networks", answer.networks().iter().map(ToString::to_string));
    // A block of AS numbers longer than this is a registry's own.
    if let Some((first, last)) = answer.as_numbers().filter(|(first, last)| last - first < 4_096) {
        draft.add("asns", (first..=last).map(|asn| asn.to_string()));
    }
    draft.add("domains", answer.domain());
    let constituency = draft.answers_for().map_err(|wrong| wrong.to_string())?;
    let name = answer.holder().map(|name| plain(&name)).filter(|name| !name.is_empty()).unwrap_or_else(|| id.to_string());
    Ok(Party { kind: PartyKind::Provider, nation: country, constituency, contacts, ..empty(id, name, provenance) })
}

/// The contacts of a security.txt, for the party that it belongs to; they hold until the file expires. Provenance
/// `registry:security.txt`.
///
/// # Errors
/// When it has expired, or has no mail address that can be used.
pub fn security_txt(read: &SecurityTxt, known: Option<&Party>, id: PartyId, now: Timestamp) -> Result<Party, String> {
    if let Some(expired) = read.expires.filter(|expires| *expires <= now) {
        // RFC 9116 §2.5.5: stale information must not be used.
        return Err(format!("it expired at {expired}"));
    }
    let provenance = Provenance::Registry("security.txt".to_owned());
    let japanese = read.preferred_languages.first().is_some_and(|tag| tag == "ja" || tag.starts_with("ja-"));
    let language = if japanese { Language::Ja } else { Language::En };
    let validity = Validity { from: None, until: read.expires };
    let mut contacts = Vec::new();
    for mail in read.mail_addresses() {
        let address = mail_address::read(mail).map_err(|bad| bad.to_string())?;
        contacts.push(contact(ContactRole::ProductSecurity, language, address, &provenance, validity));
    }
    if contacts.is_empty() {
        return Err(format!("it names no mail address, only {}", read.contacts.join(", ")));
    }
    let kind = known.map_or(PartyKind::Company, |party| party.kind);
    let name = known.map_or_else(|| id.to_string(), |party| party.name.clone());
    Ok(Party { kind, contacts, ..empty(id, name, provenance) })
}

/// A team of a list. Its id is its short name. Provenance `registry:first-teams`.
///
/// # Errors
/// [`Rejected`] with the row when a value cannot be.
pub fn team(team: &Team) -> Result<WrittenParty, Rejected> {
    let short = if team.short_name.is_empty() { &team.name } else { &team.short_name };
    let mut id: String = short.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    while id.contains("--") {
        id = id.replace("--", "-");
    }
    let id = id.trim_matches('-').chars().take(64).collect::<String>();
    let language = if value::country(&team.country) == Some(*b"JP") { "ja" } else { "en" };
    let mails = team.mail.split([';', ',', ' ']).filter(|mail| !mail.is_empty());
    let mut draft = Draft::default();
    draft.add("id", [id]).add("name", [plain(if team.name.is_empty() { short } else { &team.name })]).add("kind", ["csirt".to_owned()]);
    draft.add("nation", [team.country.clone()]).add("said_by", ["registry:first-teams".to_owned()]);
    draft.add("contacts", mails.map(|mail| format!("csirt {language} {mail}")));
    draft.party().map_err(|wrong| Rejected { place: format!("row {}", team.row), reason: wrong.to_string() })
}

fn contact(role: ContactRole, language: Language, address: String, provenance: &Provenance, validity: Validity) -> Contact {
    Contact { role, language, address, openpgp_key: None, provenance: provenance.clone(), validity }
}

fn empty(id: PartyId, name: String, provenance: Provenance) -> Party {
    Party {
        id,
        name,
        name_ja: None,
        kind: PartyKind::Company,
        nation: None,
        sectors: Default::default(),
        communities: Default::default(),
        clients_of: Default::default(),
        constituency: Vec::new(),
        contacts: Vec::new(),
        provenance,
        validity: Validity::default(),
    }
}

/// A name without what ends a line.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = br#"{"objectClassName":"ip network","country":"JP","cidr0_cidrs":[{"v4prefix":"192.0.2.0","length":24}],"entities":[
        {"roles":["registrant"],"vcardArray":["vcard",[["fn",{},"text","Example\nISP"]]]},
        {"handle":"A","roles":["abuse"],"vcardArray":["vcard",[["email",{},"text","Abuse@ISP.example"],["email",{},"text","bad address"]]]}]}"#;

    #[test]
    fn an_rdap_answer_is_a_party_named_by_its_mailbox_unless_it_is_named() {
        let answer = Answer::read(ANSWER).unwrap();
        let party = rdap(&answer, None).unwrap();
        assert!(party.id.as_str().starts_with("reg.isp.example."), "{}", party.id);
        assert_eq!((party.name.as_str(), party.constituency[0].claim.to_string().as_str()), ("Example ISP", "192.0.2.0/24"));
        assert_eq!((party.contacts.len(), party.contacts[0].language), (1, Language::Ja));
        assert_eq!(rdap(&answer, Some("isp".parse().unwrap())).unwrap().id.as_str(), "isp");
        let silent = Answer::read(br#"{"objectClassName":"ip network"}"#).unwrap();
        assert!(rdap(&silent, None).unwrap_err().contains("nobody"));
    }

    #[test]
    fn a_security_txt_counts_until_it_expires() {
        let read =
            SecurityTxt::read("Contact: mailto:psirt@acme.example\nExpires: 2027-01-01T00:00:00Z\nPreferred-Languages: ja\n").unwrap();
        let id: PartyId = "acme".parse().unwrap();
        let party = security_txt(&read, None, id.clone(), "2026-06-01T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!((party.contacts[0].role, party.contacts[0].language), (ContactRole::ProductSecurity, Language::Ja));
        assert_eq!(party.contacts[0].validity.until, read.expires);
        assert!(security_txt(&read, None, id, "2027-01-01T00:00:00Z".parse().unwrap()).unwrap_err().contains("expired"));
    }

    #[test]
    fn a_team_is_named_by_its_short_name() {
        let cert = Team {
            row: 7,
            short_name: "EX CERT/CC".into(),
            name: "Example".into(),
            country: "JP".into(),
            mail: "a@x.example b@x.example".into(),
            ..Team::default()
        };
        let party = team(&cert).unwrap().party;
        assert_eq!((party.id.as_str(), party.contacts.len(), party.contacts[0].language), ("ex-cert-cc", 2, Language::Ja));
        let bad = Team { mail: "none".into(), ..cert };
        assert_eq!(team(&bad).unwrap_err().to_string(), r#"row 7: contacts = "csirt ja none": it has no @"#);
    }

    #[test]
    fn one_mailbox_has_one_id_in_any_case() {
        assert_eq!(derived_id("Abuse@ISP.example"), derived_id("abuse@isp.example"));
        assert_ne!(derived_id("abuse@isp.example"), derived_id("noc@isp.example"));
        assert!(derived_id(&format!("a@{}.example", "x".repeat(60))).as_str().len() <= 64);
    }
}
