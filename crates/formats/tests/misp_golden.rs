//! Every pair `testdata/misp-event/<case>.in.json` and `.out.json`: what is written of it, and the STIX that it becomes.
//! `MUSUBI_BLESS=1` writes the pairs anew.
#![allow(clippy::disallowed_methods, reason = "the pairs are files")]

use std::path::Path;

use formats::misp::list::Events;
use formats::misp::{Event, event, stix};
use serde_json::{Value, json};

#[test]
fn every_event_is_written_and_becomes_stix_as_its_pair_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/misp-event");
    let mut pairs = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(case) = path.to_string_lossy().strip_suffix(".in.json").map(str::to_owned) else { continue };
        let bytes = std::fs::read(&path).unwrap();
        let events = event::read_all(&bytes).unwrap();
        let written: Vec<Value> = events.iter().map(|one| serde_json::from_slice(&event::write(one)).unwrap()).collect();
        let found = json!({"written": written, "stix": events.iter().map(stix::to_bundle).collect::<Vec<_>>()});
        let output = format!("{case}.out.json");
        if std::env::var_os("MUSUBI_BLESS").is_some() {
            std::fs::write(&output, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
        }
        let wanted: Value = serde_json::from_slice(&std::fs::read(&output).unwrap()).unwrap();
        assert_eq!(found, wanted, "{}", path.display());

        // What is streamed is the same, and so is what comes back from STIX.
        let mut streamed = Events::new(&bytes[..]).unwrap();
        for one in &events {
            assert_eq!(&streamed.next().unwrap().unwrap(), one);
            let back = stix::from_bundle(&serde_json::to_vec(&stix::to_bundle(one)).unwrap()).unwrap();
            let (was, is): (Value, Value) =
                (serde_json::from_slice(&event::write(one)).unwrap(), serde_json::from_slice(&event::write(&back.event)).unwrap());
            assert_eq!(plain(was), plain(is), "{}", path.display());
        }
        assert!(streamed.next().is_none());
        pairs += 1;
    }
    assert_eq!(pairs, 2);
}

/// `to_ids` comes back from STIX as true or false, however it was written before.
fn plain(mut value: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(members) => {
                if let Some(to_ids) = members.get_mut("to_ids") {
                    *to_ids = (*to_ids == true || *to_ids == 1 || *to_ids == "1").into();
                }
                members.values_mut().for_each(walk);
            }
            Value::Array(list) => list.iter_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut value);
    value
}

#[test]
fn what_is_no_event_is_refused_and_does_not_harm() {
    for text in [
        "",
        "7",
        "{}",
        "[7]",
        r#"{"Event": 7}"#,
        r#"{"response": 7}"#,
        r#"{"errors": "x"}"#,
        r#"{"Event": {"Attribute": [7]}}"#,
        "{\"Event\": {",
    ] {
        assert!(event::read(text.as_bytes()).is_err(), "{text}");
    }
    // Nested as deep as it may be, and deeper.
    for depth in [20, 60, 1_000, 100_000] {
        let deep = r#"{"Attribute":[{"event":0,"Event":"#.repeat(depth);
        assert!(event::read(deep.as_bytes()).is_err());
        let unknown = format!("{{\"Event\": {{\"x\": {}}}}}", "[".repeat(depth));
        assert!(event::read(unknown.as_bytes()).is_err());
    }
    let many: Vec<String> = (0..300).map(|n| format!("\"k{n}\": 1")).collect();
    let error = event::read(format!("{{\"Event\": {{{}}}}}", many.join(",")).as_bytes()).unwrap_err();
    assert!(error.to_string().contains("k256"), "{error}");
}

#[test]
fn the_last_of_two_equal_keys_counts_and_a_field_that_is_set_is_what_is_written() {
    let mut one = event::read(br#"{"Event": {"info": null, "info": "a", "info": "b", "Tag": [], "odd": 1, "odd": 2}}"#).unwrap();
    assert_eq!(one.info.as_deref(), Some("b"));
    assert_eq!(event::write(&one), br#"{"Event":{"info":"b","Tag":[],"odd":2}}"#);
    one.tags.push(event::Tag::named("tlp:red"));
    assert_eq!(event::write(&one), br#"{"Event":{"info":"b","Tag":[{"name":"tlp:red"}],"odd":2}}"#);
    assert_eq!(event::read(b"{\"info\": \"x\"}").unwrap(), Event { info: Some("x".into()), ..Event::default() });
}
