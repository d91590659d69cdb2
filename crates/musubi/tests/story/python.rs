//! Clients that others wrote in Python.
#![allow(dead_code, reason = "each story uses what it needs")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python with packages of its own, made once in the target folder; or why there is none.
pub(crate) fn with(name: &str, packages: &[&str], import: &str) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = folder.join("bin/python3");
    let run = |program: &Path, arguments: &[&str]| match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("it said nothing").to_owned()),
        Err(error) => Err(format!("{}: {error}", program.display())),
    };
    if run(&python, &["-c", import]).is_err() {
        run(Path::new("python3"), &["-m", "venv", &folder.to_string_lossy()])?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout", "20", "--retries", "1"];
        run(&python, &[&install[..], packages].concat())?;
        run(&python, &["-c", import])?;
    }
    Ok(python)
}
