//! How does an answer find its notice?
//!
//! A notice has a token: a short secret word. It stands where mail programs keep it when people answer (the address to
//! reply to, the identifier of the message, the subject) and where mail systems keep it when they report (the envelope
//! id). Writing and reading stand side by side here, so that they cannot drift apart. Whoever knows the token can answer
//! for the notice: it must be hard to guess (see [`Token::from_random`]) and is written to nobody but its recipient.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use formats::mail_address::{Address, BadAddress};
use formats::mail_fields::Fields;

/// The word by which a notice is known in mails: 16 to 32 of a–z, 2–7.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Token(String);

/// A text that is no token.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no token of a notice: 16 to 32 of a-z and 2-7")]
pub struct BadToken(pub String);

impl FromStr for Token {
    type Err = BadToken;

    /// Mail systems on the way may have changed the case.
    fn from_str(text: &str) -> Result<Self, BadToken> {
        let folded = text.to_ascii_lowercase();
        let good = (16..=32).contains(&folded.len()) && folded.bytes().all(|c| matches!(c, b'a'..=b'z' | b'2'..=b'7'));
        if good { Ok(Self(folded)) } else { Err(BadToken(text.chars().take(80).collect())) }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Token {
    /// From ten random bytes (80 bits), in base32 (RFC 4648 §6, lower case).
    pub fn from_random(random: [u8; 10]) -> Self {
        let bits = random.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        let digit = |n: u32| char::from(b"abcdefghijklmnopqrstuvwxyz234567"[(bits >> (75 - 5 * n) & 31) as usize]);
        Self((0..16).map(digit).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where answers to this notice go: `notice+TOKEN@csirt.example`.
    ///
    /// # Errors
    /// When the address becomes too long.
    pub fn reply_to(&self, desk: &Address) -> Result<Address, BadAddress> {
        desk.with_detail(&self.0)
    }

    /// `Message-ID` of the `nth` mail of this notice (a reminder is another mail), without angle brackets.
    pub fn message_id(&self, nth: u32, desk: &Address) -> String {
        format!("{nth}.{}@{}", self.0, desk.domain())
    }

    /// `ENVID` of the `nth` mail (RFC 3461 §4.4).
    pub fn envelope_id(&self, nth: u32) -> String {
        format!("notice-{}-{nth}", self.0)
    }

    /// What the subject of the notice ends with.
    pub fn subject_tag(&self) -> String {
        format!("[notice {}]", self.0)
    }
}

/// Where a token was found; the first of these is the surest.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FoundIn {
    ReplyAddress,
    EnvelopeId,
    InReplyTo,
    Original,
    References,
    Subject,
}

impl FoundIn {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReplyAddress => "reply-address",
            Self::EnvelopeId => "envelope-id",
            Self::InReplyTo => "in-reply-to",
            Self::Original => "original",
            Self::References => "references",
            Self::Subject => "subject",
        }
    }
}

/// Which notice a mail is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum About {
    Notice(Token, FoundIn),
    /// It names none of ours.
    Nothing,
    /// It names several: a person must tell.
    Several(BTreeSet<Token>),
}

impl About {
    /// Looks in all places; `References` and the subject count only when nothing surer names a notice, because threads
    /// and subjects are reused.
    pub(super) fn of(fields: &Fields, subject: Option<&str>, envelope_id: Option<&str>, original: Option<&Fields>, desk: &Address) -> Self {
        let delivered = ["To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To"];
        let addresses = delivered.iter().flat_map(|name| fields.addresses(name));
        let ids =
            |fields: &Fields, name| fields.message_ids(name).into_iter().filter_map(|id| of_message_id(&id, desk)).collect::<Vec<_>>();
        let came_back = original.map(|original| {
            let from = original.addresses("From").into_iter().chain(original.addresses("Reply-To"));
            let mut tokens: Vec<Token> = from.filter_map(|address| of_address(&address, desk)).collect();
            tokens.extend(ids(original, "Message-ID"));
            tokens
        });
        let sure: Vec<(Token, FoundIn)> = [
            (addresses.filter_map(|address| of_address(&address, desk)).collect(), FoundIn::ReplyAddress),
            (envelope_id.and_then(of_envelope_id).into_iter().collect(), FoundIn::EnvelopeId),
            (ids(fields, "In-Reply-To"), FoundIn::InReplyTo),
            (came_back.unwrap_or_default(), FoundIn::Original),
        ]
        .into_iter()
        .flat_map(|(tokens, place): (Vec<Token>, _)| tokens.into_iter().map(move |token| (token, place)))
        .collect();
        let unsure = || {
            let thread = ids(fields, "References").into_iter().map(|token| (token, FoundIn::References));
            let subject = subject.map(of_subject).unwrap_or_default().into_iter().map(|token| (token, FoundIn::Subject));
            thread.chain(subject).collect::<Vec<_>>()
        };
        let found = if sure.is_empty() { unsure() } else { sure };
        let tokens: BTreeSet<Token> = found.iter().map(|(token, _)| token.clone()).collect();
        match found.into_iter().next() {
            None => Self::Nothing,
            Some(_) if tokens.len() > 1 => Self::Several(tokens),
            Some((token, place)) => Self::Notice(token, place),
        }
    }
}

/// `notice+TOKEN@csirt.example`, when the rest is our address.
fn of_address(address: &str, desk: &Address) -> Option<Token> {
    let (local, domain) = address.rsplit_once('@')?;
    let detail = local.get(..desk.local().len()).filter(|ours| ours.eq_ignore_ascii_case(desk.local())).map(|ours| &local[ours.len()..])?;
    domain.eq_ignore_ascii_case(&desk.domain()).then(|| detail.strip_prefix('+')?.parse().ok()).flatten()
}

fn of_message_id(id: &str, desk: &Address) -> Option<Token> {
    let (left, domain) = id.rsplit_once('@')?;
    let (nth, token) = left.split_once('.')?;
    (domain.eq_ignore_ascii_case(&desk.domain()) && nth.parse::<u32>().is_ok()).then(|| token.parse().ok()).flatten()
}

fn of_envelope_id(id: &str) -> Option<Token> {
    let (token, nth) = id.trim().strip_prefix("notice-")?.split_once('-')?;
    nth.parse::<u32>().is_ok().then(|| token.parse().ok()).flatten()
}

fn of_subject(subject: &str) -> Vec<Token> {
    let tags = subject.split("[notice ").skip(1);
    tags.filter_map(|rest| rest.split_once(']')?.0.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbb";

    fn desk() -> Address {
        "notice@csirt.example".parse().unwrap()
    }

    fn about(header: &str) -> About {
        let mail = format!("{header}\n\n");
        let subject = header.lines().find_map(|line| line.strip_prefix("Subject: "));
        About::of(&Fields::read(mail.as_bytes()), subject, None, None, &desk())
    }

    #[test]
    fn what_we_write_is_what_we_find() {
        let token = Token::from_random([0x5a, 1, 2, 3, 4, 5, 6, 7, 8, 0xff]);
        assert_eq!(token.as_str().parse(), Ok(token.clone()));
        let notice = |place| About::Notice(token.clone(), place);
        assert_eq!(about(&format!("To: Desk <{}>", token.reply_to(&desk()).unwrap())), notice(FoundIn::ReplyAddress));
        assert_eq!(about(&format!("In-Reply-To: <{}>", token.message_id(2, &desk()))), notice(FoundIn::InReplyTo));
        assert_eq!(about(&format!("References: <x@y>\n <{}>", token.message_id(0, &desk()))), notice(FoundIn::References));
        assert_eq!(about(&format!("Subject: Re: 調査 {}", token.subject_tag())), notice(FoundIn::Subject));
        let fields = Fields::default();
        assert_eq!(About::of(&fields, None, Some(&token.envelope_id(3)), None, &desk()), notice(FoundIn::EnvelopeId));
        let original = Fields::read(format!("Message-ID: <{}>\n\n", token.message_id(1, &desk())).as_bytes());
        assert_eq!(About::of(&fields, None, None, Some(&original), &desk()), notice(FoundIn::Original));
    }

    #[test]
    fn a_token_of_another_house_is_not_ours() {
        for header in [
            format!("To: notice+{A}@csirt.example.evil.example"),
            format!("To: xnotice+{A}@csirt.example"),
            format!("To: notice-{A}@csirt.example"),
            format!("To: \"notice+{A}@csirt.example\" <x@evil.example>"),
            format!("To: notice+{A}x!@csirt.example"),
            format!("In-Reply-To: <1.{A}@other.example>"),
            format!("In-Reply-To: <x.{A}@csirt.example>"),
            format!("Subject: notice {A}"),
            "To: notice@csirt.example".into(),
            "To: é+a@csirt.example".into(),
        ] {
            assert_eq!(about(&header), About::Nothing, "{header}");
        }
    }

    #[test]
    fn a_mail_that_names_two_notices_names_none_surely() {
        let both = About::Several([A.parse().unwrap(), B.parse().unwrap()].into());
        assert_eq!(about(&format!("To: notice+{A}@csirt.example, NOTICE+{B}@CSIRT.example")), both);
        assert_eq!(about(&format!("To: notice+{A}@csirt.example\nIn-Reply-To: <1.{B}@csirt.example>")), both);
        assert_eq!(about(&format!("Subject: [notice {A}] [notice {B}]")), both);
        // an old subject or thread does not outweigh the address that was answered to
        let a = About::Notice(A.parse().unwrap(), FoundIn::ReplyAddress);
        assert_eq!(about(&format!("To: notice+{A}@csirt.example\nReferences: <1.{B}@csirt.example>\nSubject: [notice {B}]")), a);
    }

    proptest::proptest! {
        #[test]
        fn any_randomness_is_a_token_and_different_ones_differ(a: [u8; 10], b: [u8; 10]) {
            let (x, y) = (Token::from_random(a), Token::from_random(b));
            proptest::prop_assert_eq!(x.as_str().parse::<Token>().unwrap(), x.clone());
            proptest::prop_assert_eq!(a == b, x == y);
        }
    }
}
