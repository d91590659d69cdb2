//! `musubi serve`: the server.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::Place;
use crate::api::listen::{self, Door};
use crate::api::{self, Face, Server, taxii};
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
    /// How the log on standard error is written; json has one object a line, and a line for each request
    #[arg(long, value_enum, value_name = "FORM", default_value = "text")]
    pub(super) log: LogForm,
}

/// How a log is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum LogForm {
    Text,
    Json,
}

impl Serve {
    pub(super) fn at(listen: SocketAddr) -> Self {
        Self { listen, log: LogForm::Text }
    }

    pub(crate) async fn run(self, place: &Place) -> Result<()> {
        let config = Config::of(place.home.root())?;
        // An empty home is a home: whoever serves first and fills later is served.
        store::register::Register::create(&place.home).await?.close().await;
        let server = Server::open(&place.home, config.serve).await?;
        server.register.jobs_left_undone("the server ended before it was done", crate::pipeline::now().as_microsecond()).await?;
        let open_files = listen::raise_open_files();
        let wanted = server.limits.connections;
        let connections = listen::affordable(wanted, if server.limits.portal.is_some() { 2 } else { 1 }, open_files);
        if connections < wanted {
            tracing::warn!(
                "the limit of open files ({}) has room for {connections} connections, not for {wanted}: raise the hard limit (ulimit -Hn, LimitNOFILE=)",
                open_files.unwrap_or_default()
            );
        }
        let door = Door::open(self.listen, &server.limits, connections).await?;
        let address = door.address().context("no address")?;
        let portal = match server.limits.portal {
            Some(address) => Some(Door::open(address, &server.limits, connections).await.context("[serve] portal")?),
            None => None,
        };
        let welcome = first_link(&server, &gate::base(&server.limits, address.port())).await?;
        if place.json {
            crate::show::json(
                &json!({"listening": door.to_string(), "address": address.to_string(), "taxii": format!("{door}/taxii2/"), "misp": format!("{door}/misp/"), "welcome": welcome, "portal": portal.as_ref().map(ToString::to_string)}),
            )?;
        } else {
            say(format!("{door}  (TAXII 2.1 at {door}/taxii2/, MISP at {door}/misp/; Ctrl-C ends)"))?;
            if let Some(portal) = &portal {
                say(format!("{portal}  (the portal: outside parties are let in there and nowhere else)"))?;
            }
            if let Some(welcome) = welcome {
                say(format!("Nobody can sign in yet. This link makes the first administrator, once, within three days:\n  {welcome}"))?;
            }
        }
        let worker = tokio::spawn(taxii::taking::work(std::sync::Arc::clone(&server)));
        let uploads = tokio::spawn(crate::jobs::uploads::work(std::sync::Arc::clone(&server)));
        let webhooks = tokio::spawn(crate::jobs::webhooks::work(std::sync::Arc::clone(&server)));
        let zones = tokio::spawn(zones(std::sync::Arc::clone(&server)));
        let exchange = tokio::spawn(exchange(std::sync::Arc::clone(&server)));
        let counting = tokio::spawn(count(std::sync::Arc::clone(&server)));
        let housekeeping = tokio::spawn(keep_house(std::sync::Arc::clone(&server)));
        match portal {
            None => door.serve(api::router(std::sync::Arc::clone(&server)), ended()).await,
            Some(portal) => {
                let (tell, told) = tokio::sync::watch::channel(false);
                let over = |mut told: tokio::sync::watch::Receiver<bool>| async move {
                    let _ = told.wait_for(|over| *over).await;
                };
                let inside = door.serve(api::router_of(std::sync::Arc::clone(&server), Face::Inside), over(told.clone()));
                let outside = portal.serve(api::router_of(std::sync::Arc::clone(&server), Face::Portal), over(told));
                let end = async {
                    ended().await;
                    let _ = tell.send(true);
                };
                tokio::join!(inside, outside, end);
            }
        }
        worker.abort();
        uploads.abort();
        webhooks.abort();
        exchange.abort();
        counting.abort();
        zones.abort();
        housekeeping.abort();
        server.register.settle().await?;
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

/// Counts what an older program wrote and never counted.
async fn count(server: std::sync::Arc<Server>) {
    match crate::jobs::figures::count(&server.home, &server.register).await {
        Ok(0) => {}
        Ok(counted) => tracing::info!("{counted} segments of an older program were counted"),
        Err(error) => tracing::error!("segments of an older program are not counted: {error:#}"),
    }
}

/// Merges the segments of days that are over, as often as is set up.
async fn keep_house(server: std::sync::Arc<Server>) {
    let every = std::time::Duration::from_secs(server.limits.compact_minutes.saturating_mul(60));
    if every.is_zero() {
        return;
    }
    // Whoever opens the console first does not wait for it.
    tokio::time::sleep(every.min(std::time::Duration::from_secs(60))).await;
    loop {
        match crate::jobs::compact::days_that_are_over(&server.home, &server.register).await {
            Ok((0, _)) => {}
            Ok((merged, made)) => tracing::info!("{merged} segments of days that are over became {made}"),
            Err(error) => tracing::error!("segments are not merged: {error:#}"),
        }
        tokio::time::sleep(every).await;
    }
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
