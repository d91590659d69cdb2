//! Mapping files, and reports read by whatever mapping came out: `mapping NUL report`.
#![cfg_attr(feature = "run", no_main)]

use casework::observe::Knowledge;
use casework::observe::mapping::Mapping;
use casework::observe::mapping_explain::explain;
use casework::observe::sources::SOURCES;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let at = input.iter().position(|&c| c == 0).unwrap_or(input.len());
    let Ok(text) = std::str::from_utf8(&input[..at]) else { return };
    let report = input.get(at + 1..).unwrap_or_default();
    match Mapping::read("m.toml", text) {
        Ok(mapping) => {
            let _ = explain(&mapping, &musubi_fuzz::head("report.csv", report), 20);
            let knowledge = Knowledge { mappings: vec![mapping], ..Knowledge::default() };
            let source = SOURCES.iter().find(|s| s.name() == "csv-mapping").expect("there is one");
            musubi_fuzz::read_with(*source, "report.csv", report, &knowledge);
        }
        Err(wrong) => assert!(wrong.to_string().starts_with("m.toml: ")),
    }
});
