//! `musubi token`: who may sign in to the server, and how.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use casework::model::party::PartyId;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::register::Register;
use store::tokens::SignIn;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::{Place, WrongUsage, moment, view};
use crate::api::listen::fingerprint;
use crate::pipeline;
use crate::show::{json as say_json, say, table};
use crate::sign_in::{Role, give_token};

/// Tokens and certificates with which parties sign in
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  musubi token list")]
pub(crate) enum Tokens {
    Create(Create),
    List(List),
    Revoke(Revoke),
    /// Let a party sign in with its certificate (mutual TLS)
    #[command(after_help = "Example:\n  musubi token certificate --party isp-jp client.pem")]
    Certificate(Certificate),
    /// Let a subject of an OAuth 2.0 issuer sign in as a party
    #[command(after_help = "Example:\n  musubi token subject --party isp-jp --issuer https://login.isp.example feeder")]
    Subject(Subject),
}

/// Make a token for a party; it is shown once
///
/// HTTP Basic: the id is the user, the token the password. Or `Authorization: Bearer TOKEN`, or `X-API-Key: TOKEN`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi token create --party isp-jp --role member")]
pub(crate) struct Create {
    #[arg(long, value_name = "PARTY", value_parser = view::party)]
    party: PartyId,
    /// reader (reads), member (reads and writes) or manager
    #[arg(long, value_name = "ROLE", default_value = "member", value_parser = role)]
    role: Role,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// When it ends
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
}

/// List tokens and other ways to sign in; never the tokens themselves
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi token list --party isp-jp")]
pub(crate) struct List {
    #[arg(long, value_name = "PARTY", value_parser = view::party)]
    party: Option<PartyId>,
}

/// End a token, certificate or subject at once
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi token revoke t-0a1b2c3d4e5f")]
pub(crate) struct Revoke {
    /// As `token list` shows it
    id: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Certificate {
    #[arg(long, value_name = "PARTY", value_parser = view::party)]
    party: PartyId,
    #[arg(long, value_name = "ROLE", default_value = "member", value_parser = role)]
    role: Role,
    /// PEM file
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Subject {
    #[arg(long, value_name = "PARTY", value_parser = view::party)]
    party: PartyId,
    #[arg(long, value_name = "ROLE", default_value = "member", value_parser = role)]
    role: Role,
    /// As `[[serve.issuer]]` in config.toml names it
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// `sub`, else `client_id` in its tokens
    subject: String,
}

fn when(microseconds: i64) -> String {
    Timestamp::from_microsecond(microseconds).map_or_else(|_| String::new(), |at| at.to_string())
}

fn role(text: &str) -> Result<Role, String> {
    Role::read(text).ok_or_else(|| format!("{text:?} is no role: {}", Role::ALL.map(Role::as_str).join(", ")))
}

impl Tokens {
    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let now = pipeline::now();
        match self {
            Self::Create(command) => command.run(place, now).await,
            Self::List(command) => command.run(place, now).await,
            Self::Revoke(command) => command.run(place, now).await,
            Self::Certificate(command) => {
                let certificate =
                    CertificateDer::from_pem_file(&command.file).map_err(|error| anyhow!("{}: {error}", command.file.display()))?;
                sign_in(place, "certificate", fingerprint(&certificate), &command.party, command.role, now).await
            }
            Self::Subject(command) => {
                let name = format!("{} {}", command.issuer, command.subject);
                sign_in(place, "subject", name, &command.party, command.role, now).await
            }
        }
    }
}

async fn known(register: &Register, party: &PartyId, now: Timestamp) -> Result<()> {
    if register.party(party, now).await?.is_none() {
        return Err(WrongUsage(format!("there is no party {party}; `musubi party list` shows them")).into());
    }
    Ok(())
}

async fn sign_in(place: &Place, kind: &str, name: String, party: &PartyId, role: Role, now: Timestamp) -> Result<()> {
    let register = place.register().await?;
    known(&register, party, now).await?;
    let way = SignIn {
        kind: kind.to_owned(),
        name: name.clone(),
        party: party.to_string(),
        role: role.as_str().to_owned(),
        created_at: now.as_microsecond(),
        expires_at: None,
    };
    register.add_sign_in(&way).await?;
    if place.json {
        return say_json(&json!({"id": name, "kind": kind, "party": party.as_str(), "role": role.as_str()}));
    }
    say(format!("{party} signs in with {kind} {name}"))
}

impl Create {
    async fn run(self, place: &Place, now: Timestamp) -> Result<()> {
        let register = place.register().await?;
        known(&register, &self.party, now).await?;
        let (id, secret) = give_token(&register, &self.party, self.role, self.name, self.until, now).await?;
        if place.json {
            return say_json(&json!({"id": id, "token": secret}));
        }
        say(format!("user {id}\npassword {secret}\n\nThe token is not kept and cannot be shown again."))
    }
}

impl List {
    async fn run(self, place: &Place, now: Timestamp) -> Result<()> {
        let register = place.register().await?;
        let mine = |party: &str| self.party.as_ref().is_none_or(|wanted| wanted.as_str() == party);
        let mut rows: Vec<Value> = Vec::new();
        for token in register.tokens().await?.into_iter().filter(|token| mine(&token.party)) {
            let state = match (token.revoked_at, token.holds(now.as_microsecond())) {
                (Some(_), _) => "revoked",
                (None, false) => "ended",
                (None, true) => "holds",
            };
            rows.push(
                json!({"id": token.id, "kind": "token", "party": token.party, "role": token.role, "name": token.name, "state": state,
                "created_at": when(token.created_at), "expires_at": token.expires_at.map(when)}),
            );
        }
        for way in register.sign_ins().await?.into_iter().filter(|way| mine(&way.party)) {
            rows.push(json!({"id": way.name, "kind": way.kind, "party": way.party, "role": way.role, "name": null, "state": "holds",
                "created_at": when(way.created_at), "expires_at": way.expires_at.map(when)}));
        }
        if place.json {
            return say_json(&Value::Array(rows));
        }
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let keys = ["id", "kind", "party", "role", "state", "name"];
        let lines: Vec<Vec<String>> = rows.iter().map(|row| keys.iter().map(|key| text(row, key)).collect()).collect();
        say(table(&keys, &lines, &[]))
    }
}

impl Revoke {
    async fn run(self, place: &Place, now: Timestamp) -> Result<()> {
        let register = place.register().await?;
        let mut done = register.revoke_token(&self.id, now.as_microsecond()).await?;
        for kind in ["certificate", "subject"] {
            done |= register.remove_sign_in(kind, &self.id).await?;
        }
        if !done {
            bail!("{}: there is no such token, certificate or subject, or it has ended", self.id);
        }
        if place.json {
            return say_json(&json!({"id": self.id, "revoked": true}));
        }
        say(format!("{} opens nothing any more", self.id))
    }
}
