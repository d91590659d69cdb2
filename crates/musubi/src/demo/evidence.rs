//! What lies in the inbox of a CSIRT after a bad week? Files and mails as their publishers write them, with an invented story in them.
//!
//! Cameras and recorders in ten countries are infected with Mirai; each day there are more. Sinkholes, honeypots, a darknet and scans see
//! them; on the fifth day they flood a bank; on the sixth their providers are told, many owners act, some devices are found again. Around
//! it is what is always there: phishing, command-and-control lists, open services, complaints, a breach notice. Some of it comes twice,
//! some rows are broken, one report type and one column are new: as in real life.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::world::{DAYS, Dice, cameras};
use super::{feeds, packing, shadowserver};

/// A file as it was received.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    /// File name; for plain lists, which say nothing of themselves, the address where such a list is published.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// The feed to name on ingest, where the file itself does not say.
    pub(crate) feed: Option<&'static str>,
    /// The marking under which it was given; `None` when the content carries its own or none at all.
    pub(crate) tlp: Option<&'static str>,
    pub(crate) received: Timestamp,
}

/// The evidence that arrived in the seven days up to and including `ending`, in order of arrival. It tells of the seven days before it.
///
/// The same date gives the same bytes.
pub(crate) fn week(ending: Date) -> Vec<Evidence> {
    let mut evidence: Vec<Evidence> = drafts(ending).into_iter().map(Draft::pack).collect();
    evidence.sort_by(|a, b| (a.received, &a.name).cmp(&(b.received, &b.name)));
    evidence
}

fn drafts(ending: Date) -> Vec<Draft> {
    let mut dice = Dice::new(0x6d75_7375_6269);
    let week = Week { first: ending.saturating_sub(7.days()) };
    let cameras = cameras(&mut dice);
    let mut drafts = shadowserver::reports(&week, &cameras, &mut dice);
    drafts.extend(feeds::feeds(&week, &cameras, &mut dice));
    drafts
}

/// A file before it is put into what it travels in.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) packing: Packing,
    pub(crate) feed: Option<&'static str>,
    pub(crate) tlp: Option<&'static str>,
    pub(crate) received: Timestamp,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    /// A zip attached to a mail, as Shadowserver delivers.
    ZippedMail,
}

impl Draft {
    fn pack(self) -> Evidence {
        let Self { name, text, packing, feed, tlp, received } = self;
        let (name, bytes) = match packing {
            Packing::Plain => (name, text.into_bytes()),
            Packing::Gzip => (name + ".gz", packing::gzip(text.as_bytes())),
            Packing::ZippedMail => {
                let stem = name.strip_suffix(".csv").unwrap_or(&name);
                let mail = packing::Mail {
                    from: "Report robot <autoreports@shadowserver.example>",
                    to: "reports@csirt.example",
                    subject: &format!("[Reports] {stem}"),
                    date: &mail_date(received),
                    text: "The report of the day is attached. It may be used to protect the networks it names (TLP:AMBER).",
                    file_name: &format!("{stem}.zip"),
                    media_type: "application/zip",
                    attachment: &packing::zip(&name, text.as_bytes()),
                };
                (format!("{stem}.eml"), mail.write())
            }
        };
        Evidence { name, bytes, feed, tlp, received }
    }
}

/// The seven days that the evidence tells of.
#[derive(Debug)]
pub(crate) struct Week {
    first: Date,
}

impl Week {
    fn day(&self, day: usize) -> Date {
        self.first.saturating_add((day.min(DAYS) as i64).days())
    }

    /// `2026-03-23`
    pub(crate) fn date(&self, day: usize) -> String {
        self.day(day).to_string()
    }

    /// `2026-03-23 17:04:59`, in UTC, as most publishers write it.
    pub(crate) fn time(&self, day: usize, second: u32) -> String {
        format!("{} {:02}:{:02}:{:02}", self.day(day), second / 3600, second / 60 % 60, second % 60)
    }

    /// `2026-03-23T17:04:59Z`
    pub(crate) fn iso(&self, day: usize, second: u32) -> String {
        self.time(day, second).replace(' ', "T") + "Z"
    }

    /// Reports on a day come the morning after, so many minutes after midnight UTC.
    pub(crate) fn next_morning(&self, day: usize, minute: i64) -> Timestamp {
        let morning = self.day(day + 1).to_zoned(TimeZone::UTC).expect("every civil day has a midnight in UTC");
        morning.timestamp() + minute.minutes()
    }
}

/// `Mon, 23 Mar 2026 06:12:00 +0000`
pub(crate) fn mail_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::sync::LazyLock;

    use jiff::civil::date;

    use super::*;

    const ENDING: Date = date(2026, 3, 29);

    /// Name and content of each file before it is packed.
    fn all_texts() -> &'static [(String, String)] {
        static TEXTS: LazyLock<Vec<(String, String)>> =
            LazyLock::new(|| drafts(ENDING).into_iter().map(|draft| (draft.name, draft.text)).collect());
        &TEXTS
    }

    #[test]
    fn the_same_date_gives_the_same_bytes() {
        let sum = || {
            let mut hasher = DefaultHasher::new();
            for file in week(ENDING) {
                (file.name, file.bytes, file.received).hash(&mut hasher);
            }
            hasher.finish()
        };
        assert_eq!(sum(), sum());
    }

    #[test]
    fn another_date_moves_the_story_and_changes_nothing_else() {
        let other = week(date(2024, 3, 1));
        assert_eq!(other.len(), all_texts().len());
        assert!(other[0].name.contains("2024-02-2") || other.iter().any(|file| file.name.starts_with("2024-02-29")), "across a leap day");
    }

    #[test]
    fn every_file_has_content_a_name_of_its_own_and_came_within_the_week() {
        let files = week(ENDING);
        let mut names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1] || pair[0].contains('/')), "only published lists keep their name");
        for file in &files {
            assert!(!file.bytes.is_empty(), "{}", file.name);
            assert!(file.received >= "2026-03-23T00:00:00Z".parse().expect("a time"), "{}", file.name);
            assert!(file.received < "2026-03-30T00:00:00Z".parse().expect("a time"), "{}", file.name);
        }
        let size: usize = files.iter().map(|file| file.bytes.len()).sum();
        assert!((5_000_000..25_000_000).contains(&size), "{size} bytes");
    }

    #[test]
    fn there_are_as_many_rows_as_a_first_look_can_bear() {
        let mut rows = 0;
        for (name, text) in all_texts() {
            rows += match name.rsplit('.').next() {
                Some("csv") => text.lines().filter(|line| !line.starts_with('#')).count() - 1,
                Some("txt" | "jsonl") => text.lines().filter(|line| !line.starts_with([';', '#'])).count(),
                _ => 1,
            };
        }
        assert!((30_000..=60_000).contains(&rows), "{rows}");
    }

    #[test]
    fn about_a_tenth_of_all_rows_comes_twice() {
        let reports = all_texts().iter().filter(|(name, _)| name.ends_with(".csv"));
        let mut lines: Vec<&str> = reports.flat_map(|(_, text)| text.lines().skip(1)).collect();
        let all = lines.len();
        lines.sort_unstable();
        lines.dedup();
        let repeated = (all - lines.len()) * 100 / all;
        assert!((8..=15).contains(&repeated), "{repeated} % of {all}");
    }

    /// The characters that `keep` accepts, as words.
    fn words(text: &str, keep: impl Fn(char) -> bool) -> impl Iterator<Item = &str> {
        text.split(move |letter| !keep(letter)).filter(|word| !word.is_empty())
    }

    #[test]
    fn every_address_is_one_for_documentation_or_benchmarks() {
        let documentation = |ip: Ipv4Addr| {
            let [a, b, c, _] = ip.octets();
            matches!((a, b, c), (192, 0, 2) | (198, 51, 100) | (203, 0, 113) | (198, 18..=19, _))
        };
        for (name, text) in all_texts() {
            let mut found = 0;
            for word in words(text, |letter| letter.is_ascii_digit() || letter == '.') {
                if let Ok(ip) = word.trim_matches('.').parse::<Ipv4Addr>() {
                    assert!(documentation(ip), "{ip} in {name}");
                    found += 1;
                }
            }
            for word in words(text, |letter| letter.is_ascii_hexdigit() || letter == ':') {
                if let Ok(ip) = word.parse::<Ipv6Addr>() {
                    assert_eq!((ip.segments()[0], ip.segments()[1]), (0x2001, 0xdb8), "{ip} in {name}");
                    found += 1;
                }
            }
            assert!(found > 0 || name.contains("phish") || name.contains("hibp"), "{name} has no address at all");
        }
    }

    #[test]
    fn every_domain_is_one_for_documentation() {
        /// What also has dots: file names, and keys of event formats.
        const FILES: [&str; 18] = [
            "csv", "zip", "gz", "json", "jsonl", "txt", "php", "html", "xml", "exe", "eml", "arm7", "mpsl", "png", "js", "sh", "cgi", "jpg",
        ];
        const KEYS: [&str; 9] =
            ["source.", "destination.", "time.", "feed.", "classification.", "protocol.", "malware.", "extra.", "event_description."];
        /// Addresses where plain lists are published: the one thing that says what such a list is. Only in names of files.
        const LISTS: [&str; 2] = ["lists.blocklist.de/lists/", "openphish.com/feed.txt"];
        for (name, text) in all_texts() {
            if !LISTS.iter().any(|list| name.starts_with(list)) {
                assert!(!name.contains('/') && FILES.contains(&name.rsplit('.').next().unwrap_or_default()), "{name}");
            }
            for word in words(text, |letter| letter.is_ascii_alphanumeric() || "._-".contains(letter)) {
                let word = word.trim_matches(['.', '-', '_']).to_ascii_lowercase();
                let Some((rest, last)) = word.rsplit_once('.') else { continue };
                if last.len() < 2 || !last.bytes().all(|byte| byte.is_ascii_alphabetic()) || KEYS.iter().any(|key| word.starts_with(key)) {
                    continue;
                }
                let second = rest.rsplit('.').next().unwrap_or_default();
                let reserved =
                    matches!(last, "example" | "test" | "invalid") || second == "example" && matches!(last, "com" | "net" | "org");
                let family = ["elf", "win"].contains(&rest); // Malpedia's names: elf.mirai
                assert!(reserved || FILES.contains(&last) || family, "{word} in {name}");
            }
        }
    }

    #[test]
    fn every_asn_in_a_column_of_asns_is_private() {
        for (name, text) in all_texts() {
            if !name.ends_with(".csv") {
                continue;
            }
            let header: Vec<&str> = text.lines().next().unwrap_or_default().split(',').collect();
            let places: Vec<usize> = (0..header.len())
                .filter(|n| header[*n].trim_matches('"').trim_start_matches("src_").trim_start_matches("dst_") == "asn")
                .collect();
            for line in text.lines().skip(1) {
                let cells = cells(line);
                for place in &places {
                    if let Some(asn) = cells.get(*place).and_then(|cell| cell.parse::<u32>().ok()) {
                        assert!((64_512..=65_534).contains(&asn) || asn >= 4_200_000_000, "AS {asn} in {name}");
                    }
                }
            }
        }
    }

    fn cells(line: &str) -> Vec<String> {
        let (mut cells, mut quoted) = (vec![String::new()], false);
        for letter in line.chars() {
            match letter {
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(String::new()),
                _ => cells.last_mut().expect("there is always one").push(letter),
            }
        }
        cells
    }

    #[test]
    fn rows_fit_their_header_except_the_one_that_was_cut() {
        for (name, text) in all_texts() {
            if name.contains("-region-geo") || name.contains("-asn") {
                let width = cells(text.lines().next().unwrap_or_default()).len();
                let odd = text.lines().filter(|line| cells(line).len() != width).count();
                assert!(odd <= 1, "{odd} rows of {name}");
            }
        }
    }

    #[test]
    fn the_flood_is_hundreds_of_cameras_against_one_address() {
        let floods: Vec<_> = all_texts().iter().filter(|(name, _)| name.contains("ddos_participant")).collect();
        assert_eq!(floods.len(), 1);
        let mut attackers: Vec<IpAddr> = Vec::new();
        for line in floods[0].1.lines().skip(1) {
            let cells = cells(line);
            attackers.push(cells[2].parse().expect("an address"));
            assert_eq!(cells[15], shadowserver::VICTIM.to_string());
        }
        attackers.sort_unstable();
        attackers.dedup();
        assert!(attackers.len() > 500, "{}", attackers.len());
    }
}
