//! How much may people write into the fields of our records?
//!
//! One measure for the console, the interface for machines and whatever comes next: what one of them takes no other refuses.

/// A field that people fill.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Field {
    /// In characters.
    pub longest: usize,
    /// It may have lines.
    pub lines: bool,
}

/// Why a text does not fit.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unfit {
    #[error("must say something")]
    Empty,
    #[error("at most {0} characters")]
    TooLong(usize),
    #[error("one line, without control characters")]
    NotALine,
    #[error("without NUL")]
    Nul,
}

impl Field {
    /// Of a case or a task.
    pub const TITLE: Self = Self { longest: 500, lines: false };
    /// In the history of a case.
    pub const NOTE: Self = Self { longest: 60_000, lines: true };
    /// Why something was done.
    pub const REASON: Self = Self { longest: 2000, lines: true };
    /// Of somebody who works here, or of a party.
    pub const NAME: Self = Self { longest: 128, lines: false };
    /// In which a party takes part.
    pub const ROLE: Self = Self { longest: 64, lines: false };

    /// The text without blanks at its ends.
    ///
    /// # Errors
    /// When there is nothing in it, or it does not fit.
    pub fn read(self, text: &str) -> Result<String, Unfit> {
        match self.read_any(text)? {
            text if text.is_empty() => Err(Unfit::Empty),
            text => Ok(text),
        }
    }

    /// The same for what may be left out.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn read_any(self, text: &str) -> Result<String, Unfit> {
        let text = text.trim();
        if text.chars().count() > self.longest {
            return Err(Unfit::TooLong(self.longest));
        }
        if text.contains('\0') {
            return Err(Unfit::Nul);
        }
        if !self.lines && text.chars().any(char::is_control) {
            return Err(Unfit::NotALine);
        }
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_takes_what_fits_and_says_why_not() {
        assert_eq!(Field::TITLE.read(" 結び "), Ok("結び".to_owned()));
        assert_eq!(Field::TITLE.read(" \n"), Err(Unfit::Empty));
        assert_eq!(Field::TITLE.read("a\nb"), Err(Unfit::NotALine));
        assert_eq!(Field::NOTE.read("a\nb"), Ok("a\nb".to_owned()));
        assert_eq!(Field::NOTE.read("a\0b"), Err(Unfit::Nul));
        // Characters are counted, not bytes.
        assert!(Field::TITLE.read(&"結".repeat(500)).is_ok());
        assert_eq!(Field::TITLE.read(&"結".repeat(501)), Err(Unfit::TooLong(500)));
        assert_eq!(Field::REASON.read_any(""), Ok(String::new()));
    }
}
