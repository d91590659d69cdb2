//! What was found, at a glance: counts as bars and days as a sparkline, in plain terminal text.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Parts of a cell, from an eighth to a whole.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII_LEVELS: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

/// A horizontal bar for each row, at most `width` columns wide; ends with a line break.
///
/// Labels keep their place in the order given. The longest bar fills what labels and numbers leave; whatever is not zero
/// shows at least a sliver. Labels that would take more than half the width are cut.
pub(crate) fn bars(title: &str, rows: &[(String, u64)], width: usize, unicode: bool) -> String {
    let mut out = String::new();
    if !title.is_empty() {
        out.push_str(&cut(title, width, unicode));
        out.push('\n');
    }
    let labels: Vec<String> = rows.iter().map(|(label, _)| cut(label, (width / 2).max(8), unicode)).collect();
    let numbers: Vec<String> = rows.iter().map(|(_, count)| grouped(*count)).collect();
    let label_width = labels.iter().map(|label| label.width()).max().unwrap_or(0);
    let number_width = numbers.iter().map(String::len).max().unwrap_or(0);
    let room = width.saturating_sub(2 + label_width + 1 + number_width + 1).max(1);
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or(0);
    for ((label, number), (_, count)) in labels.iter().zip(&numbers).zip(rows) {
        let padding = " ".repeat(label_width - label.width());
        let line = format!("  {label}{padding} {number:>number_width$} {}", bar(*count, most, room, unicode));
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// One character a value, the highest for the largest.
pub(crate) fn sparkline(values: &[u64], unicode: bool) -> String {
    let levels = if unicode { LEVELS } else { ASCII_LEVELS };
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    // Only nothing is on the ground: rounded up, so that one of a million still stands out from zero.
    values.iter().map(|value| levels[((u128::from(*value) * 7).div_ceil(u128::from(most))) as usize]).collect()
}

fn bar(count: u64, most: u64, room: usize, unicode: bool) -> String {
    if count == 0 || most == 0 {
        return String::new();
    }
    let steps = if unicode { 8 } else { 1 };
    let length = ((u128::from(count) * (room * steps) as u128 + u128::from(most) / 2) / u128::from(most)) as usize;
    let length = length.max(1);
    if !unicode {
        return "#".repeat(length);
    }
    let mut out = "█".repeat(length / 8);
    out.extend((length % 8).checked_sub(1).map(|part| EIGHTHS[part]));
    out
}

/// `text` in at most `width` columns; what is cut shows as an ellipsis.
fn cut(text: &str, width: usize, unicode: bool) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mark = if unicode { "…" } else { "~" };
    let mut left = width.saturating_sub(1);
    let mut out = String::new();
    for letter in text.chars() {
        let wide = letter.width().unwrap_or(0);
        if wide > left {
            break;
        }
        left -= wide;
        out.push(letter);
    }
    out + mark
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(of: &[(&str, u64)]) -> Vec<(String, u64)> {
        of.iter().map(|(label, count)| ((*label).to_owned(), *count)).collect()
    }

    #[test]
    fn the_longest_bar_fills_the_width_and_the_others_are_in_proportion() {
        let drawn = bars("By country", &rows(&[("JP", 12_000), ("BR", 6_000), ("VN", 750), ("US", 1), ("DE", 0)]), 28, true);
        assert_eq!(drawn, "By country\n  JP 12,000 ████████████████\n  BR  6,000 ████████\n  VN    750 █\n  US      1 ▏\n  DE      0\n");
        assert!(drawn.lines().all(|line| line.width() <= 28));
    }

    #[test]
    fn without_unicode_the_picture_is_plain_ascii() {
        let drawn = bars("", &rows(&[("telnet", 10), ("a-very-long-name-of-a-class", 5)]), 30, false);
        assert_eq!(drawn, "  telnet          10 #########\n  a-very-long-na~  5 #####\n");
        assert!(drawn.is_ascii());
    }

    #[test]
    fn japanese_labels_take_two_columns_a_character() {
        let drawn = bars("国別", &rows(&[("日本", 8), ("Brazil", 4)]), 20, true);
        assert_eq!(drawn, "国別\n  日本   8 █████████\n  Brazil 4 ████▌\n");
        let narrow = bars("", &rows(&[("ネットワークカメラ", 1)]), 16, true);
        assert_eq!(narrow, "  ネット… 1 ████\n");
    }

    #[test]
    fn nothing_to_show_is_only_the_title() {
        assert_eq!(bars("Empty", &[], 40, true), "Empty\n");
        assert_eq!(bars("", &rows(&[("none", 0)]), 40, true), "  none 0\n");
    }

    #[test]
    fn a_width_too_small_for_anything_still_gives_every_count() {
        assert_eq!(bars("", &rows(&[("x", 5), ("y", 1)]), 0, true), "  x 5 █\n  y 1 ▎\n");
    }

    #[test]
    fn the_largest_counts_do_not_overflow() {
        assert_eq!(bars("", &rows(&[("x", u64::MAX)]), 40, false), "  x 18,446,744,073,709,551,615 #########\n");
        assert_eq!(sparkline(&[u64::MAX, 0], true), "█▁");
    }

    #[test]
    fn a_week_is_seven_characters() {
        assert_eq!(sparkline(&[500, 900, 1400, 1900, 2200, 1500, 0], true), "▃▄▆██▆▁");
        assert_eq!(sparkline(&[0, 1, 1_000_000], false), "_.#");
        assert_eq!(sparkline(&[0, 0], true), "▁▁");
        assert_eq!(sparkline(&[], true), "");
    }
}
