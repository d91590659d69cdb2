//! The week as Shadowserver tells it: which host did what, one CSV file a report type and day.
//!
//! Headers are those of the current report schema, column by column; rows are our own.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use super::evidence::{Draft, Packing, Week};
use super::world::{Camera, DAYS, DEVICES, Dice, FLOOD_DAY, PROVIDERS, Provider, moment};

// Columns, as the reports name them.
const SOURCE: &str = "timestamp protocol src_ip src_port src_asn src_geo src_region src_city src_hostname src_naics src_sector \
    device_vendor device_type device_model severity dst_ip dst_port dst_asn dst_geo dst_region dst_city \
    dst_hostname dst_naics dst_sector";
const MALWARE: &str = "public_source infection family tag application version event_id";
const SINKHOLE: &str = "ssl_cipher ssl_servername";
const SINKHOLE_HTTP: &str = "http_url http_host http_agent forwarded_by ssl_cipher http_referer ssl_servername machine_name";
const BRUTE_FORCE: &str = "service start_time end_time client_version username password payload_url payload_md5";
const FLOOD: &str = "dst_network dst_netmask attack duration attack_src_ip attack_src_port domain domain_transaction_id gcip \
    http_method http_path http_postdata http_usessl ip_header_ack ip_header_acknum ip_header_dont_fragment \
    ip_header_fin ip_header_identity ip_header_psh ip_header_rst ip_header_seqnum ip_header_syn ip_header_tos \
    ip_header_ttl ip_header_urg number_of_connections packet_length packet_randomized http_agent";
const SCAN: &str = "timestamp severity ip protocol port hostname tag asn geo region city naics hostname_source sector";
const DEVICE: &str = "device_vendor device_type device_model device_version";
const RDP: &str = "handshake rdp_protocol cert_length subject_common_name issuer_common_name cert_issue_date cert_expiration_date \
    sha1_fingerprint cert_serial_number ssl_version signature_algorithm key_algorithm sha256_fingerprint \
    sha512_fingerprint md5_fingerprint tlsv13_support tlsv13_cipher jarm";
const SNMP: &str = "device_vendor device_type device_model device_version device_sector version sysname sysdesc community \
    response_size amplification uptime mac_address vendor_id vendor";
const HTTP: &str = "http http_code http_reason content_type connection www_authenticate set_cookie server content_length \
    transfer_encoding http_date";
const WEBSITE: &str = "application url http_host category system detected_since server redirect_target cc_url family status account \
    detail public_source";
const TELECOM: &str = "Communications, Service Provider, and Hosting Service";

/// The organisation that is flooded: a bank that does not exist.
pub(crate) const VICTIM: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);

/// Rows of one report, written in the order of its columns.
struct Table {
    columns: Vec<&'static str>,
    text: String,
}

enum Value<'a> {
    Number(u64),
    Text(Cow<'a, str>),
}

impl<'a, T: Into<Cow<'a, str>>> From<T> for Value<'a> {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

fn number<'a>(of: impl Into<u64>) -> Value<'a> {
    Value::Number(of.into())
}

impl Table {
    fn new(parts: &[&'static str]) -> Self {
        let columns: Vec<&str> = parts.iter().flat_map(|part| part.split_whitespace()).collect();
        let mut text = String::new();
        for (place, column) in columns.iter().enumerate() {
            text.push_str(if place > 0 { ",\"" } else { "\"" });
            text.push_str(column);
            text.push('"');
        }
        text.push('\n');
        Self { columns, text }
    }

    /// `values` are in the order of the columns; columns without a value are empty. Texts are quoted, numbers are not.
    fn row(&mut self, values: &[(&str, Value<'_>)]) {
        let mut values = values.iter().peekable();
        for (place, column) in self.columns.iter().enumerate() {
            if place > 0 {
                self.text.push(',');
            }
            match values.next_if(|(name, _)| name == column) {
                Some((_, Value::Number(number))) => self.text.push_str(&number.to_string()),
                Some((_, Value::Text(text))) if !text.is_empty() => {
                    self.text.push('"');
                    self.text.push_str(&text.replace('"', "\"\""));
                    self.text.push('"');
                }
                _ => {}
            }
        }
        assert!(values.next().is_none(), "every value has its column, in order");
        self.text.push('\n');
    }

    fn raw(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// Every Shadowserver report of the week.
pub(crate) fn reports(week: &Week, cameras: &[Camera], dice: &mut Dice) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let services = Services::new(dice);
    for day in 0..DAYS {
        let mut add = |kind: &str, suffix: &str, packing: Packing, text: String| {
            drafts.push(Draft {
                name: format!("{}-{kind}-{suffix}.csv", week.date(day)),
                text,
                packing,
                feed: None,
                tlp: Some("AMBER"),
                received: week.next_morning(day, 6 * 60 + 12),
            });
        };
        let sinkhole = sinkhole(week, day, cameras, dice);
        let (kaede, sen_vang) = (only(&sinkhole, 64_601), only(&sinkhole, 64_631));
        add("event4_sinkhole", "region-geo", Packing::ZippedMail, sinkhole);
        // Two networks have reports of their own; the same rows are in the regional one.
        add("event4_sinkhole", "as64601-asn", Packing::Plain, kaede);
        add("event4_sinkhole", "as64631-asn", Packing::Gzip, sen_vang);
        add("event4_sinkhole_http", "region-geo", Packing::Gzip, sinkhole_http(week, day, cameras, dice));
        add("event4_honeypot_brute_force", "region-geo", Packing::ZippedMail, brute_force(week, day, cameras, dice));
        add("event4_honeypot_darknet", "region-geo", Packing::Gzip, darknet(week, day, cameras, dice));
        add("scan_telnet", "region-geo", Packing::ZippedMail, services.telnet(week, day, cameras, dice));
        add("scan_rdp", "region-geo", Packing::Gzip, services.rdp(week, day, dice));
        add("scan_snmp", "region-geo", Packing::Plain, services.snmp(week, day, dice));
        add("scan6_http", "region-geo", Packing::Plain, services.http6(week, day, dice));
        add("device_id", "region-geo", Packing::Gzip, device_id(week, day, cameras, dice));
        if day == FLOOD_DAY {
            add("event4_ddos_participant", "region-geo", Packing::ZippedMail, flood(week, day, cameras, dice));
        }
        if day % 3 == 0 {
            add("compromised_website", "region-geo", Packing::Plain, websites(week, day, dice));
        }
        if day >= 5 {
            add("scan_camera_p2p", "region-geo", Packing::Plain, peer_to_peer(week, day, cameras, dice));
        }
    }
    // The mail of the third day came again under another name, a day late.
    let again = drafts.iter().find(|draft| draft.name.starts_with(&week.date(2)) && draft.name.contains("event4_sinkhole-region"));
    let again = again.map(|draft| Draft {
        name: draft.name.replace("region-geo", "region-geo-redelivered"),
        text: draft.text.clone(),
        packing: Packing::Gzip,
        feed: draft.feed,
        tlp: draft.tlp,
        received: week.next_morning(3, 8 * 60 + 40),
    });
    drafts.extend(again);
    drafts
}

/// The header and the rows of one network.
fn only(report: &str, asn: u32) -> String {
    let mark = format!(",{asn},");
    report.lines().enumerate().filter(|(n, line)| *n == 0 || line.contains(&mark)).flat_map(|(_, line)| [line, "\n"]).collect()
}

fn active(cameras: &[Camera], day: usize) -> impl Iterator<Item = (&Camera, (u32, u32))> {
    cameras.iter().filter_map(move |camera| Some((camera, camera.days[day]?)))
}

/// What the event reports say of a camera, up to its model.
fn attacker<'a>(time: String, camera: &'a Camera, port: u64, known: bool) -> Vec<(&'static str, Value<'a>)> {
    let provider = camera.provider;
    let mut row = vec![
        ("timestamp", time.into()),
        ("protocol", "tcp".into()),
        ("src_ip", camera.ip.to_string().into()),
        ("src_port", number(port)),
        ("src_asn", number(provider.asn)),
        ("src_geo", provider.country.into()),
        ("src_region", provider.region.into()),
        ("src_city", provider.city.into()),
        ("src_hostname", provider.host_name(camera.ip).into()),
        ("src_naics", number(provider.naics)),
        ("src_sector", TELECOM.into()),
    ];
    if known {
        let device = camera.device;
        row.extend([("device_vendor", device.vendor.into()), ("device_type", device.kind.into()), ("device_model", device.model.into())]);
    }
    row
}

/// The other end: a sensor, or the one attacked.
fn target(row: &mut Vec<(&'static str, Value<'_>)>, ip: Ipv4Addr, port: u64) {
    let (asn, country, region, city, name): (u32, _, _, _, _) = match ip.octets() {
        [203, ..] => (4_200_000_300, "JP", "TOKYO", "MINATO", "www.kakuu-ginko.example"),
        _ => (4_200_000_200, "US", "CALIFORNIA", "SAN JOSE", ""),
    };
    row.extend([
        ("dst_ip", ip.to_string().into()),
        ("dst_port", number(port)),
        ("dst_asn", number(asn)),
        ("dst_geo", country.into()),
        ("dst_region", region.into()),
        ("dst_city", city.into()),
        ("dst_hostname", name.into()),
        ("dst_naics", number(518_210u32)),
        ("dst_sector", TELECOM.into()),
    ]);
}

fn sensor(dice: &mut Dice, from: u64, to: u64) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, dice.within(from, to) as u8)
}

fn high_port(dice: &mut Dice) -> u64 {
    dice.within(1024, 65_535)
}

/// Infected cameras ask names that now lead to a sinkhole.
fn sinkhole(week: &Week, day: usize, cameras: &[Camera], dice: &mut Dice) -> String {
    let mut table = Table::new(&[SOURCE, MALWARE, SINKHOLE]);
    for (camera, hours) in active(cameras, day) {
        for _ in 0..dice.below(camera.noise + 1).min(3) + u64::from(dice.percent(55)) {
            let time = week.time(day, moment(camera.provider, hours, dice));
            let known = dice.percent(60);
            let mut row = attacker(time, camera, high_port(dice), known);
            row.push(("severity", "high".into()));
            target(&mut row, sensor(dice, 10, 40), *dice.one(&[23, 23, 48_101, 6667]));
            row.extend([("infection", "mirai".into()), ("family", "mirai".into()), ("tag", "mirai".into())]);
            table.row(&row);
        }
    }
    table.text
}

/// Ordinary computers, too: older families that still call home by HTTP.
fn sinkhole_http(week: &Week, day: usize, cameras: &[Camera], dice: &mut Dice) -> String {
    const FAMILIES: [(&str, &str, &str); 4] = [
        ("avalanche-andromeda", "andromeda", "/gate.php"),
        ("qsnatch", "qsnatch", "/qnap_firmware.xml?t=1"),
        ("m0yv", "m0yv", "/dkuxwpfq"),
        ("ranbyus", "ranbyus", "/index.php?r=1"),
    ];
    let mut table = Table::new(&[SOURCE, MALWARE, SINKHOLE_HTTP]);
    for n in 0..240 {
        // The neighbours of cameras: same networks, other addresses.
        let neighbour = &cameras[(n * 7) % cameras.len()];
        let ip = neighbour.provider.address(neighbour.provider.size() - 1 - (n as u32 % (neighbour.provider.size() / 8)));
        let host = Camera { provider: neighbour.provider, device: &DEVICES[6], ip, days: [None; DAYS], noise: 1 };
        let (infection, family, path) = FAMILIES[n % 4];
        let time = week.time(day, moment(host.provider, (0, 86_400), dice));
        let mut row = attacker(time, &host, high_port(dice), false);
        row.push(("severity", "high".into()));
        target(&mut row, sensor(dice, 50, 60), 80);
        row.extend([("infection", infection.into()), ("family", family.into()), ("tag", family.into()), ("application", "http".into())]);
        row.push(("http_url", path.into()));
        row.push(("http_host", format!("{}.sinkholed.example", dice.hex(8)).into()));
        row.push(("http_agent", "Mozilla/4.0".into()));
        table.row(&row);
    }
    table.text
}

/// Cameras try the passwords they were shipped with on others; honeypots write down the service, not the list.
fn brute_force(week: &Week, day: usize, cameras: &[Camera], dice: &mut Dice) -> String {
    let mut table = Table::new(&[SOURCE, MALWARE, BRUTE_FORCE]);
    for (camera, hours) in active(cameras, day) {
        if !dice.percent(30) {
            continue;
        }
        for _ in 0..dice.few(camera.noise + 1) {
            let second = moment(camera.provider, hours, dice);
            let time = week.time(day, second);
            let stamp = |after: u32, micro: u64| format!("{}.{micro:06}Z", week.time(day, (second + after).min(86_399)).replace(' ', "T"));
            let (begun, ended) = (stamp(0, dice.below(1_000_000)), stamp(3, dice.below(1_000_000)));
            let mut row = attacker(time, camera, high_port(dice), false);
            row.push(("severity", "medium".into()));
            target(&mut row, sensor(dice, 100, 140), if dice.percent(90) { 23 } else { 2323 });
            row.extend([("public_source", "TSUBAKI-POT".into()), ("infection", "telnet-brute-force".into()), ("tag", "mirai".into())]);
            row.extend([
                ("application", "telnet".into()),
                ("service", "telnet".into()),
                ("start_time", begun.into()),
                ("end_time", ended.into()),
            ]);
            row.push(("username", (*dice.one(&["root", "admin", "supervisor", "guest"])).into()));
            if dice.percent(8) {
                row.push(("payload_url", format!("http://198.51.100.{}/bins/demo.arm7", dice.within(130, 137)).into()));
                row.push(("payload_md5", (*dice.one(&["0d1e2c3b4a59687786950a1b2c3d4e5f", "5f4e3d2c1b0a96857768594a3b2c1e0d"])).into()));
            }
            table.row(&row);
        }
    }
    table.text
}

/// Scans that hit addresses where nobody lives: a packet with the target's address as its sequence number is Mirai's.
fn darknet(week: &Week, day: usize, cameras: &[Camera], dice: &mut Dice) -> String {
    let mut table = Table::new(&[SOURCE, MALWARE, "count"]);
    for (camera, hours) in active(cameras, day) {
        if !dice.percent(50) {
            continue;
        }
        let time = week.time(day, moment(camera.provider, hours, dice));
        let port: u64 = if dice.percent(90) { 23 } else { 2323 };
        let mut row = attacker(time, camera, high_port(dice), false);
        row.extend([("severity", "medium".into()), ("dst_port", number(port)), ("infection", "mirai".into()), ("family", "mirai".into())]);
        row.extend([("tag", "mirai".into()), ("count", number(dice.few(40) * camera.noise))]);
        table.row(&row);
    }
    table.text
}

/// Three waves against one bank, by every camera that was up.
fn flood(week: &Week, day: usize, cameras: &[Camera], dice: &mut Dice) -> String {
    let mut table = Table::new(&[SOURCE, "domain_source", MALWARE, FLOOD]);
    for (wave, begin) in [(12u32, 0u32), (13, 1800), (15, 600)].map(|(hour, after)| (hour, hour * 3600 + after)) {
        for (camera, (from, to)) in active(cameras, day) {
            let second = begin + dice.below(240) as u32;
            if !(from..to).contains(&second) || dice.percent(45) {
                continue;
            }
            let mut row = attacker(week.time(day, second), camera, high_port(dice), true);
            let (attack, port): (_, u64) = if wave == 15 { ("http", 443) } else { ("udpplain", 53) };
            row[1] = ("protocol", if port == 53 { "udp" } else { "tcp" }.into());
            row.push(("severity", "high".into()));
            target(&mut row, VICTIM, port);
            row.extend([("infection", "mirai".into()), ("family", "mirai".into()), ("tag", "ddos-participant".into())]);
            row.extend([("application", if port == 53 { "dns" } else { "https" }.into()), ("attack", attack.into())]);
            row.push(("duration", number(dice.within(30, 300))));
            if port == 443 {
                row.extend([("domain", "www.kakuu-ginko.example".into()), ("http_method", "GET".into()), ("http_path", "/".into())]);
            } else {
                row.push(("packet_length", number(512u32)));
            }
            table.row(&row);
        }
    }
    table.text
}

/// What every scan report says of a host, up to its sector.
fn scanned<'a>(
    time: String,
    severity: &'a str,
    ip: String,
    port: u64,
    name: String,
    tag: &'a str,
    provider: &'a Provider,
) -> Vec<(&'static str, Value<'a>)> {
    let source = if name.is_empty() { "" } else { "ptr" };
    vec![
        ("timestamp", time.into()),
        ("severity", severity.into()),
        ("ip", ip.into()),
        ("protocol", if port == 161 { "udp" } else { "tcp" }.into()),
        ("port", number(port)),
        ("hostname", name.into()),
        ("tag", tag.into()),
        ("asn", number(provider.asn)),
        ("geo", provider.country.into()),
        ("region", provider.region.into()),
        ("city", provider.city.into()),
        ("naics", number(provider.naics)),
        ("hostname_source", source.into()),
        ("sector", TELECOM.into()),
    ]
}

/// Hosts that stand open all week, whatever the cameras do.
struct Services {
    hosts: Vec<(&'static Provider, u32)>,
}

impl Services {
    fn new(dice: &mut Dice) -> Self {
        let hosts = (0..900).map(|n| {
            let provider = dice.one(&PROVIDERS);
            (provider, provider.size() - 1 - n % (provider.size() / 5))
        });
        Self { hosts: hosts.collect() }
    }

    /// Each of `which` on most days, at about the same time of the day.
    fn seen<'a>(
        &'a self,
        which: std::ops::Range<usize>,
        day: usize,
        dice: &'a mut Dice,
    ) -> impl Iterator<Item = (usize, &'static Provider, u32, u32, Dice)> {
        which.filter_map(move |n| {
            let (provider, host) = self.hosts[n];
            let second = (n as u32 * 97 + day as u32 * 311 + dice.below(40) as u32) % 86_400;
            dice.percent(88).then(|| (n, provider, host, second, Dice::new(n as u64)))
        })
    }

    /// Open telnet: routers and the like all week, and the cameras themselves until they are cleaned.
    fn telnet(&self, week: &Week, day: usize, cameras: &[Camera], dice: &mut Dice) -> String {
        let mut table = Table::new(&[SCAN, "banner"]);
        for (camera, hours) in active(cameras, day) {
            if dice.percent(28) {
                let time = week.time(day, moment(camera.provider, hours, dice));
                let (port, tag) = if dice.percent(85) { (23, "telnet") } else { (2323, "telnet-alt") };
                let mut row =
                    scanned(time, "high", camera.ip.to_string(), port, camera.provider.host_name(camera.ip), tag, camera.provider);
                row.push(("banner", camera.device.banner.into()));
                table.row(&row);
            }
        }
        for (_, provider, host, second, _) in self.seen(0..220, day, dice) {
            let ip = provider.address(host);
            let mut row = scanned(week.time(day, second), "high", ip.to_string(), 23, provider.host_name(ip), "telnet", provider);
            row.push(("banner", "Welcome|User Access Verification|Password: ".into()));
            table.row(&row);
        }
        // What no reader can make sense of arrives as well.
        match day {
            1 => table.raw("\"2026-13-45 00:00:61\",\"high\",\"198.18.0.9\",\"tcp\",23,,\"telnet\",64601,\"JP\",,,,,,\"login: \""),
            2 => {
                table.raw(&format!("\"{}\",\"high\",\"300.1.2.3\",\"tcp\",23,,\"telnet\",64601,\"JP\",,,,,,\"login: \"", week.time(day, 5)))
            }
            3 => table.raw("\"tcp\",23"),
            4 => table
                .raw(&format!("\"{}\",\"high\",\"not seen\",\"tcp\",99999,,\"telnet\",64601,\"JP\",,,,,,\"login: \"", week.time(day, 5))),
            _ => {}
        }
        table.text
    }

    fn rdp(&self, week: &Week, day: usize, dice: &mut Dice) -> String {
        let mut table = Table::new(&[SCAN, RDP]);
        for (n, provider, host, second, mut own) in self.seen(220..460, day, dice) {
            let ip = provider.address(host);
            let colons = |hex: String| hex.to_uppercase().as_bytes().chunks(2).map(String::from_utf8_lossy).collect::<Vec<_>>().join(":");
            let name = format!("DESKTOP-{n:04}.corp{}.example", n % 40);
            let mut row = scanned(week.time(day, second), "medium", ip.to_string(), 3389, provider.host_name(ip), "rdp", provider);
            row.extend([("handshake", "TLSv1.2".into()), ("rdp_protocol", "RDP".into()), ("cert_length", number(2048u32))]);
            row.extend([("subject_common_name", name.clone().into()), ("issuer_common_name", name.into())]);
            row.push(("cert_issue_date", format!("{} 02:22:06", week.date(0)).into()));
            row.push(("sha1_fingerprint", colons(own.hex(40)).into()));
            row.push(("cert_serial_number", own.hex(32).to_uppercase().into()));
            row.extend([
                ("ssl_version", number(2u32)),
                ("signature_algorithm", "sha256WithRSAEncryption".into()),
                ("key_algorithm", "rsaEncryption".into()),
            ]);
            row.push(("sha256_fingerprint", colons(own.hex(64)).into()));
            row.push(("tlsv13_support", "N".into()));
            table.row(&row);
        }
        table.text
    }

    fn snmp(&self, week: &Week, day: usize, dice: &mut Dice) -> String {
        let mut table = Table::new(&[SCAN, SNMP]);
        for (n, provider, host, second, mut own) in self.seen(460..700, day, dice) {
            let ip = provider.address(host);
            let size = own.within(70, 260);
            let mut row = scanned(week.time(day, second), "medium", ip.to_string(), 161, provider.host_name(ip), "snmp", provider);
            row.extend([("device_vendor", "Visorline".into()), ("device_type", "router".into()), ("device_model", "VL-R300".into())]);
            row.extend([("version", number(2u32)), ("sysname", format!("gw-{n}").into())]);
            row.extend([("sysdesc", "Visorline VL-R300 release 4.1, \"home\" edition".into()), ("community", "public".into())]);
            row.extend([("response_size", number(size)), ("amplification", format!("{}.{:02}", size / 85, size % 85).into())]);
            table.row(&row);
        }
        table.text
    }

    fn http6(&self, week: &Week, day: usize, dice: &mut Dice) -> String {
        let mut table = Table::new(&[SCAN, HTTP]);
        for (n, provider, host, second, mut own) in self.seen(700..900, day, dice) {
            let ip = provider.address6(host);
            let (port, code, reason): (u64, u32, _) = *own.one(&[(80, 200, "OK"), (8080, 401, "Unauthorized"), (80, 302, "Found")]);
            let mut row = scanned(week.time(day, second), "info", ip.to_string(), port, String::new(), "http", provider);
            row.extend([("http", "HTTP/1.1".into()), ("http_code", number(code)), ("http_reason", reason.into())]);
            row.push(("content_type", "text/html".into()));
            if code == 401 {
                row.push(("www_authenticate", "Basic realm=\"KX-C20\"".into()));
            }
            row.push(("server", (*own.one(&["lighttpd", "nginx", "mini_httpd/1.30"])).into()));
            if n % 3 > 0 {
                row.push(("content_length", number(own.within(300, 20_000))));
            }
            table.row(&row);
        }
        table.text
    }
}

/// Cameras that show what they are. From the fourth day on with a column that no table of ours knows.
fn device_id(week: &Week, day: usize, cameras: &[Camera], dice: &mut Dice) -> String {
    let unknown = if day >= 3 { "firmware_age_days" } else { "" };
    let mut table = Table::new(&[SCAN, DEVICE, unknown]);
    for (n, camera) in cameras.iter().enumerate() {
        let device = camera.device;
        if device.vendor.is_empty() || n % 5 == 0 || !dice.percent(20) {
            continue;
        }
        let time = week.time(day, moment(camera.provider, (0, 86_400), dice));
        let port = *dice.one(&[80, 554, 8000]);
        let name = camera.provider.host_name(camera.ip);
        let mut row =
            scanned(time, "info", camera.ip.to_string(), port, name, if device.kind == "dvr" { "dvr" } else { "camera" }, camera.provider);
        row.extend([("device_vendor", device.vendor.into()), ("device_type", device.kind.into())]);
        row.extend([("device_model", device.model.into()), ("device_version", device.version.into())]);
        if day >= 3 {
            row.push(("firmware_age_days", number(dice.within(300, 2400))));
        }
        table.row(&row);
    }
    table.text
}

/// A report type that began this week: the peer-to-peer port by which owners reach their cameras from outside.
fn peer_to_peer(week: &Week, day: usize, cameras: &[Camera], dice: &mut Dice) -> String {
    let mut table = Table::new(&[SCAN, DEVICE, "p2p_uid relay_count"]);
    for camera in cameras.iter().filter(|camera| camera.device.vendor == "Kamerix") {
        if dice.percent(25) {
            let time = week.time(day, moment(camera.provider, (0, 86_400), dice));
            let mut row =
                scanned(time, "medium", camera.ip.to_string(), 32_100, camera.provider.host_name(camera.ip), "camera-p2p", camera.provider);
            row.extend([("device_vendor", camera.device.vendor.into()), ("device_model", camera.device.model.into())]);
            row.extend([("p2p_uid", format!("DEMO-{:06}", dice.below(1_000_000)).into()), ("relay_count", number(dice.few(5)))]);
            table.row(&row);
        }
    }
    table.text
}

/// Sites that were broken into and now serve somebody else.
fn websites(week: &Week, day: usize, dice: &mut Dice) -> String {
    let mut table = Table::new(&[SCAN, WEBSITE]);
    for n in 0..60u8 {
        let provider = &PROVIDERS[usize::from(n) % PROVIDERS.len()];
        let host = format!("www.shop-{n}.example");
        let path = *dice.one(&["/wp-content/uploads/x.php", "/images/gate.php", "/.well-known/pki/i.php"]);
        let time = week.time(day, dice.below(86_400) as u32);
        let ip = provider.address(provider.size() - 40 - u32::from(n) / 28);
        let mut row = scanned(time, "critical", ip.to_string(), 80, host.clone(), "webshell", provider);
        row.extend([("application", "http".into()), ("url", path.into()), ("http_host", host.into()), ("category", "webshell".into())]);
        row.extend([("system", "cms".into()), ("detected_since", week.time(0, 0).into()), ("server", "nginx".into())]);
        row.extend([("family", "".into()), ("status", "compromised".into())]);
        table.row(&row);
    }
    table.text
}
