//! How fast are mails sealed and handed over? The measurements stand beside what they measure (`measure_…`); this only
//! gathers the modules, without the rest of the program.
#![allow(dead_code, unreachable_pub, reason = "only the measurements are run")]

#[path = "../../../crates/musubi/src/config.rs"]
mod config;
#[path = "../../../crates/musubi/src/deliver/mod.rs"]
mod deliver;

#[path = "../../../crates/musubi/src/receive"]
mod receive {
    pub(crate) mod imap;
    pub(crate) mod maildir;
}

mod faults {
    pub(crate) fn point(_place: &str) {}
}

mod pipeline {
    pub(crate) fn now() -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

fn main() {
    println!("cargo test --release --manifest-path bench/mail/Cargo.toml measure -- --ignored --nocapture --test-threads=1");
}
