//! The command line: one file per command, all of them with `--json` for scripts and an example that works as typed.
#![allow(clippy::large_enum_variant, reason = "a command line is read once")]

mod acting;
mod agreement;
mod backup;
mod case;
mod collection;
mod columns;
mod compact;
mod config;
mod correlate;
mod demo;
mod doctor;
pub(crate) mod events;
mod evidence;
mod explain;
pub(crate) mod feed;
mod feed_publish;
mod formats;
mod indicator;
pub(crate) mod indicator_derive;
pub(crate) mod indicator_publish;
mod ingest;
mod key;
mod log;
pub(crate) mod lookup;
mod measures;
pub(crate) mod notice;
mod party;
mod party_find;
mod party_import;
mod peer;
mod person;
mod query;
mod read;
mod receipt;
mod reread;
mod routes;
mod serve;
pub(crate) mod share;
mod share_list;
mod shell;
mod stats;
mod tables;
pub(crate) mod takedown;
mod terms;
mod token;
pub(crate) mod view;
mod warnings;
mod witness;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use store::home::Home;
use store::register::Register;

/// Reads evidence of attacks, remembers each event once, and answers questions about it.
#[derive(Debug, Parser)]
#[command(name = "musubi", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Example:\n  musubi demo --no-serve && musubi stats --by country")]
pub(crate) struct Cli {
    /// Folder of this installation [default: ~/.local/share/musubi]
    #[arg(long, global = true, env = "MUSUBI_HOME", value_name = "DIR", hide_env_values = true)]
    home: Option<PathBuf>,
    /// Machine output on standard output
    #[arg(long, global = true)]
    json: bool,
    /// Say more on standard error (twice: even more)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Ingest(ingest::Ingest),
    Read(read::Read),
    Query(query::Query),
    Events(events::Events),
    Lookup(lookup::Lookup),
    Correlate(correlate::Correlate),
    Stats(stats::Stats),
    #[command(subcommand)]
    Evidence(evidence::Evidence),
    Reread(reread::Reread),
    #[command(subcommand)]
    Tables(tables::Tables),
    #[command(subcommand)]
    Case(case::Case),
    #[command(subcommand)]
    Takedown(takedown::Takedown),
    #[command(subcommand)]
    Notice(notice::Notices),
    Formats(formats::Formats),
    #[command(subcommand)]
    Party(party::Parties),
    #[command(subcommand)]
    Agreement(agreement::Agreements),
    #[command(subcommand)]
    Indicator(indicator::Indicators),
    #[command(subcommand)]
    Warnings(warnings::Warnings),
    #[command(subcommand)]
    Share(share::Share),
    #[command(subcommand)]
    Collection(collection::Collections),
    #[command(subcommand)]
    Peer(peer::Peers),
    #[command(subcommand)]
    Feed(feed::Feeds),
    #[command(subcommand)]
    Token(token::Tokens),
    #[command(subcommand)]
    Person(person::People),
    Serve(serve::Serve),
    Routes(routes::Routes),
    #[command(subcommand)]
    Log(log::Log),
    #[command(subcommand)]
    Receipt(receipt::Receipt),
    #[command(subcommand)]
    Witness(witness::Witness),
    #[command(subcommand)]
    Terms(terms::Terms),
    Explain(explain::Explain),
    Compact(compact::Compact),
    #[command(subcommand)]
    Config(config::Config),
    #[command(subcommand)]
    Key(key::Key),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Doctor(doctor::Doctor),
    Demo(demo::Demo),
    Completions(shell::Completions),
    Man(shell::Man),
}

/// What every command is given.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) home: Home,
    /// The user named it; otherwise it is the usual one.
    pub(crate) named: bool,
    pub(crate) json: bool,
    pub(crate) verbose: u8,
}

impl Place {
    /// The register of a home in use.
    pub(crate) async fn register(&self) -> Result<Register> {
        let register = Register::open(&self.home).await?;
        crate::api::scribe::bring_in(&self.home, &register).await;
        Ok(register)
    }
}

/// Exit codes: 0 done, 1 failed, 2 wrong usage.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let as_json = matches!(&cli.command, Command::Serve(serve) if serve.log == serve::LogForm::Json);
    logs(cli.verbose, as_json);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if reader_gone(&error) => ExitCode::SUCCESS,
        Err(error) if error.is::<WrongUsage>() => {
            eprintln!("musubi: {}", crate::show::told(&error));
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("musubi: {}", crate::show::told(&error));
            ExitCode::FAILURE
        }
    }
}

/// What was asked for cannot be: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongUsage(pub(crate) String);

async fn run(cli: Cli) -> Result<()> {
    let named = cli.home.is_some();
    let place = Place { home: Home::at(home(cli.home)?), named, json: cli.json, verbose: cli.verbose };
    match cli.command {
        Command::Ingest(command) => command.run(&place).await,
        Command::Read(command) => command.run(&place),
        Command::Query(command) => command.run(&place).await,
        Command::Events(command) => command.run(&place).await,
        Command::Lookup(command) => command.run(&place).await,
        Command::Correlate(command) => command.run(&place).await,
        Command::Share(command) => command.run(&place).await,
        Command::Explain(command) => command.run(&place).await,
        Command::Terms(command) => command.run(&place).await,
        Command::Stats(command) => command.run(&place).await,
        Command::Evidence(command) => command.run(&place).await,
        Command::Reread(command) => command.run(&place).await,
        Command::Tables(command) => command.run(&place).await,
        Command::Case(command) => command.run(&place).await,
        Command::Takedown(command) => command.run(&place).await,
        Command::Notice(command) => command.run(&place).await,
        Command::Formats(command) => command.run(&place),
        Command::Party(command) => command.run(&place).await,
        Command::Agreement(command) => command.run(&place).await,
        Command::Indicator(command) => command.run(&place).await,
        Command::Warnings(command) => command.run(&place).await,
        Command::Collection(command) => command.run(&place).await,
        Command::Peer(command) => command.run(&place).await,
        Command::Feed(command) => command.run(&place).await,
        Command::Token(command) => command.run(&place).await,
        Command::Person(command) => command.run(&place).await,
        Command::Serve(command) => command.run(&place).await,
        Command::Routes(command) => command.run(&place),
        Command::Log(command) => command.run(&place).await,
        Command::Receipt(command) => command.run(&place).await,
        Command::Witness(command) => command.run(&place).await,
        Command::Compact(command) => command.run(&place).await,
        Command::Config(command) => command.run(&place).await,
        Command::Key(command) => command.run(&place),
        Command::Backup(command) => command.run(&place).await,
        Command::Restore(command) => command.run(&place).await,
        Command::Doctor(command) => command.run(&place).await,
        Command::Demo(command) => command.run(&place).await,
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
    }
}

fn home(named: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(named) = named {
        return Ok(named);
    }
    if let Some(data) = std::env::var_os("XDG_DATA_HOME").filter(|v| !v.is_empty()) {
        return Ok(PathBuf::from(data).join("musubi"));
    }
    match std::env::var_os("HOME").filter(|v| !v.is_empty()) {
        Some(home) => Ok(PathBuf::from(home).join(".local/share/musubi")),
        None => Err(WrongUsage("neither --home, MUSUBI_HOME nor HOME says where to remember things".into()).into()),
    }
}

fn logs(verbose: u8, as_json: bool) {
    let level = match verbose {
        0 if as_json => "musubi::request=info,warn",
        0 => "warn",
        1 => "musubi=info,store=info,warn",
        _ => "musubi=debug,store=debug,info",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("MUSUBI_LOG").unwrap_or_else(|_| level.into());
    if as_json {
        tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter).with_writer(io::stderr).init();
    } else {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false).without_time().init();
    }
}

/// `musubi query … | head` ends the reader first: no error of ours.
fn reader_gone(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
        || format!("{error:#}").contains("Broken pipe")
}

/// Reads a time as the user typed it: a date, a time, or an age such as `7d`, `12h`.
pub(crate) fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    let now = crate::pipeline::now();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let hours = match unit {
        "h" => Some(1),
        "d" => Some(24),
        "w" => Some(7 * 24),
        _ => None,
    };
    if let (Some(hours), Ok(number)) = (hours, number.parse::<i64>()) {
        let span = number.checked_mul(hours).filter(|h| *h < 24 * 366 * 200).ok_or_else(|| format!("{text:?} is too long ago"))?;
        return now.checked_sub(jiff::SignedDuration::from_hours(span)).map_err(|e| e.to_string());
    }
    ::formats::time::read(text)
        .map(|m| m.at)
        .ok_or_else(|| format!("{text:?} is no time: give a date (2026-03-23), a time, or an age (7d, 12h)"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent_and_every_help_ends_with_an_example() {
        let mut command = super::Cli::command();
        command.build();
        command.clone().debug_assert();
        examples(&command);
    }

    fn examples(command: &clap::Command) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let example = help.split_once("Example:\n").is_some_and(|(_, example)| example.contains("musubi "));
        assert!(example || command.has_subcommands(), "{} has no example", command.get_name());
        command.get_subcommands().for_each(examples);
    }
}
