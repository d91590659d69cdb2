//! Is every source fuzzed? The fuzz workspace names each target twice: as a file and in its manifest.
#![allow(clippy::disallowed_methods, reason = "the targets are files")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use casework::observe::sources::SOURCES;

#[test]
fn every_source_has_a_fuzz_target_and_every_fuzz_target_is_in_the_manifest() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let files: BTreeSet<String> = fs::read_dir(fuzz.join("fuzz_targets"))
        .expect("the fuzz targets are beside the crates")
        .map(|file| file.unwrap().file_name().to_string_lossy().trim_end_matches(".rs").to_owned())
        .collect();
    let manifest: toml::Table = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap().parse().unwrap();
    let bins = manifest["bin"].as_array().expect("a list of targets");
    let is_target =
        |bin: &&toml::Value| bin.get("path").and_then(toml::Value::as_str).is_some_and(|path| path.starts_with("fuzz_targets/"));
    let named: BTreeSet<String> = bins.iter().filter(is_target).filter_map(|bin| Some(bin.get("name")?.as_str()?.to_owned())).collect();
    assert_eq!(files, named);
    // And in the program that holds them all.
    let every = fs::read_to_string(fuzz.join("src/every.rs")).unwrap();
    for name in &named {
        assert!(
            every.contains(&format!("mod {name};")) && every.contains(&format!("(\"{name}\", {name}::target)")),
            "add {name} to fuzz/src/every.rs"
        );
    }
    for source in SOURCES {
        let target = format!("source_{}", source.name().replace('-', "_"));
        assert!(named.contains(&target), "add fuzz/fuzz_targets/{target}.rs");
        let text = fs::read_to_string(fuzz.join(format!("fuzz_targets/{target}.rs"))).unwrap();
        assert!(text.contains(&format!("source!({:?})", source.name())), "{target} reads another source");
    }
}
