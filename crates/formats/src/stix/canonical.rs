//! The one way to write a JSON value, so that its bytes can be hashed (RFC 8785, JSON Canonicalization Scheme).
//!
//! Names in the order of their UTF-16 units, no white space, strings with the shortest escapes, numbers as ECMAScript writes the double
//! they mean. Read from the text itself, so a number is the double nearest to what was written.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

use super::object::DEPTH;
use super::scan::{Fault, INTEGER_LIMIT, Kind, Scanner};

/// A JSON text in canonical form.
///
/// ```
/// use formats::stix::canonical::canonical;
/// let text = br#"{ "b" : [1.0, 1e21, 0.000001, -0, 1E-7], "a": "\u20ac\u000f/\n" }"#;
/// assert_eq!(canonical(text)?, "{\"a\":\"€\\u000f/\\n\",\"b\":[1,1e+21,0.000001,0,1e-7]}");
/// # Ok::<(), formats::stix::Fault>(())
/// ```
pub fn canonical(json: &[u8]) -> Result<String, Fault> {
    let mut scanner = Scanner::new(json, DEPTH, true)?;
    scanner.wide_integers = true;
    let mut out = String::with_capacity(json.len());
    write_next(&mut scanner, &mut out)?;
    scanner.end()?;
    Ok(out)
}

/// A value in canonical form; fails when it is nested too deep.
///
/// ```
/// let value = serde_json::json!({"value": "198.51.100.3", "a": 1.5});
/// assert_eq!(formats::stix::canonical::canonical_value(&value)?, r#"{"a":1.5,"value":"198.51.100.3"}"#);
/// # Ok::<(), formats::stix::Fault>(())
/// ```
pub fn canonical_value(value: &Value) -> Result<String, Fault> {
    canonical(value.to_string().as_bytes())
}

fn write_next(scanner: &mut Scanner<'_>, out: &mut String) -> Result<(), Fault> {
    match scanner.kind()? {
        Kind::Object => {
            let mut members: Vec<(Cow<'_, str>, String)> = Vec::new();
            scanner.enter_object()?;
            let mut first = true;
            while let Some(name) = scanner.name(&mut first)? {
                let mut value = String::new();
                write_next(scanner, &mut value)?;
                members.push((name.decoded(), value));
            }
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (at, (name, value)) in members.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_text(name, out);
                out.push(':');
                out.push_str(value);
            }
            out.push('}');
        }
        Kind::List => {
            out.push('[');
            scanner.enter_list()?;
            let mut first = true;
            let mut at = 0;
            while scanner.element(&mut first)? {
                if at > 0 {
                    out.push(',');
                }
                at += 1;
                write_next(scanner, out)?;
            }
            out.push(']');
        }
        Kind::Text => write_text(&scanner.text()?.decoded(), out),
        Kind::Number => write_number(scanner.number()?, out),
        Kind::Bool => out.push_str(if scanner.bool()? { "true" } else { "false" }),
        Kind::Null => {
            scanner.null()?;
            out.push_str("null");
        }
    }
    Ok(())
}

/// RFC 8785 §3.2.2.2.
pub(crate) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (at, c) in text.bytes().enumerate() {
        let escape = match c {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            8 => "\\b",
            9 => "\\t",
            10 => "\\n",
            12 => "\\f",
            13 => "\\r",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        plain = at + 1;
        if escape.is_empty() {
            let _ = write!(out, "\\u{c:04x}");
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// RFC 8785 §3.2.2.3: ECMAScript's Number::toString.
fn write_number(text: &str, out: &mut String) {
    if let Ok(whole) = text.parse::<i64>()
        && whole.unsigned_abs() <= INTEGER_LIMIT
    {
        let _ = write!(out, "{whole}");
        return;
    }
    let value: f64 = text.parse().unwrap_or(0.0);
    if value == 0.0 {
        out.push('0');
        return;
    }
    // serde_json writes the fewest digits that mean this double, and of two such texts the even one, as ECMAScript does.
    let shortest = serde_json::to_string(&value.abs()).unwrap_or_default();
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{part}");
    let leading = digits.bytes().take_while(|c| *c == b'0').count();
    let digits = digits[leading..].trim_end_matches('0');
    // The decimal point stands after this many digits.
    let length = |text: usize| i32::try_from(text).unwrap_or(0);
    let point = exponent.parse::<i32>().unwrap_or(0) + length(whole.len()) - length(leading);
    let exponent = point - 1;
    let count = length(digits.len());
    if value < 0.0 {
        out.push('-');
    }
    let zeros = |n: i32| "0".repeat(usize::try_from(n).unwrap_or(0));
    match point {
        _ if count <= point && point <= 21 => {
            out.push_str(digits);
            out.push_str(&zeros(point - count));
        }
        1..=21 => {
            let (whole, part) = digits.split_at(usize::try_from(point).unwrap_or(0));
            let _ = write!(out, "{whole}.{part}");
        }
        -5..=0 => {
            let _ = write!(out, "0.{}{digits}", zeros(-point));
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            let _ = write!(out, "{first}{dot}{rest}e{}{}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 8785 Appendix B.
    #[test]
    fn numbers_are_written_as_the_rfc_lists_them() {
        for (bits, expected) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            let mut out = String::new();
            write_number(&format!("{:e}", f64::from_bits(bits)), &mut out);
            assert_eq!(out, expected);
        }
    }

    /// RFC 8785 §3.2.3.
    #[test]
    fn names_stand_in_the_order_of_their_utf16_units() {
        let text = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
            "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let out = canonical(text.as_bytes()).unwrap();
        let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"].map(|word| out.find(word).unwrap());
        assert!(order.is_sorted(), "{out}");
    }

    proptest! {
        #[test]
        fn canonical_text_stays_as_it_is(text in r#"[\[\]{}:,"\\a-c0-2.e\-]{0,20}"#, string in ".{0,20}", number: f64) {
            let number = if number.is_finite() { number } else { 0.5 };
            let value = serde_json::json!({"s": string, "n": number, &string: [number, null, true]});
            for json in [text, value.to_string()] {
                if let Ok(once) = canonical(json.as_bytes()) {
                    prop_assert_eq!(canonical(once.as_bytes()).unwrap(), once);
                }
            }
        }

        #[test]
        fn what_is_meant_stays(number: f64, string in ".{0,20}") {
            prop_assume!(number.is_finite());
            let mut out = String::new();
            write_number(&format!("{number:e}"), &mut out);
            prop_assert_eq!(out.parse::<f64>().unwrap() + 0.0, number + 0.0);
            let mut out = String::new();
            write_text(&string, &mut out);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), string);
        }
    }
}
