//! Real reports of other people's feeds, with the events that IntelMQ 3.5 makes of them: we say the same, key by key.
//!
//! The reports lie outside the repository (`MUSUBI_SHARED`, or `shared` beside it); without them the test says so and passes.

#![expect(clippy::disallowed_methods, reason = "a test reads its samples from files")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use casework::model::event::Event;
use casework::observe::intelmq::to_intelmq;
use casework::observe::mapping::Mapping;
use casework::observe::{Context, Drift, Head, Knowledge, Position, Sink, Stop, sources};
use serde_json::{Map, Value};

/// Feeds whose reports are lines, tables or pages; the others are JSON and have their own test.
const FEEDS: &[&str] = &[
    "alienvault/test_parser.T",
    "bambenek",
    "blocklistde",
    "cert_eu",
    "ci_army",
    "cleanmx",
    "dataplane",
    "dshield",
    "generic",
    "malwareurl",
    "netlab_360",
    "spamhaus",
    "sucuri",
    "surbl",
    "turris",
    "vxvault",
    "webinspektor",
    "zoneh",
];

/// What an analyst knows of a report that the test case does not name: where it comes from.
const ORIGINS: &[(&str, &str)] = &[("ci_army", "https://cinsscore.com/list/ci-badguys.txt")];

/// A difference that is meant: key, what is expected there, what we say, and why.
struct Difference {
    key: &'static str,
    expected: &'static str,
    ours: &'static str,
    #[expect(dead_code, reason = "it is for who reads this")]
    reason: &'static str,
}

const NOT_RSIT: &str = "not a type of RSIT v1003: the type is other, the word becomes the identifier";

const DIFFERENCES: &[Difference] = &[
    Difference { key: "classification.type", expected: "\"blacklist\"", ours: "\"other\"", reason: NOT_RSIT },
    Difference { key: "classification.type", expected: "\"dga-domain\"", ours: "\"other\"", reason: NOT_RSIT },
    Difference { key: "classification.type", expected: "\"proxy\"", ours: "\"other\"", reason: NOT_RSIT },
];

#[derive(Default)]
struct Seen {
    events: Vec<Map<String, Value>>,
    rejections: Vec<(u64, String)>,
}

impl Sink for Seen {
    fn event(&mut self, _at: Position, event: &mut Event<'_>) -> Result<(), Stop> {
        self.events.push(to_intelmq(event));
        Ok(())
    }

    fn reject(&mut self, at: Position, reason: String) -> Result<(), Stop> {
        self.rejections.push((at.row, reason));
        Ok(())
    }

    fn drift(&mut self, _drift: Drift) {}
}

fn shared() -> Option<PathBuf> {
    let named = std::env::var_os("MUSUBI_SHARED").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let reports = named.into_iter().chain([beside]).map(|shared| shared.join("data/reports"));
    let found = reports.into_iter().find(|reports| reports.join("feeds").is_dir());
    if found.is_none() {
        eprintln!("skipped: no real reports here; MUSUBI_SHARED names the folder that has data/reports");
    }
    found
}

#[test]
fn no_general_reader_takes_a_real_report_of_shadowserver() {
    let Some(reports) = shared() else { return };
    for file in std::fs::read_dir(reports.join("shadowserver")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            let bytes = std::fs::read(&path).unwrap();
            let name = format!("2026-03-23-{}", path.file_name().unwrap().to_string_lossy());
            let head = Head { name: &name, bytes: &bytes[..bytes.len().min(65_536)], whole: bytes.len() <= 65_536, media_type: None };
            let source = sources::recognise(&head, &Knowledge::default()).map(|source| source.name());
            assert_eq!(source, Some("shadowserver"), "{name}");
        }
    }
}

#[test]
fn real_reports_give_the_events_that_are_expected_of_them() {
    let Some(feeds) = shared().map(|reports| reports.join("feeds")) else { return };
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for folder in std::fs::read_dir(&feeds).unwrap() {
        let folder = folder.unwrap().path();
        for file in std::fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            files.push((file.strip_prefix(&feeds).unwrap().to_string_lossy().into_owned(), file));
        }
    }
    files.sort();
    let mut complaints = Vec::new();
    let mut compared = 0;
    for feed in FEEDS {
        assert!(files.iter().any(|(name, _)| name.starts_with(feed)), "no reports of {feed}");
    }
    for (name, path) in files.iter().filter(|(name, _)| FEEDS.iter().any(|feed| name.starts_with(feed))) {
        let suite: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for case in suite["cases"].as_array().unwrap() {
            for run in case["runs"].as_array().unwrap() {
                let title = format!("{name} {}", case["test"].as_str().unwrap().rsplit('.').next().unwrap());
                compared += check(name, &title, run, &mut complaints);
            }
        }
    }
    assert!(complaints.is_empty(), "{} differences:\n{}", complaints.len(), complaints.join("\n"));
    assert!(compared > 100, "only {compared} events compared");
}

/// Reads one report and compares its events; gives how many.
fn check(file: &str, title: &str, run: &Value, complaints: &mut Vec<String>) -> usize {
    let expected: Vec<&Map<String, Value>> =
        run["output"].as_object().unwrap().values().flat_map(|list| list.as_array().unwrap()).map(|e| e.as_object().unwrap()).collect();
    let mut seen = Seen::default();
    for input in run["input"].as_array().unwrap() {
        let raw = input["raw"].as_str().unwrap_or_default();
        let origin = ORIGINS.iter().find(|(feed, _)| file.starts_with(feed)).map(|(_, origin)| *origin);
        let name = input["feed.url"].as_str().or(origin).or(input["feed.name"].as_str()).unwrap_or("report");
        let mut knowledge = Knowledge::default();
        if file.starts_with("generic") {
            knowledge.mappings.push(mapping(&run["parameters"]));
        }
        let bytes = raw.as_bytes();
        let head = Head { name, bytes: &bytes[..bytes.len().min(65_536)], whole: bytes.len() <= 65_536, media_type: None };
        let Some(source) = sources::recognise(&head, &knowledge) else {
            complaints.push(format!("{title}: no source knows {name}"));
            continue;
        };
        let own = file.split(['/', '_']).next().unwrap();
        let of_the_feed = match own {
            "ci" => "cins",
            "generic" => "csv-mapping",
            "zoneh" => "zone-h",
            "blocklistde" => "blocklist-de",
            "cert" => "cert-eu",
            "netlab" => "netlab-360",
            "webinspektor" => "webinspector",
            own => own,
        };
        if !source.name().starts_with(of_the_feed) {
            complaints.push(format!("{title}: claimed by {}", source.name()));
        }
        let context = Context { head, feed: None, received: "2026-11-23T00:00:00Z".parse().unwrap(), knowledge: &knowledge };
        if let Err(error) = source.read(&mut &bytes[..], &context, &mut seen) {
            complaints.push(format!("{title}: {error}"));
        }
    }
    if seen.events.len() != expected.len() {
        complaints.push(format!(
            "{title}: {} events where {} are expected; rejected: {:?}",
            seen.events.len(),
            expected.len(),
            seen.rejections
        ));
    }
    for (at, (ours, theirs)) in seen.events.iter().zip(&expected).enumerate() {
        for (key, want) in theirs.iter().filter(|(key, _)| compares(key)) {
            let got = ours.get(key.as_str());
            if got == Some(want) || (number(want).is_some() && got.and_then(number) == number(want)) {
                continue;
            }
            let got = got.map(Value::to_string).unwrap_or_default();
            let wanted = want.to_string();
            let meant = DIFFERENCES.iter().any(|d| d.key == key && d.expected == wanted && d.ours == got);
            if !meant {
                complaints.push(format!("{title} event {}: {key} is {got:?} where {want} is expected", at + 1));
            }
        }
    }
    expected.len()
}

/// Keys that say what was seen, not where the harness had it from.
fn compares(key: &str) -> bool {
    !(key.starts_with("feed.") || key.starts_with("__") || matches!(key, "raw" | "time.observation"))
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64()
}

/// IntelMQ's parameters of its generic CSV parser as a mapping file.
fn mapping(parameters: &Value) -> Mapping {
    Mapping::read("case.toml", &mapping_toml(parameters)).unwrap_or_else(|error| panic!("{error}\n{}", mapping_toml(parameters)))
}

fn mapping_toml(parameters: &Value) -> String {
    let text = |value: &Value| Value::from(value.as_str().unwrap_or_default()).to_string();
    let object = |key: &str| -> BTreeMap<String, Value> {
        match &parameters[key] {
            Value::String(text) if !text.is_empty() => serde_json::from_str(text).unwrap(),
            Value::Object(object) => object.clone().into_iter().collect(),
            _ => BTreeMap::new(),
        }
    };
    let names: Vec<String> = match &parameters["columns"] {
        Value::String(list) => list.split(',').map(|name| name.trim().to_owned()).collect(),
        list => list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
    };
    let (regexes, kinds) = (object("column_regex_search"), object("data_type"));
    let columns: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            if name == "__IGNORE__" {
                return "\"\"".to_owned();
            }
            let mut spec = vec![format!("to = {}", Value::from(name.as_str()))];
            if let Some(regex) = regexes.get(name) {
                spec.push(format!("match = {}", text(regex)));
            }
            if kinds.get(name).is_some_and(|kind| kind == "json") {
                spec.push("json = true".to_owned());
            }
            if parameters["time_format"] == "windows_nt" && name == "time.source" {
                spec.push("time = \"windows-nt\"".to_owned());
            }
            // IntelMQ rejects a row for any value that it cannot read, unless told otherwise
            if parameters["columns_required"].get(at).is_none_or(|required| required == true) {
                spec.push("strict = true".to_owned());
            }
            format!("{{ {} }}", spec.join(", "))
        })
        .collect();
    let mut toml = format!("name = \"generic\"\ncolumns = [{}]\n", columns.join(", "));
    if let Some(prefix) = parameters["default_url_protocol"].as_str() {
        toml += &format!("url_prefix = {}\n", Value::from(prefix));
    }
    toml += "[recognise]\nfile = \"*\"\n[layout]\ncomment = \"#\"\n";
    if let Some(delimiter) = parameters["delimiter"].as_str() {
        toml += &format!("delimiter = {}\n", Value::from(delimiter));
    }
    let skip = match &parameters["skip_header"] {
        Value::Bool(true) => 1,
        Value::Number(lines) => lines.as_u64().unwrap(),
        _ => 0,
    };
    toml += &format!("skip = {skip}\n");
    let filter = parameters["filter_text"].as_str().unwrap_or_default();
    if !filter.is_empty() {
        let kind = if parameters["filter_type"] == "whitelist" { "keep" } else { "drop" };
        toml += &format!("[[filter]]\n{kind} = {}\n", Value::from(filter));
    }
    let mut defaults = object("default_fields");
    if let Some(type_) = parameters["type"].as_str() {
        defaults.insert("classification.type".to_owned(), type_.into());
    }
    for (table, values) in [("defaults", defaults), ("types", object("type_translation"))] {
        toml += &format!("[{table}]\n");
        for (key, value) in values {
            toml += &format!("{} = {}\n", Value::from(key), text(&value));
        }
    }
    toml += "[compose]\n";
    for (key, template) in object("compose_fields") {
        // IntelMQ counts columns from 0
        let template =
            (0..names.len()).fold(template.as_str().unwrap().to_owned(), |t, n| t.replace(&format!("{{{n}}}"), &format!("{{#{}}}", n + 1)));
        let template = template.replace("{#", "{");
        toml += &format!("{} = {}\n", Value::from(key), Value::from(template));
    }
    toml
}
