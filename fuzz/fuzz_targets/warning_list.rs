//! Warning lists: whatever is read can be compiled and asked, and every entry that cannot be is named.
#![cfg_attr(feature = "run", no_main)]

use casework::indicate::class::Classes;
use casework::indicate::warning::{Compiler, Kinds};
use formats::warning_list::{Matching, read_json, read_text};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let lists = Matching::ALL.into_iter().map(|matching| read_text(input, matching)).chain([read_json(input)]);
    let mut compiler = Compiler::new(Classes::default());
    for (number, list) in lists.flatten().enumerate() {
        assert!(list.set_aside.iter().all(|aside| !aside.reason.is_empty()));
        let _ = compiler.add(&number.to_string(), &list);
    }
    let Ok(warnings) = compiler.finish() else { return };
    let mut hits = Vec::new();
    let text = String::from_utf8_lossy(input);
    for value in text.lines().take(20).chain(["192.0.2.1", "http://www.example.com/a", ""]) {
        warnings.look_up(Kinds::ALL, value, &mut hits);
        hits.iter().for_each(|hit| assert!(!warnings.explain(*hit).is_empty()));
    }
});
