//! What did a person say at the top of a reply?
//!
//! Only what is unmistakable is understood: one of the words that the notice offers, alone on the first line, or up to
//! four short sentences that all say the same. A doubt, a question, an exception, two different answers, text below the
//! quotation: a person reads it. To ask a person once too often costs a minute; to take "not fixed" for "fixed" costs
//! the case.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::answer::Reply;

/// Text beyond this is not looked at, and a longer answer is for a person.
const LENGTH: usize = 16 << 10;

/// What the text says, with the line that says it.
pub(super) fn understand(text: &str) -> Option<(Reply, String)> {
    if text.len() > LENGTH {
        return None;
    }
    let said = top(text)?;
    let mut lines = said.iter().map(|line| plain(line)).filter(|line| !line.is_empty()).skip_while(|line| GREETING.is_match(line));
    let first = lines.next()?;
    let rest: Vec<String> = lines.collect();
    let (rest, closing) = match rest.iter().position(|line| CLOSING.is_match(line)) {
        Some(at) => rest.split_at(at),
        None => (&rest[..], &[][..]),
    };
    // a name and a telephone number may follow, but no more talk
    if closing.len() > 8 || closing.iter().chain(rest).any(|line| DOUBT.is_match(line) || keyword(line).is_some()) {
        return None;
    }
    if let Some(reply) = keyword(&first) {
        // what follows may explain, but must not say something else
        let other = rest.iter().chain(closing).flat_map(|line| sentences(line)).filter_map(|s| phrase(&s)).any(|said| said != reply);
        return (!other).then_some((reply, first));
    }
    let said: Vec<String> = std::iter::once(&first).chain(rest).flat_map(|line| sentences(line)).collect();
    if said.len() > 4 {
        return None;
    }
    let mut reply = None;
    for sentence in &said {
        match phrase(sentence) {
            Some(found) if reply.is_none_or(|known| known == found) => reply = Some(found),
            None if THANKS.is_match(sentence) && !DOUBT.is_match(sentence) => {}
            _ => return None,
        }
    }
    Some((reply?, said.join(". ")))
}

/// The lines above the quotation; `None` when something was written below it.
fn top(text: &str) -> Option<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    let quoted = |line: &str| line.trim_start().starts_with(['>', '＞']);
    // after one of these everything is the old mail
    let cut = (0..lines.len()).find(|&at| {
        let line = lines[at].trim();
        let next = lines.get(at + 1).map_or("", |next| next.trim());
        SEPARATOR.is_match(line) || (BLOCK.is_match(line) && lines[at + 1..].iter().take(4).any(|l| BLOCK.is_match(l.trim()) && l.trim() != line))
            // "On Monday, A <a@b> wrote:", which programs break in two
            || (ATTRIBUTION.is_match(line) || ATTRIBUTION.is_match(&format!("{line} {next}")) && !line.is_empty() && !next.is_empty())
                && lines[at + 1..].iter().take(4).any(|line| quoted(line))
    });
    let signature = lines.iter().position(|line| matches!(*line, "-- " | "--" | "－－"));
    let first_quoted = lines.iter().position(|line| quoted(line));
    let above = [cut, signature, first_quoted].into_iter().flatten().min().unwrap_or(lines.len());
    if first_quoted == Some(above) || (cut == Some(above) && first_quoted.is_some_and(|at| at <= above + 4)) {
        let from = first_quoted.unwrap_or(above);
        let below = lines[from..].iter().take_while(|line| !matches!(**line, "-- " | "--"));
        // talk between or below quoted lines: it may take back what stands above
        if below.clone().any(|line| !quoted(line) && !line.trim().is_empty()) {
            return None;
        }
    }
    Some(lines[..above].to_vec())
}

/// One line as it is compared: full-width letters made narrow, lower case, blanks joined, ornaments taken off.
fn plain(line: &str) -> String {
    let narrow = line.chars().map(|c| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' | '\u{a0}' => ' ',
        '’' | '‘' => '\'',
        c => c,
    });
    let joined = narrow.collect::<String>().to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    joined.trim_matches(|c: char| c.is_whitespace() || "*_#\"'`[]()<>{}「」『』【】・･-–—=:.。!,、;".contains(c)).to_owned()
}

fn sentences(line: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let chars: Vec<char> = line.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let end = matches!(c, '。') || (matches!(c, '.' | '!') && chars.get(at + 1).is_none_or(|next| next.is_whitespace()));
        if end {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(*c);
        }
    }
    parts.iter().map(|part| plain(part)).filter(|part| !part.is_empty()).collect()
}

/// The words that a notice offers, and what people make of them.
fn keyword(line: &str) -> Option<Reply> {
    Some(match line {
        "fixed" | "resolved" | "対応済" | "対応済み" | "修正済" | "修正済み" | "対処済" | "対処済み" => Reply::Fixed,
        "false positive" | "false-positive" | "誤検知" => Reply::FalsePositive,
        "not ours" | "not our" | "当方ではない" | "当方ではありません" => Reply::NotOurs,
        "need more" | "more details" | "need more details" | "詳細希望" => Reply::NeedMore,
        _ => return None,
    })
}

/// A whole sentence that says one thing.
fn phrase(sentence: &str) -> Option<Reply> {
    if let Some(reply) = keyword(sentence) {
        return Some(reply);
    }
    let hit = PHRASES.matches(sentence).into_iter().next()?;
    Some(
        [
            Reply::Fixed,
            Reply::Fixed,
            Reply::Fixed,
            Reply::FalsePositive,
            Reply::FalsePositive,
            Reply::NotOurs,
            Reply::NotOurs,
            Reply::NeedMore,
            Reply::NeedMore,
        ][hit],
    )
}

static PHRASES: LazyLock<RegexSet> = LazyLock::new(|| {
    const THING_EN: &str =
        "(?:this|it|that|the (?:issue|problem|device|host|server|machine|camera|router|system|site|page|vulnerability|infection))";
    const DONE_EN: &str = "(?:fixed|resolved|cleaned|cleaned up|patched|remediated|mitigated|taken down|disinfected)";
    const THING_JA: &str = "(?:本件(?:は|について)?、?|ご(?:連絡|指摘|報告)の件(?:は|について)?、?|当該(?:機器|端末|サーバー?|サイト|カメラ|ホスト)(?:は|を|の)?、?)?(?:既に|すでに|先ほど|本日)?";
    const DONE_JA: &str = "(?:対応|修正|対処|駆除|是正|復旧|遮断|削除|停止)";
    RegexSet::new([
        format!("^(?:{THING_EN} )?(?:is|has been|was)(?: now| already)? {DONE_EN}(?: now| today| already)?$"),
        format!("^(?:we|i)(?: have|'ve)?(?: now| already)? {DONE_EN}(?: {THING_EN})?(?: now| today| already)?$"),
        format!("^{THING_JA}{DONE_JA}(?:済み?|いたしました|致しました|しました|(?:が|を|は)?完了(?:です|(?:いた|致)?しました|しております|しています)?)(?:です|となります|となっております|でございます)?$"),
        "^(?:this|it|that) (?:is|was|looks like|seems to be) a false[ -]positive$".to_owned(),
        "^(?:本件は|これは)?、?誤検知(?:です|でした|となります|と思われます|でございます)$".to_owned(),
        "^(?:this|it|that|the address|this address|this ip|this ip address|this network|this host|this domain) (?:is not|isn't|does not belong to|doesn't belong to)(?: ours| us| our network| our address)$".to_owned(),
        "^(?:本件は|当該(?:ip)?(?:アドレス|機器|サーバー?|ドメイン)は)?、?(?:弊社|当社|当方|本学|当組織)の(?:もの|管理|管理下|管轄|アドレス|ipアドレス|機器|設備|ドメイン)(?:のもの)?では(?:ありません|ございません|ない)(?:です)?$".to_owned(),
        "^(?:please (?:send|give|provide)(?: us| me)?|(?:we|i) need|could you send(?: us| me)?|can you send(?: us| me)?) (?:more|further|additional) (?:details?|information|info|logs|evidence|data)\\??$".to_owned(),
        "^(?:より)?(?:詳細|詳しい(?:情報|ログ)|追加の?情報|ログ)(?:な情報|情報)?(?:を|の)?(?:、)?(?:ご)?(?:提供|送付|教示|希望|共有)?(?:して|を)?(?:いただけ|頂け|お願い(?:いた)?し|お願い致し|ください|下さい|希望(?:いた)?し)(?:ますか?|ますでしょうか)?\\??$".to_owned(),
    ])
    .expect("our own expressions")
});

/// Words of doubt, exception, refusal, question: whoever writes them wants to be read.
static DOUBT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x) \? | \b(?:not|no|never|but|except|however|although|only|partly|partially|still|cannot|can't|won't|isn't|wasn't|doesn't|don't|didn't|unable|until|will|would|yet|if|again|some|other|another|stop|unsubscribe|lawyer|legal)\b
        | ない | ません | 未 | ただし | しかし | 但し | 一部 | まだ | 除[きい] | 以外 | でしょうか | ますか | ですか | 予定 | 再度 | 再発 | 中です | たい ",
    )
    .expect("our own expression")
});

static GREETING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x) ^(?:hi|hello|dear|good\ (?:morning|afternoon|evening|day))(?:\ (?:all|team|there|sir|madam|or|colleagues?|csirt|cert|abuse|support|security|sir/madam|sirs|both|everyone))*$
        | ^(?:いつも|平素は?|大変)?(?:より)?(?:大変)?お世話になっ?(?:ております|ています|ります)$ | ^.{1,40}(?:様|御中|各位|ご担当者様)$ | ^.{1,40}と申します$ ",
    )
    .expect("our own expression")
});

static CLOSING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x) ^(?:(?:best|kind|kindest|warm|with\ best)\ )?regards\b.{0,60}$ | ^(?:many\ )?thanks(?:\ and\ regards)?$ | ^thank\ you$ | ^(?:cheers|sincerely|yours\ (?:sincerely|faithfully)|best)$
        | ^(?:以上)?、?(?:どうぞ|何卒|引き続き)?、?(?:よろしく|宜しく)(?:お願い(?:いた|致)?し(?:ます|申し上げます))$ | ^以上(?:です|となります)?$ | ^sent\ from\ my\ .{1,30}$ | ^iphoneから送信$ ",
    )
    .expect("our own expression")
});

static THANKS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:many )?thank(?:s| you)(?: (?:very much|a lot|again))?(?: for (?:the|your) (?:report|notice|notification|information|info|mail|email|e-mail|message|heads[- ]up))?$|^ご(?:連絡|報告|指摘|通知|情報提供)(?:を)?(?:いただき|頂き|下さり)?、?(?:誠に)?ありがとうござい(?:ます|ました)$")
        .expect("our own expression")
});

static SEPARATOR: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^-{2,}\s*(?:original (?:message|appointment)|forwarded message|元のメッセージ|転送メッセージ|original)\s*-{2,}$|^_{10,}$|^begin forwarded message:$")
        .expect("our own expression")
});

/// The header of the old mail as Outlook and others write it out.
static BLOCK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\*?(?:from|sent|to|subject|date|cc|差出人|送信者|送信日時|送信|宛先|件名|日時)\*?\s*[:：].+")
        .expect("our own expression")
});

static ATTRIBUTION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^on .{4,200} wrote:$|^.{0,200}<[^<>@\s]+@[^<>@\s]+>.{0,60}[:：]$|^\d{4}[年/-].{4,200}[:：]$|(?:のメッセージ|さんは書きました|wrote)\s*[:：]$")
        .expect("our own expression")
});

#[cfg(test)]
mod tests {
    use super::*;
    use Reply::{FalsePositive, Fixed, NeedMore, NotOurs};

    #[track_caller]
    fn says(text: &str, expected: Option<Reply>) {
        assert_eq!(understand(text).map(|(reply, _)| reply), expected, "{text}");
    }

    #[test]
    fn the_words_that_a_notice_offers_are_understood_however_they_are_typed() {
        for (text, reply) in [
            ("FIXED", Fixed),
            ("fixed.\n", Fixed),
            ("*FIXED*\n\nThe camera has new firmware since this morning.\n\nRegards,\nTaro", Fixed),
            ("\n\n  FIXED  \n> 192.0.2.1\n> FALSE POSITIVE\n", Fixed),
            ("FALSE POSITIVE\n\nOn Mon, 23 Mar 2026 at 16:01, CSIRT <n@csirt.example> wrote:\n> FIXED\n", FalsePositive),
            ("NOT OURS\n\nOn Mon, 23 Mar 2026 at 16:01, Example CSIRT\n<n@csirt.example> wrote:\n\n> x\n", NotOurs),
            ("Need more\n", NeedMore),
            ("対応済\n", Fixed),
            ("「対応済み」", Fixed),
            ("ＦＩＸＥＤ", Fixed),
            ("お世話になっております。\n誤検知\n", FalsePositive),
            ("当方ではない\n\n2026年3月23日(月) 16:01 Example CSIRT <n@csirt.example>:\n\n> 対応済\n", NotOurs),
            ("詳細希望", NeedMore),
            ("FIXED\n\n-----Original Message-----\nFrom: CSIRT\nAnswer with NOT OURS\n", Fixed),
            ("FIXED\n\nFrom: CSIRT <n@csirt.example>\nSent: Monday\nTo: abuse\nSubject: x\n\nif it is not yours, answer NOT OURS\n", Fixed),
            ("FIXED\n-- \nNot Only Networks Ltd., but more", Fixed),
        ] {
            says(text, Some(reply));
        }
    }

    #[test]
    fn short_plain_sentences_are_understood() {
        for (text, reply) in [
            ("We have fixed this.", Fixed),
            ("Hello,\n\nthis has been resolved. Thanks for the report.\n\nBest regards,\nA. Person\nExample ISP", Fixed),
            ("修正済みです。\n> 203.0.113.7\n", Fixed),
            (
                "○○CSIRT ご担当者様\n\nお世話になっております。\nご連絡いただきありがとうございます。\n本件は対応が完了しました。\n\n以上、よろしくお願いいたします。\n山田",
                Fixed,
            ),
            ("当該機器は既に停止しました。", Fixed),
            ("This is a false positive.", FalsePositive),
            ("誤検知です。", FalsePositive),
            ("This address is not ours.", NotOurs),
            ("弊社の管理ではありません。", NotOurs),
            ("Please send us more details.", NeedMore),
            ("詳細を教示いただけますでしょうか？", NeedMore),
        ] {
            says(text, Some(reply));
        }
    }

    #[test]
    fn what_is_not_unmistakable_goes_to_a_person() {
        for text in [
            "",
            "   \n\n",
            "> FIXED\n",
            "> the notice\n\nFIXED\n",
            "not fixed",
            "NOT FIXED",
            "Fixed?",
            "Is this fixed?",
            "FIXED\n\nbut the second host is still infected\n",
            "FIXED\n> 192.0.2.1\nthis one, yes\n> 192.0.2.2\nthis one is clean\n",
            "On Monday CSIRT <n@csirt.example> wrote:\n> 192.0.2.1\nfixed\n",
            "FIXED\nNOT OURS\n",
            "FIXED\nThis is a false positive.\n",
            "FIXED / NOT OURS / FALSE POSITIVE / NEED MORE",
            "We have fixed one of them.",
            "We will fix this.",
            "We have fixed this. However, it came back.",
            "We have not fixed this.",
            "We never fixed this.",
            "fixed it is not",
            "It is fixed, except 192.0.2.9",
            "Regards,\nThis is not ours but we fixed it",
            "Thanks",
            "Thanks for the report.",
            "Hi, not yet\nFIXED",
            "STOP SENDING ME MAIL",
            "未対応です",
            "対応中です。",
            "対応します。",
            "対応済みではありません。",
            "対応済\nただし一部の機器は未対応です。\n",
            "誤検知ではありません。",
            "誤検知でしょうか？",
            "弊社の管理です。",
            "当方の機器です",
            "まだ対応していません。",
        ] {
            says(text, None);
        }
        says(&format!("FIXED\n{}", "x".repeat(LENGTH)), None);
        says(&format!("FIXED\n{}", "explanation\n".repeat(100)), Some(Fixed));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_understood_or_not(text in "\\PC{0,200}|([a-zA-Z>: \n<@.。対応済誤検知-]|FIXED|\n> |wrote:\n){0,40}") {
            let _ = understand(&text);
        }

        #[test]
        fn a_negation_is_never_taken_for_its_opposite(before in "(It is |We have |This has been |)", word in "(fixed|resolved|patched)", after in "( yet| now|)[.]?") {
            let negated = format!("{before}not {word}{after}");
            proptest::prop_assert_eq!(understand(&negated), None);
        }

        #[test]
        fn what_is_quoted_says_nothing(lines in proptest::collection::vec("(FIXED|NOT OURS|対応済|We have fixed this\\.|誤検知です。)", 1..6)) {
            let quoted: String = lines.iter().map(|line| format!("> {line}\n")).collect();
            proptest::prop_assert_eq!(understand(&quoted), None);
            proptest::prop_assert_eq!(understand(&format!("NEED MORE\n\n{quoted}")).map(|u| u.0), Some(Reply::NeedMore));
        }
    }
}
