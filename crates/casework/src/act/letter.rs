//! How does a notice read?
//!
//! A letter is a template filled with what is told; users may edit the template, and what was seen was written by
//! strangers. So a template runs with fuel and a bounded output, values are text and never template, and the subject line is
//! put together here: no header is ever a template.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Text};
use super::problem::Problem;
use crate::model::event::Country;
use crate::model::party::Language;

/// Instructions a template may use, and bytes it may write.
const FUEL: u64 = 500_000;
const LONGEST: usize = 256 << 10;
/// Lines of the worst cases in the letter itself.
const WORST: usize = 10;

/// As what a party is told.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Runs the network, the host or the domain.
    Operator,
    /// Makes the product.
    Maker,
    /// Nobody nearer is known.
    NationalCsirt,
    /// Those nearer were told, and nothing changed.
    NextInLine,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Operator, Self::Maker, Self::NationalCsirt, Self::NextInLine];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Maker => "maker",
            Self::NationalCsirt => "national-csirt",
            Self::NextInLine => "next-in-line",
        }
    }

    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    fn name(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Operator | Self::NextInLine, Language::En) => "security and abuse team",
            (Self::Maker, Language::En) => "product security team",
            (Self::NationalCsirt, Language::En) => "national CSIRT",
            (Self::Operator | Self::NextInLine, Language::Ja) => "セキュリティ・不正利用対応ご担当者",
            (Self::Maker, Language::Ja) => "製品セキュリティご担当者",
            (Self::NationalCsirt, Language::Ja) => "ナショナルCSIRTご担当者",
        }
    }
}

/// All that a letter is about.
#[derive(Clone, Copy, Debug)]
pub struct Matter<'a> {
    /// The notice's number, shown and found again in the subject.
    pub notice: &'a str,
    pub language: Language,
    pub role: Role,
    pub problem: Problem,
    pub party: &'a str,
    /// For the zone in which times are shown.
    pub nation: Option<Country>,
    pub us: &'a str,
    pub our_address: &'a str,
    /// Worst first.
    pub findings: &'a [Finding],
    /// File names.
    pub attachments: &'a [String],
    /// What the recipient may do with it: sentences.
    pub terms: &'a [String],
    pub answer_by: Timestamp,
    /// A page on which it is answered without an account.
    pub answer_at: Option<&'a str>,
}

/// A letter, ready to be put into a mail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Letter {
    /// One line of plain text.
    pub subject: String,
    pub body: String,
}

/// Why a letter cannot be written, or a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    #[error("template {name}: {message}")]
    Template { name: String, message: String },
    #[error("template {name}: there is no value {value:?}; a letter has {}", NAMES.join(", "))]
    Unknown { name: String, value: String },
    #[error("problem texts: {0}")]
    Texts(String),
    #[error("no template is named {0:?}: a template is named `LANGUAGE` or `PROBLEM.LANGUAGE`, for example `ja` or `compromised.en`")]
    Name(String),
}

/// What a template may use.
pub const NAMES: [&str; 19] = [
    "notice",
    "role",
    "role_name",
    "party",
    "us",
    "problem",
    "count",
    "first_seen",
    "last_seen",
    "zone",
    "worst",
    "attachments",
    "terms",
    "answer_by",
    "answer_at",
    "passed_on",
    "loop",
    "step",
    "line",
];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    one: String,
    many: String,
    why: String,
    steps: Vec<String>,
}

/// The templates and words in use.
#[derive(Debug)]
pub struct Letters {
    templates: Environment<'static>,
    words: BTreeMap<String, BTreeMap<String, Words>>,
}

#[derive(Serialize)]
struct Values<'a> {
    notice: &'a str,
    role: &'static str,
    role_name: &'static str,
    party: Named<'a>,
    us: Named<'a>,
    problem: ProblemWords<'a>,
    count: Count,
    first_seen: String,
    last_seen: String,
    zone: String,
    worst: Vec<Line>,
    attachments: &'a [String],
    terms: &'a [String],
    answer_by: String,
    answer_at: Option<&'a str>,
    passed_on: Option<PassedOn>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    address: &'a str,
}

#[derive(Serialize)]
struct ProblemWords<'a> {
    kind: &'static str,
    name: &'a str,
    why: &'a str,
    steps: &'a [String],
}

#[derive(Serialize)]
struct Count {
    findings: usize,
    events: u64,
}

#[derive(Serialize)]
struct Line {
    subject: String,
    port: Option<u16>,
    what: String,
    events: u32,
    last_seen: String,
}

#[derive(Serialize)]
struct PassedOn {
    told: String,
}

impl Letters {
    /// The templates that come with the program, with those of the user in their place.
    ///
    /// `own` gives name and text: `en`, `ja` for all problems, `compromised.ja` for one.
    ///
    /// # Errors
    /// Names the template and what is wrong with it.
    pub fn new(own: &[(String, String)]) -> Result<Self, LetterError> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_fuel(Some(FUEL));
        templates.set_recursion_limit(50);
        templates.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        let words = toml::from_str(include_str!("letters/problems.toml")).map_err(|error| LetterError::Texts(error.to_string()))?;
        let mut letters = Self { templates, words };
        letters.add("en", include_str!("letters/en.txt"))?;
        letters.add("ja", include_str!("letters/ja.txt"))?;
        for (name, text) in own {
            let language = match name.rsplit_once('.') {
                Some((problem, language)) if Problem::read(problem).is_some() => language,
                Some(_) => return Err(LetterError::Name(name.clone())),
                None => name,
            };
            Language::read(language).ok_or_else(|| LetterError::Name(name.clone()))?;
            letters.add(name, text)?;
        }
        Ok(letters)
    }

    fn add(&mut self, name: &str, text: &str) -> Result<(), LetterError> {
        let wrong = |error: minijinja::Error| LetterError::Template { name: name.to_owned(), message: told(&error) };
        self.templates.add_template_owned(name.to_owned(), text.to_owned()).map_err(wrong)?;
        let template = self.templates.get_template(name).map_err(wrong)?;
        match template.undeclared_variables(false).into_iter().find(|used| !NAMES.contains(&used.as_str())) {
            Some(value) => Err(LetterError::Unknown { name: name.to_owned(), value }),
            None => Ok(()),
        }
    }

    /// The text of a template that is in use.
    pub fn template(&self, name: &str) -> Option<String> {
        self.templates.get_template(name).ok().map(|template| template.source().to_owned())
    }

    /// Writes a letter.
    ///
    /// # Errors
    /// When the template fails, needs too much fuel or writes too much.
    pub fn write(&self, matter: &Matter<'_>) -> Result<Letter, LetterError> {
        let language = matter.language;
        let special = format!("{}.{}", matter.problem.as_str(), language.as_str());
        let template = self.templates.get_template(&special).or_else(|_| self.templates.get_template(language.as_str()));
        let wrong = |error: minijinja::Error| LetterError::Template { name: language.as_str().to_owned(), message: told(&error) };
        let template = template.map_err(wrong)?;
        let words = self
            .words
            .get(matter.problem.as_str())
            .and_then(|words| words.get(language.as_str()))
            .ok_or_else(|| LetterError::Texts(format!("there are none for {special}")))?;
        let values = values(matter, words);
        let mut out = Bounded(Vec::with_capacity(4096));
        template.render_captured_to(Serde(&values), &mut out).map_err(wrong)?;
        out.0.push(b'\n');
        Ok(Letter { subject: subject(matter, words), body: plain(&String::from_utf8_lossy(&out.0), true) })
    }
}

/// Everything the engine says, with the line.
fn told(error: &minijinja::Error) -> String {
    match (error.line(), error.detail()) {
        (Some(line), Some(detail)) => format!("line {line}: {}: {detail}", error.kind()),
        (Some(line), None) => format!("line {line}: {}", error.kind()),
        (None, _) => error.to_string(),
    }
}

struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::Error::other("the letter grows longer than 256 KiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn values<'a>(matter: &Matter<'a>, words: &'a Words) -> Values<'a> {
    let zone = super::office::zone(matter.nation);
    let shown = |at: Timestamp| at.to_zoned(zone.clone());
    let micros = |at: i64| Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
    let time = |at: i64| shown(micros(at)).strftime("%Y-%m-%d %H:%M").to_string();
    let date = |at: Timestamp| match matter.language {
        Language::En => shown(at).strftime("%-d %B %Y").to_string(),
        Language::Ja => shown(at).strftime("%Y年%-m月%-d日").to_string(),
    };
    let findings = matter.findings;
    let first = findings.iter().map(|f| f.first_seen).min().unwrap_or_default();
    let last = findings.iter().map(|f| f.last_seen).max().unwrap_or_default();
    let worst = findings.iter().take(WORST).map(|finding| Line {
        subject: cut(&plain(&finding.subject(), false), 200),
        port: finding.port,
        what: cut(&plain(finding.what(), false), 80),
        events: finding.events,
        last_seen: time(finding.last_seen),
    });
    Values {
        notice: matter.notice,
        role: matter.role.as_str(),
        role_name: matter.role.name(matter.language),
        party: Named { name: matter.party, address: "" },
        us: Named { name: matter.us, address: matter.our_address },
        problem: ProblemWords {
            kind: matter.problem.as_str(),
            name: if findings.len() == 1 { &words.one } else { &words.many },
            why: &words.why,
            steps: &words.steps,
        },
        count: Count { findings: findings.len(), events: findings.iter().map(|f| u64::from(f.events)).sum() },
        first_seen: time(first),
        last_seen: time(last),
        zone: zone_name(&shown(micros(last)).strftime("%Z").to_string()),
        worst: worst.collect(),
        attachments: matter.attachments,
        terms: matter.terms,
        answer_by: date(matter.answer_by),
        answer_at: matter.answer_at,
        passed_on: findings
            .iter()
            .filter_map(|f| f.told_before)
            .min()
            .map(|told| PassedOn { told: date(Timestamp::from_second(told).unwrap_or(Timestamp::UNIX_EPOCH)) }),
    }
}

/// Zones without a name of their own are called by their distance from UTC.
fn zone_name(name: &str) -> String {
    if name.starts_with(['+', '-']) { format!("UTC{name}") } else { name.to_owned() }
}

/// `[N-…] 12 infected systems: Example ISP`. One line, whatever the party is called.
fn subject(matter: &Matter<'_>, words: &Words) -> String {
    let count = matter.findings.len();
    let name = if count == 1 { &words.one } else { &words.many };
    let text = match matter.language {
        Language::En => format!("[{}] {count} {name}: {}", matter.notice, matter.party),
        Language::Ja => format!("[{}] {name} {count}件のお知らせ({} 様)", matter.notice, matter.party),
    };
    cut(&plain(&text, false), 180)
}

/// Text without control characters (line ends may stay), and without marks that turn the direction of writing.
fn plain(text: &str, lines: bool) -> String {
    let keep = |c: &char| {
        let turns =
            matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
        (lines && matches!(c, '\n' | '\t')) || (!c.is_control() && !turns)
    };
    text.chars().filter(keep).collect()
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A letter about made-up findings, to look at a template before it is used.
///
/// # Errors
/// As [`Letters::write`].
pub fn preview(letters: &Letters, problem: Problem, language: Language, role: Role) -> Result<Letter, LetterError> {
    let second = 1_780_000_000;
    let class = formats::rsit::Class::all().find(|class| Problem::of(*class) == Some(problem)).unwrap_or_default();
    let findings: Vec<Finding> = (0..12u8)
        .map(|n| {
            let mut finding = Finding {
                ip: Some(std::net::Ipv4Addr::new(192, 0, 2, n).into()),
                port: Some(23),
                class,
                events: 3,
                first_seen: (second - 86_400) * 1_000_000,
                last_seen: second * 1_000_000,
                told_before: (role == Role::NextInLine).then_some(second - 20 * 86_400),
                ..Finding::default()
            };
            if problem == Problem::Phishing {
                finding.texts[Text::Url as usize] = Some(format!("http://login.example/{n}").into());
            }
            finding
        })
        .collect();
    letters.write(&Matter {
        notice: "N-EXAMPLE",
        language,
        role,
        problem,
        party: "Example Networks",
        nation: Some(Country(if language == Language::Ja { *b"JP" } else { *b"GB" })),
        us: "Example CSIRT",
        our_address: "csirt@example.org",
        findings: &findings,
        attachments: &["findings.csv".to_owned(), "findings.xarf.json".to_owned()],
        terms: &["TLP:AMBER".to_owned()],
        answer_by: Timestamp::from_second(second + 7 * 86_400).unwrap_or(Timestamp::UNIX_EPOCH),
        answer_at: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &str, text: &str) -> Result<Letters, LetterError> {
        Letters::new(&[(name.to_owned(), text.to_owned())])
    }

    #[test]
    fn there_is_a_letter_for_every_problem_language_and_role() {
        let letters = Letters::new(&[]).expect("ours are right");
        for problem in Problem::ALL {
            for language in [Language::En, Language::Ja] {
                for role in Role::ALL {
                    let letter = preview(&letters, problem, language, role).expect("a letter");
                    assert!(letter.subject.contains("N-EXAMPLE") && !letter.body.contains("{{") && letter.body.contains("TLP:AMBER"));
                    assert!(!letter.body.contains("\n\n\n"), "gap in {problem:?} {language:?} {role:?}:\n{}", letter.body);
                    assert_eq!(letter.body.contains("still seen") || letter.body.contains("観測が続いて"), role == Role::NextInLine);
                }
            }
        }
    }

    #[test]
    fn a_name_can_neither_start_a_header_nor_a_template() {
        let letters = Letters::new(&[]).expect("ours are right");
        let evil = "Evil\r\nBcc: all@example.org\u{202e} {{ us.name }}";
        let finding = Finding { texts: std::array::from_fn(|_| Some("{{ 1/0 }}\r\nX: y".into())), events: 1, ..Finding::default() };
        let terms = ["{% include '/etc/passwd' %}".to_owned()];
        let matter = Matter {
            notice: "N-1",
            language: Language::En,
            role: Role::Operator,
            problem: Problem::Phishing,
            party: evil,
            nation: None,
            us: "Us",
            our_address: "us@example.org",
            findings: &[finding],
            attachments: &[],
            terms: &terms,
            answer_by: Timestamp::UNIX_EPOCH,
            answer_at: None,
        };
        let letter = letters.write(&matter).expect("a letter");
        assert_eq!(letter.subject.chars().filter(|c| c.is_control() || *c == '\u{202e}').count(), 0);
        assert!(letter.body.contains("{{ us.name }}") && letter.body.contains("{{ 1/0 }}X: y") && letter.body.contains("{% include"));
    }

    #[test]
    fn a_template_that_would_never_end_or_fills_the_memory_is_stopped() {
        for bomb in [
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
            "{{ 'x' * 4000000000 }}",
            "{{ range(999999999) }}",
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            "{% include '/etc/passwd' %}",
            "{% for s in problem.steps %}{{ ('y' * 100000) }}{{ ('y' * 100000) }}{{ ('y' * 100000) }}{% endfor %}",
        ] {
            let result = own("en", bomb).and_then(|letters| preview(&letters, Problem::Compromised, Language::En, Role::Operator));
            assert!(matches!(result, Err(LetterError::Template { .. } | LetterError::Unknown { .. })), "{bomb}");
        }
    }

    #[test]
    fn a_mistake_in_a_template_is_found_when_it_is_saved() {
        let message = |name, text| own(name, text).expect_err("a mistake").to_string();
        assert!(message("en", "line\n{{ party.name ").contains("line 2"));
        assert!(message("compromised.ja", "{{ prty.name }}").contains("prty"));
        assert!(message("nonsense.ja", "").contains("nonsense.ja"));
        assert!(own("compromised.ja", "{{ party.name }}").is_ok());
    }
}
