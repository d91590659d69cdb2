//! What does a mail server mean by its code? The code is known (RFC 3463, RFC 5321 §4.2.3); its words stay as it wrote them.

use super::Told;

/// Meanings with a sentence of their own: subject and detail of an enhanced status code (RFC 3463 §3, and RFC 7372, 7504, 7505 in its registry).
const KNOWN: &[(&str, &str)] = &[
    ("1.1", "relay-1-1"),
    ("1.2", "relay-1-2"),
    ("1.3", "relay-1-3"),
    ("1.6", "relay-1-6"),
    ("1.8", "relay-1-8"),
    ("1.10", "relay-1-10"),
    ("2.0", "relay-2"),
    ("2.1", "relay-2-1"),
    ("2.2", "relay-2-2"),
    ("2.3", "relay-2-3"),
    ("3.1", "relay-3-1"),
    ("3.4", "relay-3-4"),
    ("4.1", "relay-4-1"),
    ("4.2", "relay-4-2"),
    ("4.3", "relay-4-3"),
    ("4.4", "relay-4-4"),
    ("4.5", "relay-4-5"),
    ("4.6", "relay-4-6"),
    ("4.7", "relay-4-7"),
    ("6.3", "relay-6-3"),
    ("7.0", "relay-7"),
    ("7.1", "relay-7-1"),
    ("7.5", "relay-7-5"),
    ("7.8", "relay-7-8"),
    ("7.20", "relay-7-sender"),
    ("7.21", "relay-7-sender"),
    ("7.23", "relay-7-sender"),
    ("7.25", "relay-7-25"),
    ("7.26", "relay-7-sender"),
];

/// Subjects, for details that have no sentence of their own.
const SUBJECTS: [&str; 8] = ["relay-0", "relay-1", "relay-2", "relay-3", "relay-4", "relay-5", "relay-6", "relay-7"];

/// Replies of SMTP without an enhanced code: what they say is one of the meanings above.
const REPLIES: &[(u16, &str)] = &[
    (421, "relay-3-2"),
    (450, "relay-2-1"),
    (451, "relay-3"),
    (452, "relay-2-2"),
    (454, "relay-7-5"),
    (455, "relay-5"),
    (500, "relay-5"),
    (501, "relay-5"),
    (502, "relay-5"),
    (503, "relay-5"),
    (504, "relay-5"),
    (530, "relay-7-8"),
    (535, "relay-7-8"),
    (550, "relay-1-1-or-7"),
    (551, "relay-1-6"),
    (552, "relay-2-3"),
    (553, "relay-1-3"),
    (554, "relay-7"),
    (556, "relay-1-10"),
];

/// All meanings.
pub(super) fn meanings() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(_, key)| *key).chain(SUBJECTS).chain(REPLIES.iter().map(|(_, key)| *key))
}

/// How what a mail server said begins with us: by where in the conversation it was said, or by the status of a report of delivery.
const STAGES: [&str; 7] = ["connecting: ", "TLS: ", "signing in: ", "sender: ", "recipient: ", "content: ", "smtp;"];

/// What a mail server said, where a code is in it: for now or for good, what the code means, and the words themselves.
pub(super) fn read(text: &str) -> Option<Told> {
    let status = text.split_whitespace().next().and_then(enhanced);
    if status.is_none() && !STAGES.iter().any(|stage| text.starts_with(stage)) {
        return None;
    }
    let mut words =
        text.split(|c: char| c.is_whitespace() || c == '(' || c == ')' || c == ';' || c == ',').map(|word| word.trim_end_matches(':'));
    let found = words.clone().find_map(enhanced).or_else(|| words.find_map(reply))?;
    let (lasts, meaning) = found;
    Some(Told {
        key: if lasts { "relay-lasts" } else { "relay-passes" },
        values: vec![("meaning", meaning.to_owned()), ("words", text.to_owned())],
    })
}

/// `5.1.1`: whether it is for good, and its meaning.
fn enhanced(word: &str) -> Option<(bool, &'static str)> {
    let (class, rest) = word.trim_start_matches('#').split_once('.')?;
    let (subject, detail) = rest.split_once('.')?;
    let number = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !number(subject) || !number(detail) {
        return None;
    }
    let lasts = match class {
        "4" => false,
        "5" => true,
        _ => return None,
    };
    let known = KNOWN.iter().find(|(code, _)| *code == rest).map(|(_, key)| *key);
    let subject = subject.parse::<usize>().ok().and_then(|subject| SUBJECTS.get(subject).copied());
    Some((lasts, known.or(subject).unwrap_or(SUBJECTS[0])))
}

/// `550`: the same of a reply without an enhanced code.
fn reply(word: &str) -> Option<(bool, &'static str)> {
    let code: u16 = if word.len() == 3 { word.parse().ok()? } else { return None };
    let meaning = REPLIES.iter().find(|(known, _)| *known == code).map(|(_, key)| *key)?;
    Some((code >= 500, meaning))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<(&'static str, String)> {
        read(text).map(|told| (told.key, told.values[0].1.clone()))
    }

    #[test]
    fn a_code_says_what_is_meant_whatever_the_words() {
        for (text, key, meaning) in [
            ("recipient: 550 5.1.1 <a@isp.example>: User unknown", "relay-lasts", "relay-1-1"),
            ("5.1.1 smtp; 550 no such mailbox", "relay-lasts", "relay-1-1"),
            ("recipient: 450 4.2.2 over quota", "relay-passes", "relay-2-2"),
            ("content: 554 5.7.26 unauthenticated", "relay-lasts", "relay-7-sender"),
            ("smtp; 550 5.7.515 denied", "relay-lasts", "relay-7"),
            ("recipient: 550 no such mailbox", "relay-lasts", "relay-1-1-or-7"),
            ("connecting: 421 too busy", "relay-passes", "relay-3-2"),
            ("5.9.9 y", "relay-lasts", "relay-0"),
        ] {
            assert_eq!(said(text), Some((key, meaning.to_owned())), "{text}");
        }
        for text in [
            "",
            "connecting: nobody answers",
            "2.1.5 delivered",
            "192.0.2.1 refused",
            "see 5.1 of the handbook",
            "call 117",
            "1.5.1.1",
            "closed 550 hosts",
            "they said 5.1.1 on the phone",
        ] {
            assert_eq!(said(text), None, "{text}");
        }
    }
}
