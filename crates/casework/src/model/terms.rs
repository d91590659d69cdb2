//! Under which terms was this given? The part of the terms that a record itself can state.

use std::fmt;

/// Traffic Light Protocol 2.0 (FIRST, August 2022); a bigger one is stricter.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Tlp {
    Clear,
    Green,
    Amber,
    AmberStrict,
    Red,
}

impl Tlp {
    /// What unmarked evidence is held under when its source has no default.
    pub const UNMARKED: Self = Self::AmberStrict;

    pub const ALL: [Self; 5] = [Self::Clear, Self::Green, Self::Amber, Self::AmberStrict, Self::Red];

    /// Reads any spelling seen: `TLP:AMBER+STRICT`, `tlp:white` (TLP 1.0, means CLEAR), `amber-strict`, `Red`.
    pub fn read(text: &str) -> Option<Self> {
        let word = text.trim().to_ascii_lowercase();
        match word.strip_prefix("tlp:").unwrap_or(&word).trim() {
            "clear" | "white" => Some(Self::Clear),
            "green" => Some(Self::Green),
            "amber" => Some(Self::Amber),
            "amber+strict" | "amber-strict" | "amber_strict" | "amberstrict" => Some(Self::AmberStrict),
            "red" => Some(Self::Red),
            _ => None,
        }
    }

    /// The label as FIRST writes it, without the `TLP:` prefix.
    pub fn label(self) -> &'static str {
        match self {
            Self::Clear => "CLEAR",
            Self::Green => "GREEN",
            Self::Amber => "AMBER",
            Self::AmberStrict => "AMBER+STRICT",
            Self::Red => "RED",
        }
    }
}

impl fmt::Display for Tlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLP:{}", self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_back_and_stricter_is_bigger() {
        for tlp in Tlp::ALL {
            assert_eq!(Tlp::read(&tlp.to_string()), Some(tlp));
        }
        assert!(Tlp::ALL.is_sorted());
        assert_eq!(Tlp::read("tlp:white"), Some(Tlp::Clear));
        assert_eq!(Tlp::read("purple"), None);
    }
}
