//! A pattern, NUL, observations as JSON: an index says what the pattern says.
#![cfg_attr(feature = "run", no_main)]

use formats::stix_pattern::{Index, Observation, Pattern, Program};
use serde_json::Value;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let Some(nul) = input.iter().position(|byte| *byte == 0) else { return };
    let Ok(pattern) = std::str::from_utf8(&input[..nul]).map(Pattern::parse) else { return };
    let (Ok(pattern), Ok(Value::Array(values))) = (pattern, serde_json::from_slice(&input[nul + 1..])) else { return };
    let (Ok(program), mut index) = (Program::new(&pattern), Index::new()) else { return };
    let slot = index.add(&pattern).expect("a pattern that can be asked");
    let observations =
        Observation::read(&values).ok().filter(|read| !read.is_empty()).unwrap_or_else(|| vec![Observation::of_objects(&values)]);
    assert_eq!(index.matches(&observations).matched.contains(&slot), program.matches(&observations) == Ok(true));
});
