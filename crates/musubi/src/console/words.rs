//! What the console says, in English and Japanese: Fluent files under `words/`, one a page, read when the program starts.
//!
//! Fluent is given finished texts for numbers and times; beside a shown number goes a plain one where the plural depends on it.

use std::sync::OnceLock;

use casework::model::party::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

pub(crate) use crate::show::grouped;

/// Both files of a page.
macro_rules! pages {
    ($($name:literal),+ $(,)?) => {
        const FILES: &[(&str, [&str; 2])] = &[
            $(($name, [include_str!(concat!("../../words/en/", $name, ".ftl")), include_str!(concat!("../../words/ja/", $name, ".ftl"))])),+
        ];
    };
}

// One line a page.
pages! {
    "api",
    "evidence_new",
    "given",
    "overview",
    "events",
    "evidence",
    "lookup",
    "cases",
    "tasks",
    "frame",
    "graph",
    "indicators",
    "people",
    "sign_in",
    "account",
    "accounts",
    "audit",
    "setup",
    "takedowns",
    "releases",
    "portal",
    "problems",
    "told",
    "networks",
    "downloads",
    "partner",
    "parties",
    "claims",
    "sentence",
    "agreements",
    "explain",
    "notices",
    "answers",
}

/// One language's words.
#[allow(missing_debug_implementations, reason = "a bundle has none")]
pub(crate) struct Words {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl Words {
    /// The words of a language.
    pub(crate) fn of(language: Language) -> &'static Self {
        static ALL: OnceLock<[Words; 2]> = OnceLock::new();
        let all = ALL.get_or_init(|| [Self::read(Language::En, 0), Self::read(Language::Ja, 1)]);
        match language {
            Language::En => &all[0],
            Language::Ja => &all[1],
        }
    }

    fn read(language: Language, at: usize) -> Self {
        let id = language.as_str().parse().expect("en and ja are language tags");
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        bundle.set_use_isolating(false);
        for (name, texts) in FILES {
            let (resource, errors) = match FluentResource::try_new(texts[at].to_owned()) {
                Ok(resource) => (resource, Vec::new()),
                Err((resource, errors)) => (resource, errors),
            };
            if let Some(error) = errors.first() {
                tracing::error!("words/{}/{name}.ftl: {error}", language.as_str());
            }
            if let Err(errors) = bundle.add_resource(resource) {
                tracing::error!("words/{}/{name}.ftl: {errors:?}", language.as_str());
            }
        }
        Self { language, bundle }
    }

    pub(crate) fn language(&self) -> Language {
        self.language
    }

    /// There is such a word.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.bundle.has_message(key)
    }

    /// What a key says; a key that is missing says itself, so that it is seen.
    pub(crate) fn say(&self, key: &str) -> String {
        self.say_with(key, &[])
    }

    /// The same with what stands in it.
    pub(crate) fn say_with(&self, key: &str, with: &[(&str, FluentValue<'_>)]) -> String {
        let Some(pattern) = self.bundle.get_message(key).and_then(|message| message.value()) else {
            tracing::error!("no word for {key:?} in {}", self.language.as_str());
            return key.to_owned();
        };
        let mut args = FluentArgs::with_capacity(with.len());
        for (name, value) in with {
            args.set(*name, value.clone());
        }
        let mut errors = Vec::new();
        self.bundle.format_pattern(pattern, (!with.is_empty()).then_some(&args), &mut errors).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn keys(text: &str) -> BTreeSet<&str> {
        text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase())).filter_map(|line| line.split(" =").next()).collect()
    }

    #[test]
    fn both_languages_have_the_same_words() {
        for (name, [en, ja]) in FILES {
            assert_eq!(keys(en), keys(ja), "{name}.ftl");
            for text in [en, ja] {
                assert!(FluentResource::try_new((*text).to_owned()).is_ok(), "{name}.ftl");
            }
        }
        let all: Vec<&str> = FILES.iter().flat_map(|(_, [en, _])| keys(en)).collect();
        assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len(), "a key stands in two files");
    }

    #[test]
    fn what_a_text_takes_is_the_same_in_both_languages() {
        let takes = |text: &str| -> Vec<(String, BTreeSet<String>)> {
            let mut all = Vec::<(String, BTreeSet<String>)>::new();
            for line in text.lines() {
                if line.starts_with(|c: char| c.is_ascii_lowercase()) {
                    all.push((line.split(" =").next().unwrap_or_default().to_owned(), BTreeSet::new()));
                }
                for part in line.split('$').skip(1) {
                    let name: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect();
                    if let Some((_, names)) = all.last_mut() {
                        // Japanese has no plural: the plain number beside the shown one is not asked for.
                        if name != "count" {
                            names.insert(name);
                        }
                    }
                }
            }
            all.sort();
            all
        };
        for (name, [en, ja]) in FILES {
            assert_eq!(takes(en), takes(ja), "{name}.ftl");
        }
    }

    /// Every key in the sources is there: `say("…")`, `say_with("…"`, `word("…")`, `word_with("…"`.
    #[test]
    fn every_word_that_a_page_uses_is_there() {
        fn read(folder: &Path, found: &mut Vec<(String, String)>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    read(&path, found);
                } else if path.extension().is_some_and(|ending| ending == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    for call in ["say(\"", "say_with(\"", "word(\"", "word_with(\""] {
                        for part in text.split(call).skip(1) {
                            let key = part.split('"').next().unwrap_or_default();
                            if !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
                                found.push((key.to_owned(), path.display().to_string()));
                            }
                        }
                    }
                }
            }
        }
        let mut found = Vec::new();
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console"), &mut found);
        assert!(found.len() > 10, "the sources were not found");
        for (key, path) in found {
            assert!(Words::of(Language::En).has(&key), "{path}: no word for {key:?}");
        }
    }
}
