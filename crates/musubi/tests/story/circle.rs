//! The parties of most stories: ourselves, two members of our community, and somebody outside it.
#![allow(dead_code, reason = "each story uses what it needs")]

use super::Home;

const PARTIES: &str = r#"
[[party]]
id = "us"
name = "Example CSIRT"
kind = "national-csirt"
communities = ["circle"]
[[party]]
id = "alpha"
name = "Alpha"
kind = "provider"
communities = ["circle"]
[[party]]
id = "beta"
name = "Beta"
kind = "provider"
communities = ["circle"]
[[party]]
id = "outside"
name = "Outside"
kind = "company"
[[agreement]]
id = "circle"
kind = "multilateral"
communities = ["circle"]
max_tlp = "GREEN"
purposes = ["defend"]
"#;

/// A home that knows them.
pub(crate) fn home() -> Home {
    let home = Home::new();
    home.write("parties.toml", PARTIES);
    home.ok(&["party", "import", "parties.toml"]);
    home.ok(&["party", "own", "us"]);
    home
}
