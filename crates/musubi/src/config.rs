//! What is set up here: `config.toml` in the home. Who we are in mails, through which relay they go, where answers come.
//!
//! Strict: a key that is not known is an error, with its line. Without `[smtp]` nothing can be sent: there is no default
//! relay, so a home that nobody configured (a demo, a copy, a test) cannot reach anybody.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use formats::mail_address::Address;
use serde::{Deserialize, Deserializer};

use crate::api::zone::ZoneConfig;
use crate::sign_in::bearer::IssuerConfig;
use crate::sign_in::oidc::OidcConfig;

/// All that `config.toml` can say; each table may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) mail: Option<Mail>,
    pub(crate) smtp: Option<Smtp>,
    pub(crate) answers: Option<Answers>,
    #[serde(default)]
    pub(crate) serve: Serve,
}

/// How the server is reached, and how much of it one client may use.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Serve {
    /// PEM files; without them the server listens on this machine only.
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    /// The name under which browsers open the console; passkeys are bound to it (WebAuthn: RP ID).
    pub(crate) name: String,
    /// A proxy on this machine stands in front: what it says of client and scheme (`X-Forwarded-For`, `X-Forwarded-Proto`) is believed.
    pub(crate) proxy: bool,
    /// Organisations that sign people in for us (OpenID Connect).
    pub(crate) oidc: Vec<OidcConfig>,
    /// Name of this installation in what it says of itself.
    pub(crate) title: String,
    /// Whom to write to about it.
    pub(crate) contact: Option<String>,
    /// The party that whoever shows nothing is taken for; without it they are sent away.
    pub(crate) anonymous: Option<String>,
    /// Issuers of OAuth 2.0 tokens that are believed.
    pub(crate) issuer: Vec<IssuerConfig>,
    /// Bytes of the largest body.
    pub(crate) largest_body: usize,
    /// Of all bodies together, in MiB.
    pub(crate) bodies_mb: u32,
    /// Objects in a page when nobody says how many, and at most.
    pub(crate) page: usize,
    pub(crate) largest_page: usize,
    pub(crate) requests_per_second: u32,
    pub(crate) connections: u32,
    /// Clients that are pushed to at once.
    pub(crate) streams: u32,
    /// Connections to the register.
    pub(crate) readers: u32,
    /// Where response policy zones are transferred from (DNS over UDP and TCP); without it they are not.
    pub(crate) dns: Option<std::net::SocketAddr>,
    pub(crate) zone: Vec<ZoneConfig>,
    /// An address of its own for outside parties; then they are let in nowhere else.
    pub(crate) portal: Option<std::net::SocketAddr>,
    /// Whom to ask for names when a party proves that a domain or network is its own; without it nobody can by that way.
    pub(crate) resolver: Option<std::net::SocketAddr>,
    /// Fetch a file from a domain that a party claims.
    pub(crate) fetch_claims: bool,
    pub(crate) claim_files: ClaimFiles,
    /// Questions about events that run at once; others wait.
    pub(crate) questions: u32,
    /// Bytes of the largest upload of evidence.
    pub(crate) largest_upload: u64,
    /// The same for what an outside party gives; and how much of it a party may give in a day.
    pub(crate) largest_outside_upload: u64,
    pub(crate) outside_uploads_per_day: u64,
    pub(crate) outside_bytes_per_day: u64,
    /// Where traces go: an OpenTelemetry collector (OTLP over HTTP); without it there are none.
    pub(crate) otlp: Option<String>,
    /// Webhooks may lead to addresses of private networks and of this machine.
    pub(crate) private_webhooks: bool,
    /// The font of reports (TrueType or OpenType, with Japanese characters); without it, `report-font.ttf` in the home or one of the system's.
    pub(crate) font: Option<PathBuf>,
    /// Exchange with peers this often while serving; 0: only by `musubi peer sync`.
    pub(crate) exchange_seconds: u64,
    /// Merge the segments of days that are over this often while serving; 0: only by `musubi compact`.
    pub(crate) compact_minutes: u64,
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            certificate: None,
            key: None,
            name: "localhost".to_owned(),
            proxy: false,
            oidc: Vec::new(),
            title: "Musubi".to_owned(),
            contact: None,
            anonymous: None,
            issuer: Vec::new(),
            largest_body: 32 << 20,
            bodies_mb: 256,
            page: 1000,
            largest_page: 5000,
            requests_per_second: 500,
            connections: 2000,
            streams: 200,
            readers: 4,
            dns: None,
            zone: Vec::new(),
            portal: None,
            resolver: None,
            fetch_claims: false,
            claim_files: ClaimFiles::default(),
            questions: 4,
            largest_upload: 10 << 30,
            largest_outside_upload: 64 << 20,
            outside_uploads_per_day: 20_000,
            outside_bytes_per_day: 1 << 30,
            otlp: None,
            private_webhooks: false,
            font: None,
            exchange_seconds: 60,
            compact_minutes: 10,
        }
    }
}

/// Where the file of a claim may lie besides the public Internet: for networks that are closed to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ClaimFiles {
    /// Addresses in these are called although they are not public.
    #[serde(deserialize_with = "networks")]
    pub(crate) networks: Vec<formats::value::Network>,
    /// PEM file of an authority that signs certificates there, beside those that everybody knows.
    pub(crate) ca: Option<PathBuf>,
    pub(crate) port: u16,
}

impl Default for ClaimFiles {
    fn default() -> Self {
        Self { networks: Vec::new(), ca: None, port: 443 }
    }
}

/// Who we are in mails.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mail {
    /// Who writes.
    #[serde(deserialize_with = "parsed")]
    pub(crate) from: Address,
    /// Our name beside the address and in the key.
    pub(crate) organisation: String,
    /// The desk that takes answers: notices say `desk+TOKEN@…`.
    #[serde(deserialize_with = "parsed")]
    pub(crate) reply_to: Address,
    /// Where our portal is reached (`https://portal.csirt.example`): notices name a page there on which they are answered without an account.
    pub(crate) answers_at: Option<String>,
}

/// How a connection is protected.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::enum_variant_names, reason = "STARTTLS is the name of the command, RFC 3207")]
pub(crate) enum Tls {
    None,
    /// In the clear first, then TLS before anything is said; never without.
    StartTls,
    /// TLS from the first byte.
    Implicit,
}

/// A server that is spoken to, and as whom.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Smtp {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) tls: Tls,
    /// PEM file of the authority that signed the server's certificate, when the system does not know it.
    pub(crate) ca: Option<PathBuf>,
    pub(crate) user: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    /// Connections at once.
    #[serde(default = "four")]
    pub(crate) connections: usize,
    /// Mails at once to one domain.
    #[serde(default = "two")]
    pub(crate) per_domain_connections: usize,
    /// Mails a minute to one domain; without it no limit.
    pub(crate) per_domain_per_minute: Option<u32>,
    /// For the answer to one command.
    #[serde(default = "a_minute")]
    pub(crate) timeout_seconds: u64,
}

/// Where answers come: one of the two.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answers {
    pub(crate) maildir: Option<PathBuf>,
    pub(crate) imap: Option<Imap>,
    /// A larger mail is left where it is, and said.
    #[serde(default = "twenty_five")]
    pub(crate) largest_mb: u32,
    /// Mails taken in one go.
    #[serde(default = "thousand")]
    pub(crate) at_most: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Imap {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) tls: Tls,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) user: String,
    pub(crate) password_file: PathBuf,
    #[serde(default = "inbox")]
    pub(crate) folder: String,
    #[serde(default = "a_minute")]
    pub(crate) timeout_seconds: u64,
}

fn four() -> usize {
    4
}

fn two() -> usize {
    2
}

fn a_minute() -> u64 {
    60
}

fn twenty_five() -> u32 {
    25
}

fn thousand() -> usize {
    1000
}

fn inbox() -> String {
    "INBOX".to_owned()
}

fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<formats::value::Network>, D::Error> {
    let read = |text: String| formats::value::network(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no network")));
    Vec::<String>::deserialize(from)?.into_iter().map(read).collect()
}

fn parsed<'de, D: Deserializer<'de>>(from: D) -> Result<Address, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

impl Config {
    /// Where it lies in a home.
    pub(crate) fn path(home: &Path) -> PathBuf {
        home.join("config.toml")
    }

    /// Reads the file of a home; a home without one says nothing.
    ///
    /// # Errors
    /// When it cannot be read, or says something unknown, impossible or unsafe: with the line where that is known.
    pub(crate) fn of(home: &Path) -> Result<Self> {
        let path = Self::path(home);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        Self::read(&text, home).with_context(|| path.display().to_string())
    }

    /// Reads its text; relative paths are below `home`.
    ///
    /// # Errors
    /// As [`Config::of`].
    pub(crate) fn read(text: &str, home: &Path) -> Result<Self> {
        let mut config: Self = toml::from_str(text)?;
        let place = |path: &mut PathBuf| *path = home.join(&*path);
        if let Some(mail) = &config.mail {
            let name = &mail.organisation;
            ensure!(!name.trim().is_empty() && name.len() <= 200, "[mail] organisation needs 1 to 200 bytes");
            // in the user id of a key the address stands between angle brackets
            ensure!(!name.chars().any(|c| c.is_control() || "<>".contains(c)), "[mail] organisation {name:?} holds what a name must not");
            if let Some(at) = &mail.answers_at {
                ensure!(
                    at.starts_with("https://") && formats::value::url(at).is_some() && !at.contains(char::is_whitespace),
                    "[mail] answers_at: {at:?} is no address that begins with https://"
                );
            }
            // RFC 5321 §4.5.3.1.1: 64 octets before the @, of which a token takes 16 and a +
            ensure!(mail.reply_to.local().len() <= 40, "[mail] reply_to: more than 40 characters before the @ leave no room for a token");
        }
        if let Some(smtp) = &mut config.smtp {
            ensure!(config.mail.is_some(), "[smtp] needs [mail]: nobody writes");
            smtp.ca.iter_mut().for_each(place);
            smtp.password_file.iter_mut().for_each(place);
            host(&smtp.host).context("[smtp] host")?;
            ensure!(smtp.user.is_some() == smtp.password_file.is_some(), "[smtp] user and password_file go together");
            ensure!(
                smtp.user.is_none() || smtp.tls != Tls::None || loopback(&smtp.host),
                "[smtp] tls = \"none\" would show the password to everybody on the way to {}",
                smtp.host
            );
            ensure!((1..=200).contains(&smtp.connections), "[smtp] connections: 1 to 200");
            ensure!(smtp.per_domain_connections >= 1, "[smtp] per_domain_connections: at least 1");
            ensure!(smtp.per_domain_per_minute != Some(0), "[smtp] per_domain_per_minute: at least 1");
            ensure!((1..=3600).contains(&smtp.timeout_seconds), "[smtp] timeout_seconds: 1 to 3600");
        }
        if let Some(answers) = &mut config.answers {
            answers.maildir.iter_mut().for_each(place);
            ensure!((1..=100).contains(&answers.largest_mb), "[answers] largest_mb: 1 to 100");
            ensure!(answers.at_most >= 1, "[answers] at_most: at least 1");
            match (&answers.maildir, &mut answers.imap) {
                (Some(_), None) => {}
                (None, Some(imap)) => {
                    imap.ca.iter_mut().for_each(place);
                    place(&mut imap.password_file);
                    host(&imap.host).context("[answers.imap] host")?;
                    ensure!(
                        imap.tls != Tls::None || loopback(&imap.host),
                        "[answers.imap] tls = \"none\" would show the password to everybody on the way to {}",
                        imap.host
                    );
                    ensure!(!imap.folder.chars().any(char::is_control), "[answers.imap] folder holds a control character");
                    ensure!((1..=3600).contains(&imap.timeout_seconds), "[answers.imap] timeout_seconds: 1 to 3600");
                }
                _ => bail!("[answers] needs either maildir or [answers.imap]"),
            }
        }
        let serve = &mut config.serve;
        serve.certificate.iter_mut().chain(&mut serve.key).chain(&mut serve.claim_files.ca).for_each(place);
        serve.issuer.iter_mut().for_each(|issuer| place(&mut issuer.keys));
        serve.name = serve.name.to_ascii_lowercase();
        let label = |label: &str| !label.is_empty() && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
        // WebAuthn §4: a domain, no address.
        ensure!(
            serve.name.len() <= 253 && serve.name.split('.').all(label) && serve.name.parse::<std::net::IpAddr>().is_err(),
            "[serve] name {:?} is no host name: passkeys are bound to a name, not to an address or a port",
            serve.name
        );
        for oidc in &mut serve.oidc {
            oidc.client_secret_file.iter_mut().chain(&mut oidc.ca).for_each(place);
            oidc.check().with_context(|| format!("[[serve.oidc]] {}", oidc.name))?;
        }
        ensure!(serve.certificate.is_some() == serve.key.is_some(), "[serve] certificate and key go together");
        ensure!((1024..=1 << 30).contains(&serve.largest_body), "[serve] largest_body: 1024 to 1073741824");
        ensure!((serve.bodies_mb as usize) << 20 >= serve.largest_body, "[serve] bodies_mb is less than largest_body: none could be taken");
        ensure!(serve.page >= 1 && serve.largest_page >= serve.page, "[serve] page: at least 1 and at most largest_page");
        ensure!(serve.largest_page <= 50_000, "[serve] largest_page: at most 50000");
        ensure!(serve.requests_per_second >= 1, "[serve] requests_per_second: at least 1");
        ensure!((1..=64).contains(&serve.readers), "[serve] readers: 1 to 64");
        ensure!(serve.zone.is_empty() || serve.dns.is_some(), "[[serve.zone]] needs dns under [serve]: an address and a port");
        for zone in &serve.zone {
            let known = !zone.from.is_empty() || zone.key.is_some();
            ensure!(known, "[[serve.zone]] {}: from names no secondary, and there is no key", zone.name);
        }
        ensure!(serve.connections >= 1, "[serve] connections: at least 1");
        ensure!(serve.claim_files.port != 0, "[serve.claim_files] port: 1 to 65535");
        ensure!(
            !serve.fetch_claims || serve.resolver.is_some(),
            "[serve] fetch_claims needs resolver: names of web servers are asked there"
        );
        Ok(config)
    }
}

impl Smtp {
    /// Registered: 25, 587 (RFC 6409) and 465 (RFC 8314).
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::None => 25,
            Tls::StartTls => 587,
            Tls::Implicit => 465,
        })
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

impl Imap {
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls == Tls::Implicit { 993 } else { 143 })
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

/// The first line of a password file, which only its owner or group may read.
///
/// # Errors
/// When it cannot be read, is empty, or anybody may read it.
pub(crate) fn password(path: &Path) -> Result<String> {
    let text = secret(path)?;
    let password = text.lines().next().unwrap_or_default();
    ensure!(!password.is_empty(), "{}: no password on the first line", path.display());
    Ok(password.to_owned())
}

/// A file that holds a secret: not for everybody on this machine.
///
/// # Errors
/// When it cannot be read, or everybody could.
pub(crate) fn secret(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path)?.permissions().mode();
        ensure!(mode & 0o007 == 0, "{}: anybody on this machine can read the password: chmod 600", path.display());
    }
    Ok(text)
}

fn host(text: &str) -> Result<()> {
    let name = text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b':'));
    ensure!(!text.is_empty() && text.len() <= 253 && name, "{text:?} is no name or address of a host");
    Ok(())
}

fn loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "[mail]\nfrom = \"csirt@csirt.example\"\norganisation = \"Example CSIRT\"\nreply_to = \"notice@csirt.example\"\n";

    fn read(text: &str) -> Result<Config> {
        Config::read(text, Path::new("/home/m"))
    }

    #[test]
    fn the_example_of_the_documentation_is_a_configuration() {
        let docs = include_str!("../../../docs/mail.md");
        let examples: Vec<&str> = docs.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(examples.len() >= 2);
        for example in examples {
            let config = read(example).unwrap();
            assert!(config.mail.is_some() && config.smtp.is_some() && config.answers.is_some(), "{example}");
        }
    }

    #[test]
    fn a_home_without_a_file_says_nothing_and_so_nothing_can_be_sent() {
        let home = tempfile::tempdir().unwrap();
        let config = Config::of(home.path()).unwrap();
        assert!(config.smtp.is_none() && config.mail.is_none() && config.answers.is_none());
    }

    #[test]
    fn a_key_that_is_not_known_is_an_error_with_its_line() {
        let error = format!("{:#}", read(&format!("{MAIL}repply_to = \"x\"\n")).unwrap_err());
        assert!(error.contains("line 5") && error.contains("repply_to"), "{error}");
        let address = format!("{:#}", read(&MAIL.replace("csirt@csirt", "cs irt@csirt")).unwrap_err());
        assert!(address.contains("line 2") && address.contains("cs irt@csirt.example"), "{address}");
    }

    #[test]
    fn what_cannot_work_or_is_unsafe_is_refused() {
        let smtp = "[smtp]\nhost = \"relay.example\"\ntls = \"starttls\"\n";
        assert_eq!(read(&format!("{MAIL}{smtp}")).unwrap().smtp.unwrap().port(), 587);
        let relative = read(&format!("{MAIL}{smtp}ca = \"keys/ca.pem\"\n")).unwrap();
        assert_eq!(relative.smtp.unwrap().ca.unwrap(), Path::new("/home/m/keys/ca.pem"));
        for (bad, why) in [
            (smtp.to_owned(), "needs [mail]"),
            (format!("{MAIL}{smtp}user = \"u\"\n"), "go together"),
            (format!("{MAIL}{}user = \"u\"\npassword_file = \"p\"\n", smtp.replace("starttls", "none")), "password"),
            (format!("{MAIL}{}", smtp.replace("relay.example", "relay example")), "host"),
            (format!("{MAIL}{smtp}connections = 0\n"), "connections"),
            (format!("{MAIL}{smtp}per_domain_per_minute = 0\n"), "per_domain_per_minute"),
            (format!("{MAIL}{}", smtp.replace("starttls", "maybe")), "maybe"),
            (format!("{MAIL}[smtp]\nhost = \"relay.example\"\n"), "tls"),
            ("[answers]\n".to_owned(), "either maildir or"),
            ("[answers]\nmaildir = \"m\"\nlargest_mb = 0\n".to_owned(), "largest_mb"),
            ("[answers.imap]\nhost = \"i.example\"\ntls = \"none\"\nuser = \"u\"\npassword_file = \"p\"\n".to_owned(), "password"),
            (MAIL.replace("Example CSIRT", "Example <x>"), "organisation"),
            (MAIL.replace("notice@", &format!("{}@", "n".repeat(41))), "no room"),
        ] {
            let error = format!("{:#}", read(&bad).expect_err(&bad));
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn the_console_has_a_name_that_passkeys_can_be_bound_to() {
        assert_eq!(read("").unwrap().serve.name, "localhost");
        assert_eq!(read("[serve]\nname = \"Musubi.Example\"\n").unwrap().serve.name, "musubi.example");
        for bad in ["192.0.2.1", "musubi.example:8080", "", "https://musubi.example", "musubi..example"] {
            assert!(read(&format!("[serve]\nname = {bad:?}\n")).is_err(), "{bad}");
        }
        let oidc = "[[serve.oidc]]\nname = \"Ministry\"\nissuer = \"https://login.example\"\nclient_id = \"musubi\"\n";
        assert_eq!(read(oidc).unwrap().serve.oidc.len(), 1);
        assert!(read(&oidc.replace("https:", "http:")).is_err(), "in the clear");
    }

    #[cfg(unix)]
    #[test]
    fn a_password_that_anybody_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "secret\nrest").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(password(&path).unwrap(), "secret");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o604)).unwrap();
        assert!(password(&path).unwrap_err().to_string().contains("chmod 600"));
    }
}
