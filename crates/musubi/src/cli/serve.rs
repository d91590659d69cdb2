//! `musubi serve`: the server.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::Place;
use crate::api::listen::Door;
use crate::api::{self, Server, taxii};
use crate::config::Config;
use crate::show::say;
use crate::sign_in::{gate, people};

/// Serve people and machines: the console at /, TAXII 2.1 at /taxii2/, MISP at /misp/, health at /healthz, counters at /metrics
///
/// Stops on Ctrl-C or SIGTERM, when open requests are answered.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi serve --listen 127.0.0.1:8080")]
pub(crate) struct Serve {
    /// Address and port; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

impl Serve {
    pub(super) fn at(listen: SocketAddr) -> Self {
        Self { listen }
    }

    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let config = Config::of(place.home.root())?;
        // An empty home is a home: whoever serves first and fills later is served.
        store::register::Register::create(&place.home).await?.close().await;
        let server = Server::open(&place.home, config.serve).await?;
        server.register.jobs_left_undone("the server ended before it was done", crate::pipeline::now().as_microsecond()).await?;
        let door = Door::open(self.listen, &server.limits).await?;
        let address = door.address().context("no address")?;
        let welcome = first_link(&server, &gate::base(&server.limits, address.port())).await?;
        if place.json {
            crate::show::json(
                &json!({"listening": door.to_string(), "address": address.to_string(), "taxii": format!("{door}/taxii2/"), "misp": format!("{door}/misp/"), "welcome": welcome}),
            )?;
        } else {
            say(format!("{door}  (TAXII 2.1 at {door}/taxii2/, MISP at {door}/misp/; Ctrl-C ends)"))?;
            if let Some(welcome) = welcome {
                say(format!("Nobody can sign in yet. This link makes the first administrator, once, within three days:\n  {welcome}"))?;
            }
        }
        let worker = tokio::spawn(taxii::taking::work(std::sync::Arc::clone(&server)));
        let zones = tokio::spawn(zones(std::sync::Arc::clone(&server)));
        let exchange = tokio::spawn(exchange(std::sync::Arc::clone(&server)));
        door.serve(api::router(std::sync::Arc::clone(&server)), ended()).await;
        worker.abort();
        exchange.abort();
        zones.abort();
        Ok(())
    }
}

/// The link that makes the first administrator, while nobody has an account. There is no password that everybody knows.
async fn first_link(server: &Server, base: &str) -> Result<Option<String>> {
    if server.register.has_people().await? {
        return Ok(None);
    }
    let now = crate::pipeline::now();
    let role = casework::model::rights::Role::Administrator;
    let own = people::party_of(&server.register, role, None, now).await??;
    let (secret, _) = people::invite(&server.register, &own, role.as_str(), None, None, now).await?;
    Ok(Some(format!("{base}/welcome?key={secret}")))
}

/// Transfers zones to secondaries, where that is set up.
async fn zones(server: std::sync::Arc<Server>) {
    let Some(address) = server.limits.dns else { return };
    if let Err(error) = api::zone::serve(server, address).await {
        tracing::error!("zones are not transferred: {error:#}");
    }
}

/// Exchanges with peers as often as is set up; whoever failed waits for its turn.
async fn exchange(server: std::sync::Arc<Server>) {
    let every = std::time::Duration::from_secs(server.limits.exchange_seconds);
    if every.is_zero() {
        return;
    }
    loop {
        let done = async {
            let key = crate::keys::log_key(&server.home, None)?;
            crate::federate::sync::sync(&server.home, &server.register, &key, None, true).await
        };
        match done.await {
            Ok(all) => {
                for one in all.iter().filter(|one| !one.waiting) {
                    match &one.error {
                        Some(error) => tracing::warn!(party = %one.party, "the exchange failed: {error}"),
                        None => tracing::info!(party = %one.party, "{} fetched, {} given", one.fetched, one.given),
                    }
                }
            }
            Err(error) => tracing::error!("no exchange was possible: {error:#}"),
        }
        tokio::time::sleep(every).await;
    }
}

/// Somebody wants it to end.
async fn ended() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
