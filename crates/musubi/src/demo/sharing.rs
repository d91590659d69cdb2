//! What the demo shares: our indicators in a collection that partners may open, MISP events that a partner gave, tokens in each state, a
//! bundle that is in the log of releases, and what parties claim.
//!
//! Nothing leaves the machine: the bundle lies in a folder of the home, and nobody has the secrets of the tokens.

use std::path::Path;

use anyhow::{Context as _, Result};
use casework::model::agreement::Purpose;
use casework::model::party::PartyId;
use casework::model::terms::{Terms, Tlp};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::claims::NetworkClaim;
use store::collections::{Collection, Grant};
use store::home::Home;
use store::register::Register;

use crate::api::misp;
use crate::jobs::bundle::Stix;
use crate::jobs::feed::Pull;
use crate::jobs::publish::publish;
use crate::sign_in::{Role, give_token};

/// What there is to be seen.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) collections: u64,
    pub(crate) indicators: u64,
    pub(crate) misp_events: u64,
    /// Bundles in the log of releases.
    pub(crate) bundles: u64,
    pub(crate) claims: u64,
}

/// Shares it; files go below `folder`.
pub(crate) async fn set(home: &Home, register: &Register, folder: &Path, now: Timestamp) -> Result<Shared> {
    let mut shared = Shared::default();
    let hours = |hours: i64| now - SignedDuration::from_hours(hours);
    let green = register.terms(&Terms::of(Tlp::Green)).await?;
    let indicators =
        collection(register, "community", "Indicators of the community", "What we would block, with when it ends.", green, hours(150))
            .await?;
    let events =
        collection(register, misp::ALIAS, "Events of partners", "What MISPs of partners give and fetch.", green, hours(150)).await?;
    shared.collections = 2;
    for (collection, party, can_write) in [
        (&indicators, "kaede-net", false),
        (&indicators, "shirakaba", false),
        (&indicators, "kr-csirt", false),
        (&events, "kr-csirt", true),
        (&events, "de-csirt", true),
        (&events, "kaede-net", false),
    ] {
        register
            .grant(&Grant { collection: collection.number, party: party.to_owned(), can_read: true, can_write }, now.as_microsecond())
            .await?;
    }
    shared.indicators = publish(home, register, &indicators, now).await?.current;
    shared.misp_events = given(register, &folder.join("feed"), now).await?;
    // One in use, one that has ended by itself, one that was taken back.
    for (party, role, name, until, revoked) in [
        ("kaede-net", Role::Reader, "TAXII client of the abuse desk", Some(now + SignedDuration::from_hours(24 * 180)), false),
        ("kr-csirt", Role::Member, "MISP", None, false),
        ("de-csirt", Role::Member, "MISP, for a test", Some(hours(20)), false),
        ("shirakaba", Role::Reader, "lost laptop", None, true),
    ] {
        let (id, _) = give_token(register, &party.parse()?, role, Some(name.to_owned()), until, hours(140)).await?;
        if revoked {
            register.revoke_token(&id, hours(30).as_microsecond()).await?;
        }
    }
    for party in ["kaede-net", "kr-csirt"] {
        let party: PartyId = party.parse()?;
        let Some(bundle) = Stix::some(party.clone(), 20).bundle(home, register, now).await? else { continue };
        let place = folder.join("shared");
        std::fs::create_dir_all(&place)?;
        std::fs::write(place.join(format!("{party}.json")), &bundle.content)?;
        shared.bundles += 1;
    }
    for claim in claims(now) {
        register.add_claim(&claim).await?;
        if let Some(at) = claim.contested_at {
            register.contest_claim(&claim.id, at).await?;
        }
        shared.claims += 1;
    }
    Ok(shared)
}

async fn collection(register: &Register, alias: &str, title: &str, description: &str, terms: i64, at: Timestamp) -> Result<Collection> {
    let collection = Collection {
        number: 0,
        id: crate::chance::uuid().to_string(),
        title: title.to_owned(),
        description: Some(description.to_owned()),
        alias: Some(alias.to_owned()),
        terms: Some(terms),
        created_at: at.as_microsecond(),
        purpose: Purpose::Defend.as_str().to_owned(),
    };
    Ok(register.add_collection(&collection).await?)
}

/// Two events of a partner's MISP, as its feed has them, taken in as any feed is.
async fn given(register: &Register, folder: &Path, now: Timestamp) -> Result<u64> {
    let attribute = |number: u32, category: &str, kind: &str, value: &str, at: i64| {
        json!({"uuid": format!("5f0c0000-0000-4000-8000-0000000000{number:02}"), "category": category, "type": kind, "value": value,
            "to_ids": true, "timestamp": at.to_string(), "distribution": "5"})
    };
    let seconds = |hours: i64| (now - SignedDuration::from_hours(hours)).as_second();
    let (first, second) = (seconds(90), seconds(30));
    let events = [
        (
            "5f0c0000-0000-4000-8000-0000000000a1",
            "Loader that calls home over DNS",
            first,
            vec![
                attribute(1, "Network activity", "domain", "update-cdn.loader.example", first),
                attribute(2, "Network activity", "ip-dst", "203.0.113.77", first),
                attribute(3, "Payload delivery", "sha256", &"5e".repeat(32), first),
            ],
        ),
        (
            "5f0c0000-0000-4000-8000-0000000000a2",
            "Phishing of customers of a bank",
            second,
            vec![
                attribute(4, "Network activity", "url", "http://login.bank-secure.example/verify", second),
                attribute(5, "Payload delivery", "email-src", "service@bank-secure.example", second),
            ],
        ),
    ];
    std::fs::create_dir_all(folder)?;
    let organisation = json!({"name": "Demo CSIRT of Korea", "uuid": "5f0c0000-0000-4000-8000-0000000000b1"});
    let mut manifest = serde_json::Map::new();
    for (uuid, info, at, attributes) in events {
        let date = Timestamp::from_second(at)?.strftime("%Y-%m-%d").to_string();
        let about: [(&str, Value); 8] = [
            ("info", json!(info)),
            ("date", json!(date)),
            ("analysis", json!("2")),
            ("threat_level_id", json!("2")),
            ("timestamp", json!(at.to_string())),
            ("Orgc", organisation.clone()),
            ("Tag", json!([{"name": "tlp:green", "colour": "#33ff00"}])),
            ("published", json!(true)),
        ];
        let mut event: serde_json::Map<String, Value> = about.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let mut entry = event.clone();
        entry.remove("published");
        manifest.insert(uuid.to_owned(), Value::Object(entry));
        event.insert("uuid".to_owned(), json!(uuid));
        event.insert("Attribute".to_owned(), Value::Array(attributes));
        std::fs::write(folder.join(format!("{uuid}.json")), json!({"Event": event}).to_string())?;
    }
    std::fs::write(folder.join("manifest.json"), Value::Object(manifest).to_string())?;
    let pulled = Pull::of(folder, misp::ALIAS, "kr-csirt".parse()?).pull(register, now).await?;
    Ok(pulled.context("a feed in a folder always has something new the first time")?.stored)
}

/// One that is to be proved, and one that another party holds.
fn claims(now: Timestamp) -> [NetworkClaim; 2] {
    let at = |hours: i64| (now + SignedDuration::from_hours(hours)).as_microsecond();
    let open = NetworkClaim {
        id: "demo-open".to_owned(),
        party: "hibari".to_owned(),
        person: "hibari".to_owned(),
        value: "hibari.example".to_owned(),
        way: "dns".to_owned(),
        code: "musubi-claim=demo".to_owned(),
        address: None,
        tries: 1,
        made_at: at(-26),
        expires_at: at(24 * 13),
        confirmed_at: None,
        withdrawn_at: None,
        contested_at: None,
        decided_at: None,
        decided_by: None,
    };
    let contested = NetworkClaim {
        id: "demo-contested".to_owned(),
        party: "suzume".to_owned(),
        person: "suzume".to_owned(),
        value: "shirakaba.example".to_owned(),
        made_at: at(-50),
        contested_at: Some(at(-49)),
        ..open.clone()
    };
    [open, contested]
}

impl Shared {
    /// What there is to be seen, in a few lines.
    pub(crate) fn text(&self) -> String {
        format!(
            "Shared with partners: {} collections with {} indicators and {} MISP events; {} bundles are in the log of releases\n  {} claims of parties, one of which is to be decided\n",
            self.collections, self.indicators, self.misp_events, self.bundles, self.claims
        )
    }
}
