//! Times as a viewer reads them: in their own zone, which is named; in UTC for machines and on hover.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

/// A moment in the viewer's zone.
pub(crate) fn moment(at: Timestamp, zone: &TimeZone) -> Markup {
    let utc = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let local = at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    html! { time datetime=(at.strftime("%Y-%m-%dT%H:%M:%SZ")) title=(utc) { (local) } }
}

/// The same as text, where it stands within a sentence.
pub(crate) fn plain(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// The same of microseconds since 1970, as the register keeps them.
pub(crate) fn stamp(microseconds: i64, zone: &TimeZone) -> Markup {
    match Timestamp::from_microsecond(microseconds) {
        Ok(at) => moment(at, zone),
        Err(_) => html! { "?" },
    }
}

/// The name of a zone at a moment: `Asia/Tokyo (UTC+9)`.
pub(crate) fn zone_name(zone: &TimeZone, at: Timestamp) -> String {
    let offset = zone.to_offset(at).seconds();
    let hours = offset / 3600;
    let minutes = (offset % 3600).abs() / 60;
    let name = zone.iana_name().unwrap_or("UTC");
    match (hours, minutes) {
        (0, 0) => String::from("UTC"),
        (_, 0) => format!("{name} (UTC{hours:+})"),
        _ => format!("{name} (UTC{hours:+}:{minutes:02})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_in_the_zone_and_told_in_utc() {
        let at: Timestamp = "2026-11-23T15:30:10Z".parse().unwrap();
        let tokyo = TimeZone::get("Asia/Tokyo").unwrap();
        let shown = moment(at, &tokyo).into_string();
        assert_eq!(shown, r#"<time datetime="2026-11-23T15:30:10Z" title="2026-11-23 15:30:10 UTC">2026-11-24 00:30</time>"#);
        assert_eq!(zone_name(&tokyo, at), "Asia/Tokyo (UTC+9)");
        assert_eq!(zone_name(&TimeZone::UTC, at), "UTC");
        assert_eq!(zone_name(&TimeZone::get("Asia/Kolkata").unwrap(), at), "Asia/Kolkata (UTC+5:30)");
    }
}
