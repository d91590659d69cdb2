//! Where did the page before end? The `next` of an envelope (§3.5): opaque to clients, and good after a restart, an insertion or a deletion.
//!
//! A cursor holds the moment at which the last object of the page was added, which its reader knows from the headers anyway, and a hash
//! of the selection, so that it cannot be used with another one by mistake. It counts nothing, so nothing is told of what a reader may not see.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::filter::Filter;

/// The end of a page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cursor {
    /// Microseconds since 1970: pages go on strictly behind it.
    pub after: i64,
}

const VERSION: u8 = 1;
const LENGTH: usize = 1 + 8 + 8;

impl Cursor {
    /// As it is sent for a selection.
    ///
    /// ```
    /// use formats::taxii::{Cursor, Filter};
    /// let filter = Filter::read("match[type]=indicator")?;
    /// let next = Cursor { after: 17 }.write(&filter);
    /// assert_eq!(Cursor::read(&next, &filter), Some(Cursor { after: 17 }));
    /// assert_eq!(Cursor::read(&next, &Filter::default()), None);
    /// # Ok::<(), formats::taxii::BadFilter>(())
    /// ```
    pub fn write(self, filter: &Filter) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(VERSION);
        bytes.extend(self.after.to_be_bytes());
        bytes.extend(digest(filter));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// `None`: it is no cursor, or one of another selection.
    pub fn read(text: &str, filter: &Filter) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let bytes: [u8; LENGTH] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let after = i64::from_be_bytes(bytes[1..9].try_into().ok()?);
        (bytes[0] == VERSION && bytes[9..] == digest(filter)).then_some(Self { after })
    }
}

fn digest(filter: &Filter) -> [u8; 8] {
    let hash = Sha256::digest(filter.selection().as_bytes());
    std::array::from_fn(|at| hash[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_wrote_is_read() {
        let filter = Filter::default();
        for wrong in ["", "garbage", "AAAAAAAAAAAAAAAAAAAAAAA", &"A".repeat(100)] {
            assert_eq!(Cursor::read(wrong, &filter), None, "{wrong}");
        }
        let next = Cursor { after: i64::MAX }.write(&filter);
        assert_eq!(Cursor::read(&next, &filter), Some(Cursor { after: i64::MAX }));
    }
}
