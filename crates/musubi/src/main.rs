//! Musubi: evidence of attacks in, the people who can stop them told, the threat followed until it is gone.

mod cli;
mod config;
mod deliver;
mod demo;
mod faults;
mod jobs;
mod keys;
mod pipeline;
mod receive;
mod show;

fn main() -> std::process::ExitCode {
    cli::main()
}
