//! `musubi routes`: every address of the console, and the right it needs. For tests and for whoever writes a proxy's rules.

use anyhow::Result;
use serde_json::{Value, json};

use super::Place;
use crate::console::{Needs, routes};
use crate::show::{json as say_json, say, table};

/// List the addresses of the console with the right each needs
#[derive(Debug, clap::Args)]
#[command(hide = true, after_help = "Example:\n  musubi routes --json")]
pub(crate) struct Routes;

impl Routes {
    pub(crate) fn run(self, place: &Place) -> Result<()> {
        let rows: Vec<Value> = routes()
            .iter()
            .map(|route| {
                let (right, roles) = match route.needs {
                    Needs::Nothing => (None, Vec::new()),
                    Needs::Right(right) => (Some(format!("{right:?}")), right.roles().iter().map(|role| role.as_str()).collect()),
                };
                json!({"method": route.method.as_str(), "path": route.path, "right": right, "roles": roles, "open": route.needs == Needs::Nothing,
                    "exports": route.exports})
            })
            .collect();
        if place.json {
            return say_json(&Value::Array(rows));
        }
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
        let lines: Vec<Vec<String>> = rows.iter().map(|row| ["method", "path", "right"].map(|key| text(row, key)).to_vec()).collect();
        say(table(&["method", "path", "right"], &lines, &[]))
    }
}
