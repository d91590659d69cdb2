//! The header fields of a mail as written: name and unfolded value, nothing decoded (RFC 5322 §2.2).
//!
//! [`crate::mail::Header`] gives what people read; this gives what programs say to each other: who answers what
//! (`In-Reply-To`), to which mailbox it was delivered (`Delivered-To`), whether a person wrote it (`Auto-Submitted`).

/// The fields of one header, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fields(Vec<(String, String)>);

/// A header has at most so many fields; those beyond are left out.
const FIELDS: usize = 2000;

impl Fields {
    /// Of a mail, or of a header alone. Lines that are no fields are passed over.
    ///
    /// ```
    /// let fields = formats::mail_fields::Fields::read(b"In-Reply-To:\r\n <1@example.jp>\r\n\r\nTo: not a field\r\n");
    /// assert_eq!(fields.message_ids("in-reply-to"), ["1@example.jp"]);
    /// assert_eq!(fields.first("To"), None);
    /// ```
    pub fn read(mail: &[u8]) -> Self {
        let (head, _) = crate::mail::split_header(mail);
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut folds = false;
        for line in String::from_utf8_lossy(head).lines() {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut().filter(|_| folds) {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                continue;
            }
            folds = false;
            let Some((name, value)) = line.split_once(':') else { continue };
            // obsolete syntax allows blanks before the colon (RFC 5322 §4.5)
            let name = name.trim_end();
            if !name.is_empty() && name.bytes().all(|c| c.is_ascii_graphic()) && fields.len() < FIELDS {
                fields.push((name.to_owned(), value.trim().to_owned()));
                folds = true;
            }
        }
        Self(fields)
    }

    /// The first field of this name.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every field of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first word of a field, lower case, without parameters and comments: `auto-replied` of `Auto-Replied (vacation)`.
    pub fn keyword(&self, name: &str) -> Option<String> {
        let value = self.first(name)?;
        Some(value.split(|c: char| c.is_whitespace() || matches!(c, ';' | '(' | ',')).next().unwrap_or_default().to_ascii_lowercase())
    }

    /// The addresses in all fields of this name, lower case. Names of people and comments are no addresses, whatever they say.
    pub fn addresses(&self, name: &str) -> Vec<String> {
        self.all(name).flat_map(addresses).collect()
    }

    /// The identifiers between angle brackets in all fields of this name (RFC 5322 §3.6.4), without the brackets.
    pub fn message_ids(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        for value in self.all(name) {
            for piece in value.split('<').skip(1) {
                if let Some((id, _)) = piece.split_once('>')
                    && !id.is_empty()
                    && id.bytes().all(|c| c.is_ascii_graphic())
                {
                    found.push(id.to_owned());
                }
            }
        }
        found
    }
}

/// What has an `@` outside quotes and comments (RFC 5322 §3.4).
fn addresses(value: &str) -> Vec<String> {
    let (mut bare, mut quoted, mut depth, mut escaped) = (String::with_capacity(value.len()), false, 0_u32, false);
    for c in value.chars() {
        if escaped {
            escaped = false;
            continue;
        }
        match c {
            '\\' if quoted || depth > 0 => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ if quoted || depth > 0 => {}
            ',' | ';' | '<' | '>' | ':' => bare.push(' '),
            _ => bare.push(c),
        }
    }
    let whole = |word: &&str| word.split_once('@').is_some_and(|(l, d)| !l.is_empty() && !d.is_empty() && !d.contains('@'));
    bare.split_whitespace().filter(whole).map(str::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_an_address_is_none() {
        let fields = Fields::read(
            b"To: \"a@name.example\" <B@x.example>, (c@comment.example) d@x.example,\r\n\tTeam: e@x.example;\r\nTo : f@x.example\r\n\r\nTo: g@x.example\r\n",
        );
        assert_eq!(fields.addresses("to"), ["b@x.example", "d@x.example", "e@x.example", "f@x.example"]);
    }

    #[test]
    fn a_keyword_ends_at_a_parameter_or_comment() {
        let fields = Fields::read(b"Auto-Submitted: Auto-Replied; owner=x\nPrecedence: bulk (list)\nX: \n");
        assert_eq!(fields.keyword("auto-submitted").as_deref(), Some("auto-replied"));
        assert_eq!(fields.keyword("Precedence").as_deref(), Some("bulk"));
        assert_eq!(fields.keyword("x").as_deref(), Some(""));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_some_header(bytes: Vec<u8>) {
            let fields = Fields::read(&bytes);
            let _ = (fields.addresses("To"), fields.message_ids("References"), fields.keyword("x"));
        }

        #[test]
        fn addresses_are_taken_from_any_value(value in "[a@b\"\\\\()<>,;: .]{0,60}") {
            let fields = Fields::read(format!("To: {value}\n\n").as_bytes());
            proptest::prop_assert!(fields.addresses("to").iter().all(|a| a.contains('@') && !a.contains(['"', '<', ' '])));
        }
    }
}
