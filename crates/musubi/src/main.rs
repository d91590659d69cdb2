//! Musubi: evidence of attacks in, the people who can stop them told, the threat followed until it is gone.

mod api;
mod chance;
mod cli;
mod columns;
mod config;
mod console;
mod deliver;
mod demo;
mod faults;
mod federate;
mod glance;
mod jobs;
mod keys;
mod lookup;
mod outward;
mod pipeline;
mod receive;
mod show;
mod sign_in;

/// Threads that read segments allocate much at once; with the system's allocator a month's question takes a sixth longer. SQLite and zstd allocate
/// here too: rows that one thread makes and another drops made the system's allocator wait for itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
