//! The week as everybody else tells it: lists, exports of other CSIRTs, complaints by mail, a breach notice.

use std::fmt::Write;

use super::evidence::{Draft, Packing, Week, mail_date};
use super::packing::base64;
use super::shadowserver::VICTIM;
use super::world::{Camera, DAYS, Dice, FLOOD_DAY, PROVIDERS, moment};

/// Where the botnet is steered from: a network that rents to anyone.
const GREYHOST: (u32, &str) = (4_200_000_666, "GREYHOST");

/// All that does not come from Shadowserver.
pub(crate) fn feeds(week: &Week, cameras: &[Camera], dice: &mut Dice) -> Vec<Draft> {
    let mut inbox = Inbox { week, drafts: Vec::new() };
    let controllers = Controllers::new(dice);
    let lures = lures(dice);
    for day in 0..DAYS {
        inbox.add(day, 300, "lists.blocklist.de/lists/ssh.txt", blocklist(cameras, day, 280, dice), None, Some("CLEAR"));
        inbox.add(day, 301, "lists.blocklist.de/lists/bruteforcelogin.txt", blocklist(cameras, day, 220, dice), None, Some("CLEAR"));
        inbox.add(day, 302, "lists.blocklist.de/lists/mail.txt", blocklist(cameras, day, 120, dice), None, Some("CLEAR"));
        inbox.add(day, 310, "openphish.com/feed.txt", openphish(&lures, day), None, Some("CLEAR"));
        let name = format!("feodotracker-ipblocklist-{}.json", week.date(day));
        inbox.add(day, 320, &name, controllers.feodo(week, day), Some("feodotracker"), Some("CLEAR"));
        for n in 0..4 + day.min(4) {
            let (id, text) = xarf(week, day, cameras, n, dice);
            inbox.add(day, 400 + n as i64 * 17, &format!("xarf-{id}.json"), text, None, None);
        }
        if day % 3 == 1 {
            let text = phishtank(&lures, week, day);
            inbox.add(day, 330, &format!("phishtank-online-valid-{}.csv", week.date(day)), text, None, Some("CLEAR"));
            inbox.add(
                day,
                505,
                &format!("n6-events-{}.jsonl", week.date(day)),
                n6(week, day, cameras, &controllers, dice),
                Some("n6"),
                Some("AMBER"),
            );
        }
        if day % 2 == 0 {
            let text = threatfox_csv(&controllers, week, day, dice);
            inbox.add(day, 340, &format!("threatfox-recent-{}.csv", week.date(day)), text, Some("threatfox"), Some("CLEAR"));
            inbox.add(day, 610, &format!("feedback-report-{}.eml", week.date(day)), arf(week, day, cameras, dice), None, None);
        }
        if day == 3 || day == 5 {
            let text = intelmq(week, day, cameras, dice);
            inbox.add(day, 530, &format!("csirt-export-{}.jsonl", week.date(day)), text, Some("partner-csirt"), Some("GREEN"));
        }
    }
    inbox.add(0, 350, "spamhaus-drop.txt", drop(week), None, Some("CLEAR"));
    inbox.add(2, 560, "campus-honeypot.csv", campus(week, cameras, dice), Some("campus-honeypot"), Some("AMBER"));
    inbox.add(6, 341, "threatfox-recent.json", threatfox_json(&controllers, week), Some("threatfox"), Some("CLEAR"));
    inbox.add(FLOOD_DAY, 590, "misp-event-flood.json", misp(week, cameras, &controllers, dice), None, None);
    inbox.add(5, 640, "hibp-domain-notice.json", hibp(week), Some("hibp"), Some("AMBER+STRICT"));
    inbox.drafts
}

struct Inbox<'a> {
    week: &'a Week,
    drafts: Vec<Draft>,
}

impl Inbox<'_> {
    fn add(&mut self, day: usize, minute: i64, name: &str, text: String, feed: Option<&'static str>, tlp: Option<&'static str>) {
        let received = self.week.next_morning(day, minute);
        self.drafts.push(Draft { name: name.to_owned(), text, packing: Packing::Plain, feed, tlp, received });
    }
}

/// A host that gives orders.
struct Controller {
    ip: String,
    port: u64,
    first: usize,
    domain: String,
    id: u64,
}

struct Controllers(Vec<Controller>);

impl Controllers {
    fn new(dice: &mut Dice) -> Self {
        let controller = |n: u64| Controller {
            ip: format!("198.51.100.{}", 130 + n * 3),
            port: *dice.one(&[23, 1312, 5555, 48_101, 6667]),
            first: (n / 5) as usize,
            domain: format!("cnc{n}.{}.example", dice.one(&["camnet", "bot-relay", "dyn-update"])),
            id: 900_100 + n * 7,
        };
        Self((0..35).map(controller).collect())
    }

    /// Those known by the end of a day.
    fn by(&self, day: usize) -> impl Iterator<Item = &Controller> {
        self.0.iter().filter(move |controller| controller.first <= day)
    }

    fn feodo(&self, week: &Week, day: usize) -> String {
        let entry = |c: &Controller| {
            format!(
                "    {{\n        \"ip_address\": \"{}\",\n        \"port\": {},\n        \"status\": \"{}\",\n        \"hostname\": \"{}\",\n        \
                 \"as_number\": {},\n        \"as_name\": \"{}\",\n        \"country\": \"NL\",\n        \"first_seen\": \"{}\",\n        \
                 \"last_online\": \"{}\",\n        \"malware\": \"Mirai\"\n    }}",
                c.ip,
                c.port,
                if c.first + 3 < day { "offline" } else { "online" },
                c.domain,
                GREYHOST.0,
                GREYHOST.1,
                week.time(c.first, 4_000 + c.port as u32 % 70_000),
                week.date(day),
            )
        };
        format!("[\n{}\n]\n", self.by(day).map(entry).collect::<Vec<_>>().join(",\n"))
    }
}

fn threatfox_csv(controllers: &Controllers, week: &Week, day: usize, dice: &mut Dice) -> String {
    let rule = "#".repeat(64);
    let mut out = format!(
        "{rule}\n# ThreatFox IOCs: recent                                       #\n# Last updated: {} UTC                        #\n#{:62}#\n\
         # Terms Of Use: https://threatfox.example/faq/#tos             #\n{rule}\n#\n\
         # \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\",\"threat_type\",\"fk_malware\",\"malware_alias\",\"malware_printable\",\
         \"last_seen_utc\",\"confidence_level\",\"reference\",\"tags\",\"anonymous\",\"reporter\"\n",
        week.time(day, 80_000),
        ""
    );
    let mut entries = 0;
    for c in controllers.by(day) {
        let seen = week.time(c.first, 9_000 + c.port as u32 % 60_000);
        let mut line = |value: &str, kind: &str, threat: &str, id: u64| {
            let fields =
                [&seen, &id.to_string(), value, kind, threat, "elf.mirai", "Katana", "Mirai", "", "100", "", "Mirai,elf", "0", "analyst"];
            out.push_str(&fields.map(|field| format!("\"{field}\"")).join(", "));
            out.push('\n');
            entries += 1;
        };
        line(&format!("{}:{}", c.ip, c.port), "ip:port", "botnet_cc", c.id);
        line(&c.domain, "domain", "botnet_cc", c.id + 1);
        line(&format!("http://{}/bins/demo.mpsl", c.ip), "url", "payload_delivery", c.id + 2);
        line(&Dice::new(c.id).hex(64), "sha256_hash", "payload", c.id + 3);
        if dice.percent(30) {
            line(&Dice::new(c.id + 1).hex(32), "md5_hash", "payload", c.id + 4);
        }
    }
    writeln!(out, "# Number of entries: {entries}").expect("writing to a String never fails");
    out
}

fn threatfox_json(controllers: &Controllers, week: &Week) -> String {
    let entry = |c: &Controller| {
        format!(
            "    \"{}\": [\n        {{\"ioc_value\": \"{}:{}\", \"ioc_type\": \"ip:port\", \"threat_type\": \"botnet_cc\", \"malware\": \"elf.mirai\", \
             \"malware_alias\": \"Katana\", \"malware_printable\": \"Mirai\", \"first_seen_utc\": \"{}\", \"last_seen_utc\": null, \
             \"confidence_level\": 75, \"reference\": null, \"tags\": \"Mirai\", \"anonymous\": \"0\", \"reporter\": \"analyst\"}}\n    ]",
            c.id,
            c.ip,
            c.port,
            week.time(c.first, 9_000 + c.port as u32 % 60_000)
        )
    };
    format!("{{\n{}\n}}\n", controllers.by(DAYS).map(entry).collect::<Vec<_>>().join(",\n"))
}

/// Addresses that others were attacked from: mostly cameras, one a line.
fn blocklist(cameras: &[Camera], day: usize, count: usize, dice: &mut Dice) -> String {
    let active: Vec<&Camera> = cameras.iter().filter(|camera| camera.days[day].is_some()).collect();
    let mut addresses: Vec<_> = (0..count).map(|_| dice.one(&active).ip).collect();
    addresses.extend((0..count / 10).map(|_| dice.one(&PROVIDERS).address(3)));
    addresses.sort_unstable();
    addresses.dedup();
    addresses.iter().map(|ip| format!("{ip}\n")).collect()
}

/// Pages that pretend to be somebody else's: the address, whom they imitate, and the day they were found.
fn lures(dice: &mut Dice) -> Vec<(String, &'static str, usize)> {
    const HOSTS: [&str; 8] = [
        "kakuu-ginko-anshin.example",
        "kakuu-ginko.ib-login.example",
        "parcel-hold.example.net",
        "mail-quota.example.org",
        "webmail.example.com",
        "tax-refund.test",
        "id-kakunin.example",
        "cloud-signin.example",
    ];
    let mut lures = vec![
        ("https://kakuu-ginko-anshin.example/ib/honnin-kakunin/?lang=ja".to_owned(), "Kakuu Bank", 1),
        ("https://架空銀行.example/ログイン".to_owned(), "Kakuu Bank", 2),
        ("http://198.51.100.77/kakuu-ginko/login.php".to_owned(), "Kakuu Bank", 3),
    ];
    for n in 0..200 {
        let host = dice.one(&HOSTS);
        let target = if host.contains("kakuu") { "Kakuu Bank" } else { "Other" };
        let path = *dice.one(&["login", "verify/account", "ib/index.html", "secure/update.php", "0/signin"]);
        lures.push((format!("https://{}.{host}/{path}?s={}", dice.hex(4), dice.hex(6)), target, n / 30));
    }
    lures
}

/// What is up today: found today or in the two days before.
fn openphish(lures: &[(String, &str, usize)], day: usize) -> String {
    lures.iter().filter(|(_, _, found)| (found..=&(found + 2)).contains(&&day)).map(|(url, _, _)| format!("{url}\n")).collect()
}

fn phishtank(lures: &[(String, &str, usize)], week: &Week, day: usize) -> String {
    let mut out = "phish_id,url,phish_detail_url,submission_time,verified,verification_time,online,target\n".to_owned();
    for (n, (url, target, found)) in lures.iter().enumerate().filter(|(_, (_, _, found))| *found <= day) {
        let time = |second: u32| week.time(*found, second).replace(' ', "T") + "+00:00";
        let (sent, checked) = (time(n as u32 * 400), time(n as u32 * 400 + 900));
        let id = 9_300_000 + n;
        writeln!(out, "{id},{url},https://phishtank.example/phish_detail.php?phish_id={id},{sent},yes,{checked},yes,{target}")
            .expect("writing to a String never fails");
    }
    out
}

fn drop(week: &Week) -> String {
    let (date, changed) = (week.date(0).replace('-', "/"), mail_date(week.next_morning(0, 279)).replace("+0000", "GMT"));
    format!(
        "; Spamhaus DROP List {date} - (c) The publisher of the list\n; https://drop.example/drop/drop.txt\n; Last-Modified: {changed}\n\
         198.51.100.128/25 ; SBL900001\n198.51.100.64/27 ; SBL900002\n2001:db8:bad::/48 ; SBL900003\n"
    )
}

/// What a neighbouring CSIRT sends on: events in the IntelMQ Data Format, one a line.
fn intelmq(week: &Week, day: usize, cameras: &[Camera], dice: &mut Dice) -> String {
    let mut out = String::new();
    for camera in cameras.iter().filter(|camera| camera.days[day].is_some()) {
        if !["TW", "VN", "TH"].contains(&camera.provider.country) || !dice.percent(45) {
            continue;
        }
        let hours = camera.days[day].unwrap_or((0, 86_400));
        let time = week.time(day, moment(camera.provider, hours, dice)).replace(' ', "T") + "+00:00";
        let (kind, taxonomy, text) = *dice.one(&[
            ("infected-system", "malicious-code", "Device asked for orders"),
            ("brute-force", "intrusion-attempts", "Telnet login tried"),
            ("vulnerable-system", "vulnerable", "Telnet stands open"),
        ]);
        writeln!(
            out,
            "{{\"classification.taxonomy\": \"{taxonomy}\", \"classification.type\": \"{kind}\", \"event_description.text\": \"{text}\", \"feed.accuracy\": 90.0, \
             \"feed.name\": \"Telnet sensors\", \"feed.provider\": \"Partner CSIRT\", \"malware.name\": \"mirai\", \"protocol.application\": \"telnet\", \
             \"protocol.transport\": \"tcp\", \"source.asn\": {}, \"source.as_name\": \"{}\", \"source.geolocation.cc\": \"{}\", \"source.ip\": \"{}\", \
             \"time.observation\": \"{}+00:00\", \"time.source\": \"{time}\"}}",
            camera.provider.asn,
            camera.provider.name,
            camera.provider.country,
            camera.ip,
            week.time(day, 86_399).replace(' ', "T"),
        )
        .expect("writing to a String never fails");
    }
    out
}

/// n6 events, one a line: bots that a sinkhole saw, and the controllers.
fn n6(week: &Week, day: usize, cameras: &[Camera], controllers: &Controllers, dice: &mut Dice) -> String {
    let mut out = String::new();
    for camera in cameras.iter().filter(|camera| camera.days[day].is_some() && camera.provider.country == "DE") {
        writeln!(
            out,
            "{{\"category\": \"bots\", \"origin\": \"sinkhole\", \"confidence\": \"high\", \"name\": \"mirai\", \"proto\": \"tcp\", \"address\": \
             [{{\"cc\": \"DE\", \"ip\": \"{}\", \"asn\": {}}}], \"source\": \"hidden.48273\", \"time\": \"{}\", \"dport\": 23, \"sport\": {}, \
             \"type\": \"event\", \"id\": \"{}\"}}",
            camera.ip,
            camera.provider.asn,
            week.iso(day, moment(camera.provider, camera.days[day].unwrap_or((0, 86_400)), dice)),
            dice.within(1024, 65_535),
            dice.hex(32)
        )
        .expect("writing to a String never fails");
    }
    for c in controllers.by(day) {
        writeln!(
            out,
            "{{\"category\": \"cnc\", \"confidence\": \"medium\", \"name\": \"mirai\", \"fqdn\": \"{}\", \"address\": [{{\"cc\": \"NL\", \"ip\": \"{}\", \
             \"asn\": {}}}], \"dport\": {}, \"proto\": \"tcp\", \"source\": \"hidden.48274\", \"time\": \"{}\", \"type\": \"event\", \"id\": \"{}\"}}",
            c.domain,
            c.ip,
            GREYHOST.0,
            c.port,
            week.iso(c.first, 9_000),
            dice.hex(32)
        )
        .expect("writing to a String never fails");
    }
    out
}

/// One complaint in XARF 4: somebody's honeypot was tried, or somebody's page imitated.
fn xarf(week: &Week, day: usize, cameras: &[Camera], n: usize, dice: &mut Dice) -> (String, String) {
    let id = dice.uuid();
    let active: Vec<&Camera> = cameras.iter().filter(|camera| camera.days[day].is_some()).collect();
    let camera = dice.one(&active);
    let second = dice.within(3_600, 80_000) as u32;
    let reporter = r#"{"org": "Tsubaki Honeypots", "contact": "abuse@tsubaki.example", "domain": "tsubaki.example"}"#;
    let mut proof = String::new();
    let about = if n % 4 == 3 {
        base64(b"<html><title>Kakuu Bank</title></html>", &mut proof);
        format!(
            "\"source_identifier\": \"198.51.100.77\",\n\t\"category\": \"content\",\n\t\"type\": \"phishing\",\n\t\"evidence_source\": \"automated_scan\",\n\t\
             \"url\": \"http://198.51.100.77/kakuu-ginko/login.php?v={n}{day}\",\n\t\"target_brand\": \"Kakuu Bank\""
        )
    } else {
        base64(format!("{} login failed for root from {}", week.time(day, second), camera.ip).as_bytes(), &mut proof);
        format!(
            "\"source_identifier\": \"{}\",\n\t\"source_port\": {},\n\t\"category\": \"connection\",\n\t\"type\": \"login_attack\",\n\t\
             \"evidence_source\": \"honeypot\",\n\t\"destination_ip\": \"192.0.2.{}\",\n\t\"destination_port\": 23,\n\t\"protocol\": \"tcp\",\n\t\
             \"service\": \"telnet\",\n\t\"attempt_count\": {},\n\t\"successful_logins\": 0,\n\t\"attack_pattern\": \"brute_force\"",
            camera.ip,
            dice.within(1024, 65_535),
            dice.within(150, 180),
            dice.within(10, 900)
        )
    };
    let text = format!(
        "{{\n\t\"xarf_version\": \"4.2.0\",\n\t\"report_id\": \"{id}\",\n\t\"timestamp\": \"{}\",\n\t\"reporter\": {reporter},\n\t\"sender\": {reporter},\n\t{about},\n\t\
         \"evidence\": [{{\"content_type\": \"text/plain\", \"description\": \"what was seen\", \"payload\": \"{proof}\"}}],\n\t\"tags\": [\"malware:mirai\"]\n}}\n",
        week.iso(day, second)
    );
    (id, text)
}

/// A complaint about spam as a feedback report (RFC 5965).
fn arf(week: &Week, day: usize, cameras: &[Camera], dice: &mut Dice) -> String {
    let active: Vec<&Camera> = cameras.iter().filter(|camera| camera.days[day].is_some()).collect();
    let ip = dice.one(&active).ip;
    let (sent, complained) = (mail_date(week.next_morning(day, 500)), mail_date(week.next_morning(day, 590)));
    let boundary = format!("part_{}", dice.hex(12));
    format!(
        "From: Feedback <feedback@mailbox.example>\nTo: abuse@csirt.example\nSubject: FW: Your parcel is waiting\nDate: {complained}\n\
         Message-ID: <{}@mailbox.example>\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=\"{boundary}\"\n\n\
         --{boundary}\nContent-Type: text/plain; charset=\"US-ASCII\"\n\nThis is a report about a mail received from {ip} on {sent}.\n\n\
         --{boundary}\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: Mailbox-Feedback/1.2\nVersion: 1\n\
         Original-Mail-From: <parcel@parcel-hold.example.net>\nOriginal-Rcpt-To: <user@mailbox.example>\nArrival-Date: {sent}\nSource-IP: {ip}\n\
         Reported-Domain: parcel-hold.example.net\nReported-URI: http://parcel-hold.example.net/login\n\n\
         --{boundary}\nContent-Type: message/rfc822\n\nReceived: from parcel-hold.example.net ({ip}) by mx.mailbox.example; {sent}\n\
         From: Parcel <parcel@parcel-hold.example.net>\nTo: user@mailbox.example\nSubject: Your parcel is waiting\nDate: {sent}\n\
         Message-ID: <{}@parcel-hold.example.net>\n\nOpen http://parcel-hold.example.net/login to have it sent.\n\n--{boundary}--\n",
        dice.hex(16),
        dice.hex(16)
    )
}

/// A university's own honeypot, in a layout of its own; two of the rows cannot be right.
fn campus(week: &Week, cameras: &[Camera], dice: &mut Dice) -> String {
    let mut out = "time,ip,port,protocol,type,malware,comment\n".to_owned();
    for camera in cameras.iter().filter(|camera| camera.days[2].is_some() && camera.noise > 3) {
        let time = week.iso(2, moment(camera.provider, camera.days[2].unwrap_or((0, 86_400)), dice));
        writeln!(out, "{time},{},{},tcp,brute-force,mirai,\"telnet, {} tries\"", camera.ip, dice.within(1024, 65_535), dice.within(1, 60))
            .expect("writing to a String never fails");
    }
    out.push_str("yesterday,198.18.0.77,40000,tcp,brute-force,mirai,clock was wrong\n");
    writeln!(out, "{},198.18.999.1,40000,tcp,brute-force,mirai,typed by hand", week.iso(2, 40_000))
        .expect("writing to a String never fails");
    out
}

/// The flood as an analyst wrote it up, for those who may be next.
fn misp(week: &Week, cameras: &[Camera], controllers: &Controllers, dice: &mut Dice) -> String {
    let written = week.next_morning(FLOOD_DAY, 560).as_second();
    let mut attributes = Vec::new();
    let mut add = |kind: &str, category: &str, detect: bool, value: &str, comment: &str, dice: &mut Dice| {
        attributes.push(format!(
            "{{\"uuid\": \"{}\", \"type\": \"{kind}\", \"category\": \"{category}\", \"to_ids\": {detect}, \"timestamp\": \"{written}\", \"distribution\": \"5\", \
             \"comment\": \"{comment}\", \"deleted\": false, \"disable_correlation\": false, \"value\": \"{value}\"}}",
            dice.uuid()
        ));
    };
    for c in controllers.by(FLOOD_DAY) {
        add("ip-dst|port", "Network activity", true, &format!("{}|{}", c.ip, c.port), "gives orders", dice);
        add("domain", "Network activity", true, &c.domain, "gives orders", dice);
        add("sha256", "Payload delivery", true, &Dice::new(c.id).hex(64), "bot, ARM", dice);
    }
    for camera in cameras.iter().filter(|camera| camera.days[FLOOD_DAY].is_some() && camera.noise > 4).take(60) {
        add("ip-src", "Network activity", false, &camera.ip.to_string(), "took part in the flood", dice);
    }
    add("url", "Payload delivery", true, "http://198.51.100.130/bins/demo.arm7", "where the bot is fetched from", dice);
    add("ip-dst", "Targeting data", false, &VICTIM.to_string(), "the bank that was flooded", dice);
    format!(
        "{{\"Event\": {{\"uuid\": \"{}\", \"info\": \"Camera botnet floods a bank\", \"date\": \"{}\", \"threat_level_id\": \"2\", \"analysis\": \"1\", \
         \"published\": true, \"timestamp\": \"{written}\", \"publish_timestamp\": \"{written}\", \"distribution\": \"2\", \
         \"Orgc\": {{\"name\": \"PARTNER-CSIRT\", \"uuid\": \"{}\"}}, \"Tag\": [{{\"name\": \"tlp:amber\", \"colour\": \"#FFC000\"}}, \
         {{\"name\": \"rsit:availability=\\\"ddos\\\"\", \"colour\": \"#54ff00\"}}], \"Attribute\": [\n{}\n], \"Object\": []}}}}\n",
        dice.uuid(),
        week.date(FLOOD_DAY),
        dice.uuid(),
        attributes.join(",\n")
    )
}

/// A breach in which addresses of our domains were found.
fn hibp(week: &Week) -> String {
    format!(
        "{{\"Domain\": \"kakuu-ginko.example\", \"DomainEmails\": [\"desk@kakuu-ginko.example\", \"press@kakuu-ginko.example\", \
         \"yamada@kakuu-ginko.example\"], \"Breach\": {{\"Name\": \"ParcelHold\", \"Title\": \"Parcel Hold\", \"Domain\": \"parcel-hold.example.net\", \
         \"BreachDate\": \"{}\", \"AddedDate\": \"{}\", \"ModifiedDate\": \"{}\", \"PwnCount\": 120345, \"Description\": \"An invented breach.\", \
         \"DataClasses\": [\"Email addresses\", \"Passwords\"], \"IsVerified\": true, \"IsFabricated\": false, \"IsSensitive\": false, \"IsRetired\": false, \
         \"IsSpamList\": false}}}}\n",
        week.date(0),
        week.iso(4, 36_000),
        week.iso(4, 36_000)
    )
}
