//! How does a message about a takedown travel? As a STIX object that others can keep and read, with an extension of ours.
//!
//! Whoever asks writes an `incident`; a recall is a later version of it, since only its author may change it. Whoever is asked writes `note`s
//! that name the incident. The extension and its properties are described in `docs/federation.md`; a hub that knows nothing of it keeps
//! both unharmed.

use formats::stix::Header;
use formats::stix::write::Object;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::across::Message;
use super::takedown::{Answer, PeerOutcome};
use crate::model::party::PartyId;

/// The extension that our messages carry.
pub const EXTENSION: &str = "extension-definition--0b1f6f3e-5d0e-4c1b-9a36-6f5b0a7d21c4";

/// Evidence that travels with a request, at most.
pub const EVIDENCE: usize = 200;

/// A message on its way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Letter {
    pub from: PartyId,
    pub to: PartyId,
    /// The name that the asking side has for the takedown.
    pub takedown: String,
    pub message: Message,
    pub at: Timestamp,
    pub about: Option<About>,
}

/// What a request is about.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct About {
    /// Text of a [`crate::correlate::key::CaseKey`].
    pub target: String,
    pub title: String,
    pub first_seen: String,
    pub last_seen: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Under which terms the one who is asked holds the evidence, as we write terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
    /// Events in the keys of the IntelMQ Data Format.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Value>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Words {
    extension_type: String,
    message: String,
    from: String,
    to: String,
    takedown: String,
    at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    says: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quiet_days: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<About>,
}

/// Why an object is no message that can be acted on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

/// A name that only sender and content decide, so that the same message sent twice is one object.
fn name(parts: &[&str]) -> Uuid {
    let hash = Sha256::digest(parts.join("\n").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    // In the shape of version 4, as STIX wants of such objects (§2.9).
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// The incident of a request.
fn incident(from: &str, to: &str, takedown: &str) -> Uuid {
    name(&["takedown", from, to, takedown])
}

impl Letter {
    /// As a STIX object. `asked_at` is when the request was made: the creation of the incident.
    pub fn write(&self, asked_at: Timestamp) -> String {
        let (message, says, quiet_days) = match self.message {
            Message::Request { quiet_days } => ("request", None, Some(quiet_days)),
            Message::Recall => ("recall", None, None),
            Message::Acknowledgement => ("acknowledgement", None, None),
            Message::Answer(answer) => ("answer", Some(answer.as_str().to_owned()), None),
            Message::Outcome(outcome) => ("outcome", Some(outcome.as_str().to_owned()), None),
        };
        let (from, to) = (self.from.as_str(), self.to.as_str());
        let at = self.at.as_microsecond();
        let title = self.about.as_ref().map_or_else(|| self.takedown.clone(), |about| about.title.clone());
        let words = Words {
            extension_type: "property-extension".to_owned(),
            message: message.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            takedown: self.takedown.clone(),
            at: formats::taxii::timestamp(at),
            says: says.clone(),
            quiet_days,
            about: self.about.clone(),
        };
        let words = serde_json::to_value(words).unwrap_or_default();
        let object = match self.message {
            Message::Request { .. } | Message::Recall => {
                let created = asked_at.as_microsecond();
                let name =
                    if message == "request" { format!("Takedown requested: {title}") } else { format!("No longer requested: {title}") };
                Object::domain("incident", &incident(from, to, &self.takedown), created).modified(at.max(created)).set("name", name)
            }
            Message::Acknowledgement | Message::Answer(_) | Message::Outcome(_) => {
                let about = format!("incident--{}", incident(to, from, &self.takedown));
                let text = says.unwrap_or_default();
                let id = name(&["takedown message", from, to, &self.takedown, message, &text, &at.to_string()]);
                Object::domain("note", &id, at)
                    .set("abstract", format!("{message} {text}").trim_end())
                    .set("content", format!("{from} on takedown {}: {message} {text}", self.takedown).trim_end())
                    .set("object_refs", vec![about])
            }
        };
        object.extension(EXTENSION, words).write()
    }

    /// Reads a message; `None` when the object carries none of ours.
    ///
    /// # Errors
    /// When it does and cannot be understood.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, Unreadable> {
        let bad = |what: &str| Unreadable(what.to_owned());
        if !bytes.windows(EXTENSION.len()).any(|part| part == EXTENSION.as_bytes()) {
            return Ok(None);
        }
        let header = Header::read(bytes).map_err(|error| Unreadable(error.to_string()))?;
        let object: Value = serde_json::from_slice(bytes).map_err(|error| Unreadable(error.to_string()))?;
        let Some(words) = object.get("extensions").and_then(|extensions| extensions.get(EXTENSION)) else { return Ok(None) };
        let words: Words = serde_json::from_value(words.clone()).map_err(|error| Unreadable(format!("the extension: {error}")))?;
        let says = words.says.as_deref().unwrap_or_default();
        let message = match (&*header.object_type, words.message.as_str()) {
            ("incident", "request") => {
                Message::Request { quiet_days: words.quiet_days.ok_or_else(|| bad("a request without quiet_days"))? }
            }
            ("incident", "recall") => Message::Recall,
            ("note", "acknowledgement") => Message::Acknowledgement,
            ("note", "answer") => Message::Answer(Answer::read(says).ok_or_else(|| Unreadable(format!("{says:?} is no answer")))?),
            ("note", "outcome") => Message::Outcome(PeerOutcome::read(says).ok_or_else(|| Unreadable(format!("{says:?} is no outcome")))?),
            (kind, message) => return Err(Unreadable(format!("an object of type {kind} with message {message:?}"))),
        };
        let party = |text: &str| text.parse::<PartyId>().map_err(|error| Unreadable(error.to_string()));
        if words.takedown.is_empty() || words.takedown.len() > 200 || words.takedown.chars().any(char::is_control) {
            return Err(bad("the name of the takedown is empty or too long"));
        }
        let about = words.about;
        if matches!(message, Message::Request { .. }) && about.is_none() {
            return Err(bad("a request that says nothing of what is to end"));
        }
        if about.as_ref().is_some_and(|about| about.evidence.len() > EVIDENCE) {
            return Err(Unreadable(format!("more than {EVIDENCE} pieces of evidence")));
        }
        Ok(Some(Self {
            from: party(&words.from)?,
            to: party(&words.to)?,
            takedown: words.takedown,
            message,
            at: words.at.parse().map_err(|_| bad("`at` is no time"))?,
            about,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(message: Message) -> Letter {
        let about = matches!(message, Message::Request { .. }).then(|| About {
            target: "address 192.0.2.1 infected-system malware mirai".into(),
            title: "192.0.2.1: mirai".into(),
            first_seen: "2026-03-01T00:00:00Z".into(),
            last_seen: "2026-03-02T00:00:00Z".into(),
            country: Some("JP".into()),
            terms: Some("tlp:green community:circle".into()),
            evidence: vec![serde_json::json!({"source.ip": "192.0.2.1", "classification.type": "infected-system"})],
        });
        let party = |id: &str| id.parse().unwrap();
        let at = "2026-03-03T04:05:06.000007Z".parse().unwrap();
        Letter { from: party("nation-a"), to: party("nation-b"), takedown: "t7".into(), message, at, about }
    }

    #[test]
    fn every_message_is_read_back_and_keeps_the_rules_of_stix() {
        let mut all = vec![Message::Request { quiet_days: 7 }, Message::Recall, Message::Acknowledgement];
        all.extend(Answer::ALL.map(Message::Answer));
        all.extend(PeerOutcome::ALL.map(Message::Outcome));
        for message in all {
            let letter = letter(message);
            let text = letter.write("2026-03-03T00:00:00Z".parse().unwrap());
            assert_eq!(formats::stix::check::full(text.as_bytes()), [], "{text}");
            assert_eq!(Letter::read(text.as_bytes()).unwrap().unwrap(), letter);
        }
    }

    #[test]
    fn an_answer_names_the_incident_of_its_request() {
        let asked_at = "2026-03-03T00:00:00Z".parse().unwrap();
        let request = letter(Message::Request { quiet_days: 7 });
        let header = request.write(asked_at);
        let incident = Header::read(header.as_bytes()).unwrap().id.into_owned();
        let answer =
            Letter { from: request.to.clone(), to: request.from.clone(), about: None, message: Message::Answer(Answer::Fixed), ..request };
        assert!(answer.write(asked_at).contains(&incident));
    }

    #[test]
    fn what_is_no_message_is_none_and_what_is_broken_says_so() {
        assert_eq!(Letter::read(b"{}"), Ok(None));
        let text = letter(Message::Outcome(PeerOutcome::Verified)).write("2026-03-03T00:00:00Z".parse().unwrap());
        assert!(Letter::read(text.replace("\"verified\"", "\"perhaps\"").as_bytes()).unwrap_err().to_string().contains("perhaps"));
        assert!(Letter::read(text.replace("nation-a", "NATION A!").as_bytes()).is_err());
    }
}
