//! The parties of most stories: ourselves, two members of our community, and somebody outside it; or ourselves and a provider we serve.
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

const SERVED: &str = "
[[party]]
id = 'us'
name = 'Our CSIRT'
kind = 'national-csirt'
own = true
[[party]]
id = 'isp'
name = 'Example ISP'
kind = 'provider'
networks = ['192.0.2.0/24']
clients_of = ['us']
[[agreement]]
id = 'service'
kind = 'public-private'
parties = ['us', 'isp']
max_tlp = 'AMBER'
purposes = ['notify', 'defend']
";

/// A home that knows them.
pub(crate) fn home() -> Home {
    let home = Home::new();
    home.write("parties.toml", PARTIES);
    home.ok(&["party", "import", "parties.toml"]);
    home.ok(&["party", "own", "us"]);
    home
}

/// A home that knows us and a provider we serve.
pub(crate) fn served() -> Home {
    let home = Home::new();
    home.write("parties.toml", SERVED);
    home.ok(&["party", "import", "parties.toml"]);
    home
}
