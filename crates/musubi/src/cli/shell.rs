//! `musubi completions` and `musubi man`: for the shell and the manual.

use std::io;

use anyhow::Result;
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi completions bash")]
pub(crate) struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<()> {
        clap_complete::generate(self.shell, &mut Cli::command(), "musubi", &mut io::stdout());
        Ok(())
    }
}

/// Print the manual page (roff)
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  musubi man")]
pub(crate) struct Man {}

impl Man {
    pub(crate) fn run(self) -> Result<()> {
        let mut command = Cli::command();
        command.build();
        let mut out = io::stdout();
        clap_mangen::Man::new(command.clone()).render(&mut out)?;
        for sub in command.get_subcommands().filter(|s| !s.is_hide_set()) {
            clap_mangen::Man::new(sub.clone()).render(&mut out)?;
        }
        Ok(())
    }
}
