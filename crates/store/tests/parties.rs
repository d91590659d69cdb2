//! What was known of parties and agreements on any day.

use casework::model::agreement::Agreement;
use casework::model::party::{Party, PartyId};
use casework::parties::{join, toml};
use jiff::Timestamp;
use store::home::Home;
use store::parties::Recorded;
use store::register::Register;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn id(text: &str) -> PartyId {
    text.parse().unwrap()
}

fn parties(text: &str) -> Vec<Party> {
    let written = toml::read(text).unwrap();
    assert_eq!(written.rejected, []);
    written.parties.into_iter().map(|w| w.party).collect()
}

fn agreements(text: &str) -> Vec<Agreement> {
    let written = toml::read(text).unwrap();
    assert_eq!(written.rejected, []);
    written.agreements
}

async fn register() -> (tempfile::TempDir, Register) {
    let folder = tempfile::tempdir().unwrap();
    let register = Register::create(&Home::at(folder.path())).await.unwrap();
    (folder, register)
}

const ISP: &str = r#"
[[party]]
id = "isp"
name = "Example ISP"
name_ja = "例"
kind = "provider"
nation = "JP"
sectors = ["telecom"]
communities = ["nca"]
clients_of = ["jpcert"]
networks = ["192.0.2.0/24", "2001:db8::/32"]
asns = [64496]
domains = ["isp.example"]
countries = ["JP"]
products = ["ACME", "ACME/Cam 200"]
contacts = ["abuse ja abuse@isp.example"]
valid_until = 2030-01-01
"#;

#[tokio::test]
async fn a_party_is_read_back_as_it_was_recorded() {
    let (_folder, register) = register().await;
    let said = parties(ISP);
    let recorded = register.record_parties(said.clone(), at("2026-01-01T00:00:00Z"), join).await.unwrap();
    assert_eq!(recorded, Recorded { added: 1, ..Recorded::default() });
    assert_eq!(register.parties(at("2026-01-02T00:00:00Z")).await.unwrap(), said);
    let again = register.record_parties(said, at("2026-01-03T00:00:00Z"), join).await.unwrap();
    assert_eq!(again, Recorded { unchanged: 1, ..Recorded::default() });
    assert_eq!(register.party_changes(&id("isp")).await.unwrap(), [at("2026-01-01T00:00:00Z")]);
}

#[tokio::test]
async fn what_was_known_on_a_day_stays_known() {
    let (_folder, register) = register().await;
    let (january, march, may) = (at("2026-01-01T00:00:00Z"), at("2026-03-01T00:00:00Z"), at("2026-05-01T00:00:00Z"));
    register.record_parties(parties(ISP), january, join).await.unwrap();
    let changed = ISP
        .replace("\"192.0.2.0/24\", ", "")
        .replace("abuse ja abuse@isp.example", "abuse ja new@isp.example")
        .replace("\"nca\"", "\"first\"");
    let recorded = register.record_parties(parties(&changed), march, join).await.unwrap();
    assert_eq!(recorded.changed, 1);
    assert_eq!(register.parties(at("2025-12-31T00:00:00Z")).await.unwrap(), []);
    assert_eq!(register.party(&id("isp"), at("2026-02-01T00:00:00Z")).await.unwrap(), parties(ISP).pop());
    assert_eq!(register.party(&id("isp"), may).await.unwrap(), parties(&changed).pop());
    // What was there before comes back as it was.
    register.record_parties(parties(ISP), may, join).await.unwrap();
    assert_eq!(register.party(&id("isp"), may).await.unwrap(), parties(ISP).pop());
    assert_eq!(register.party(&id("isp"), march).await.unwrap(), parties(&changed).pop());
    assert_eq!(register.party_changes(&id("isp")).await.unwrap(), [january, march, may]);
}

#[tokio::test]
async fn a_clock_that_goes_back_does_not_hide_a_change() {
    let (_folder, register) = register().await;
    register.record_parties(parties(ISP), at("2026-03-01T00:00:00Z"), join).await.unwrap();
    let renamed = ISP.replace("Example ISP", "Renamed");
    register.record_parties(parties(&renamed), at("2026-02-01T00:00:00Z"), join).await.unwrap();
    assert_eq!(register.parties(at("2026-03-02T00:00:00Z")).await.unwrap(), parties(&renamed));
    assert_eq!(register.parties(at("2026-03-01T00:00:00Z")).await.unwrap(), parties(ISP));
}

#[tokio::test]
async fn said_twice_in_one_go_the_later_word_counts() {
    let (_folder, register) = register().await;
    let renamed = ISP.replace("Example ISP", "Renamed").replace("64496", "64497");
    let now = at("2026-01-01T00:00:00Z");
    let both = [parties(ISP), parties(&renamed)].concat();
    assert_eq!(register.record_parties(both, now, join).await.unwrap(), Recorded { added: 1, ..Recorded::default() });
    assert_eq!(register.parties(now).await.unwrap(), parties(&renamed));
}

#[tokio::test]
async fn a_party_that_has_ended_is_told_apart() {
    let (_folder, register) = register().await;
    register.record_parties(parties(ISP), at("2026-01-01T00:00:00Z"), join).await.unwrap();
    let later = at("2031-01-01T00:00:00Z");
    assert_eq!(register.parties(later).await.unwrap(), []);
    assert_eq!(register.parties_known(later).await.unwrap().len(), 1);
}

#[tokio::test]
async fn one_party_is_us() {
    let (_folder, register) = register().await;
    let now = at("2026-01-01T00:00:00Z");
    assert_eq!(register.own_party().await.unwrap(), None);
    assert!(register.set_own_party(&id("isp"), now).await.is_err());
    let two = [parties(ISP), parties(&ISP.replace("id = \"isp\"", "id = \"other\""))].concat();
    register.record_parties(two, now, join).await.unwrap();
    for ours in ["isp", "other", "other"] {
        register.set_own_party(&id(ours), now).await.unwrap();
        assert_eq!(register.own_party().await.unwrap(), Some(id(ours)));
    }
}

const AGREEMENT: &str = r#"
[[agreement]]
id = "us-and-isp"
name = "MoU"
kind = "public-private"
parties = ["us", "isp"]
communities = ["nca"]
max_tlp = "AMBER+STRICT"
purposes = ["notify", "respond"]
channels = ["sealed-mail"]
valid_from = 2026-01-01
reference = "MoU of 2026"
"#;

#[tokio::test]
async fn a_revocation_holds_at_once_and_the_past_stays_explained() {
    let (_folder, register) = register().await;
    let said = agreements(AGREEMENT);
    register.record_agreements(said.clone(), at("2026-01-01T00:00:00Z")).await.unwrap();
    let revoked = at("2026-02-01T12:00:00Z");
    assert!(register.revoke_agreement("us-and-isp", revoked).await.unwrap());
    assert!(!register.revoke_agreement("nobody", revoked).await.unwrap());
    let force = async |time: Timestamp| register.agreements(time).await.unwrap()[0].in_force(time);
    assert!(force(at("2026-02-01T11:59:59.999999Z")).await);
    assert!(!force(revoked).await && !force(at("2026-02-02T00:00:00Z")).await);
    assert_eq!(register.agreements(at("2026-01-15T00:00:00Z")).await.unwrap(), said);
    // Neither a second revocation nor a second import undoes the first.
    register.revoke_agreement("us-and-isp", at("2026-03-01T00:00:00Z")).await.unwrap();
    register.record_agreements(said, at("2026-03-02T00:00:00Z")).await.unwrap();
    assert_eq!(register.agreements(at("2026-03-03T00:00:00Z")).await.unwrap()[0].revoked_at, Some(revoked));
    assert_eq!(register.agreement_changes("us-and-isp").await.unwrap().len(), 2);
}
