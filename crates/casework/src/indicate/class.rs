//! What does a hit of a warning list mean: may the value still be blocked?
//!
//! A table of ours names the published lists (`warning_classes.toml`); a user's table of the same form comes before it.

use std::fmt;

use serde::Deserialize;

/// What a hit means; the bigger is the stricter.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// Worth knowing; nothing changes.
    Context,
    /// Somebody should look: confidence is lowered and the indicator marked.
    #[default]
    Warn,
    /// It goes into no block list.
    NeverBlock,
}

impl Class {
    pub const ALL: [Self; 3] = [Self::Context, Self::Warn, Self::NeverBlock];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Warn => "warn",
            Self::NeverBlock => "never-block",
        }
    }

    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a table of classes cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClassesError {
    #[error("{0}")]
    Syntax(String),
    #[error("{list:?} is named both under {one} and {other}")]
    Twice { list: String, one: &'static str, other: &'static str },
}

/// Which class each list has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Classes {
    /// The user's come first. Exact names before those with `*`, of these the first.
    named: Vec<(String, Class)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    #[serde(default)]
    never_block: Vec<String>,
    #[serde(default)]
    warn: Vec<String>,
    #[serde(default)]
    context: Vec<String>,
}

impl Default for Classes {
    fn default() -> Self {
        Self { named: written(include_str!("warning_classes.toml")).expect("a test reads it") }
    }
}

impl Classes {
    /// Reads what departs from the default: lists of names under `never-block`, `warn` and `context`.
    ///
    /// ```
    /// use casework::indicate::class::{Class, Classes};
    /// let classes = Classes::read("warn = ['apple']\nnever-block = ['our-*']").unwrap();
    /// assert_eq!((classes.of("apple"), classes.of("our-hosts")), (Class::Warn, Class::NeverBlock));
    /// assert_eq!((classes.of("rfc1918"), classes.of("somebody-elses")), (Class::NeverBlock, Class::Warn));
    /// ```
    ///
    /// # Errors
    /// When it is no such table, with the line; or when it names a list twice.
    pub fn read(text: &str) -> Result<Self, ClassesError> {
        let mut named = written(text)?;
        named.extend(Self::default().named);
        Ok(Self { named })
    }

    /// The class of the list of this name (its folder, or the name of its file); [`Class::Warn`] when no table names it.
    pub fn of(&self, list: &str) -> Class {
        self.named(list).unwrap_or_default()
    }

    /// The class that a table gives to a list; `None` when none names it.
    pub fn named(&self, list: &str) -> Option<Class> {
        self.named.iter().find(|(name, _)| fits(name, list)).map(|(_, class)| *class)
    }
}

/// The names of one table, exact ones first.
fn written(text: &str) -> Result<Vec<(String, Class)>, ClassesError> {
    let Written { never_block, warn, context } =
        toml::from_str(text).map_err(|error| ClassesError::Syntax(error.to_string().trim().to_owned()))?;
    let mut named: Vec<(String, Class)> = Vec::new();
    for (lists, class) in [(never_block, Class::NeverBlock), (warn, Class::Warn), (context, Class::Context)] {
        for list in lists {
            if let Some((_, other)) = named.iter().find(|(name, _)| *name == list) {
                return Err(ClassesError::Twice { list, one: other.as_str(), other: class.as_str() });
            }
            named.push((list, class));
        }
    }
    named.sort_by_key(|(name, _)| name.contains('*'));
    Ok(named)
}

/// `*` stands for any letters, also none.
fn fits(name: &str, list: &str) -> bool {
    let Some((start, mut rest)) = name.split_once('*') else { return name == list };
    let Some(mut list) = list.strip_prefix(start) else { return false };
    while let Some((middle, after)) = rest.split_once('*') {
        let Some(at) = list.find(middle) else { return false };
        (list, rest) = (&list[at + middle.len()..], after);
    }
    list.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_table_is_a_table() {
        let named = written(include_str!("warning_classes.toml")).unwrap();
        assert!(named.len() > 60);
        let classes = Classes::default();
        assert_eq!(classes.of("shadowserver"), Class::NeverBlock);
        assert_eq!(classes.of("shadowserver-nt-scanning"), Class::Warn);
        assert_eq!((classes.of("cisco_top1000"), classes.of("cisco_top10k")), (Class::NeverBlock, Class::Warn));
        assert_eq!(classes.of("dynamic-dns"), Class::Context);
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let wrong = |text| Classes::read(text).unwrap_err().to_string();
        assert!(wrong("never_block = ['a']").contains("never_block"));
        assert!(wrong("warn = ['a']\ncontext = ['a']").contains("\"a\" is named both under warn and context"));
    }

    #[test]
    fn a_star_stands_for_any_letters() {
        assert!(fits("a*c", "abc") && fits("a*c", "ac") && fits("*", "") && fits("*b*", "abc"));
        assert!(!fits("a*c", "abd") && !fits("ab*b", "ab") && !fits("*b*", "ac"));
    }
}
