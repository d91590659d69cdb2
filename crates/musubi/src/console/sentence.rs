//! A stored sentence in the viewer's language. What casework knows as a sentence of ours is said anew by Fluent, its values too where they
//! are words of ours; what a person or another program wrote is shown as it is.

use casework::told::{Place, read};
use fluent_bundle::FluentValue;
use jiff::Timestamp;

use super::moment;
use super::visit::Visit;

/// Sentences within sentences.
const DEEPEST: u32 = 3;

impl Visit {
    /// A sentence that was found at this place.
    pub(crate) fn told(&self, place: Place, text: &str) -> String {
        self.told_within(place, text, DEEPEST)
    }

    fn told_within(&self, place: Place, text: &str, depth: u32) -> String {
        let Some(told) = read(place, text).filter(|_| depth > 0) else { return text.to_owned() };
        let values: Vec<(&str, FluentValue<'_>)> =
            told.values.iter().map(|(name, value)| (*name, self.value(place, name, value, depth).into())).collect();
        self.say_with(&format!("sentence-{}", told.key), &values)
    }

    /// What stands in it.
    fn value(&self, place: Place, name: &str, value: &str, depth: u32) -> String {
        let ours = |prefix: &str, value: &str| {
            let key = format!("{prefix}-{value}");
            if self.words.has(&key) { self.say(&key) } else { value.to_owned() }
        };
        let each = |separator: &str, prefix: &str| {
            let words: Vec<String> = value.split(separator).map(|one| ours(prefix, one)).collect();
            words.join(&self.say("sentence-between"))
        };
        match name {
            "purpose" => ours("policy-purpose", value),
            "purposes" => each(" ", "policy-purpose"),
            "channel" => ours("policy-channel", value),
            "effect" => ours("effect", value),
            "rule" => ours("policy-rule", value),
            "rules" => each(", ", "policy-rule"),
            "hidden" => each(" and ", "policy-redaction"),
            "way" => ours("proof", value),
            "role" => ours("role", value),
            "what" => ours("sentence-what", &value.replace([' ', '/'], "-")),
            "expected" => ours("sentence-expected", &slug(value)),
            "nothing" => ours("sentence-nothing", &slug(value)),
            "what-kind" => ours("sentence-kind", &slug(value)),
            "advice" => ours("sentence-advice", &slug(value)),
            "flaw" => ours("sentence-flaw", &slug(value)),
            "meaning" => self.say(&format!("sentence-{value}")),
            "sentence" | "reason" | "why" => self.told_within(place, value, depth - 1),
            "sentences" => {
                value.split("; ").map(|one| self.told_within(place, one, depth - 1)).collect::<Vec<_>>().join(&self.say("sentence-after"))
            }
            "at" | "now" => value.parse::<Timestamp>().map_or_else(|_| value.to_owned(), |at| moment::plain(at, &self.zone)),
            _ => value.to_owned(),
        }
    }
}

/// As keys of words are written.
fn slug(text: &str) -> String {
    let words: Vec<String> =
        text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::super::words::Words;
    use super::*;
    use casework::model::party::Language;

    #[test]
    fn every_sentence_has_its_words() {
        for place in [Place::Policy, Place::Notice, Place::Takedown, Place::Audit, Place::Job, Place::Rejection] {
            for (key, pattern) in place.sentences().iter().copied().flatten() {
                let key = format!("sentence-{key}");
                for language in [Language::En, Language::Ja] {
                    let words = Words::of(language);
                    assert!(words.has(&key), "{key}");
                    // Each value of the sentence is said, in whatever order.
                    let names: Vec<&str> = pattern.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
                    let with: Vec<(&str, FluentValue<'_>)> = names.iter().map(|name| (*name, format!("<{name}>").into())).collect();
                    let said = words.say_with(&key, &with);
                    for name in names {
                        assert!(said.contains(&format!("<{name}>")), "{key} in {}: {said} does not say {name}", language.as_str());
                    }
                }
            }
        }
    }

    #[test]
    fn every_value_that_is_a_word_of_ours_has_a_word() {
        for (name, word) in casework::told::words() {
            let key = if name == "meaning" { format!("sentence-{word}") } else { format!("sentence-{name}-{}", slug(word)) };
            for language in [Language::En, Language::Ja] {
                assert!(Words::of(language).has(&key), "{key} in {}", language.as_str());
            }
        }
    }
}
