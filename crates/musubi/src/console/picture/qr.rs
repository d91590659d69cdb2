//! A text as a code that a telephone reads (ISO/IEC 18004), drawn here: one path of the dark squares, so that it needs no style, no
//! script and no picture from anywhere. Dark stays dark and light stays light in every scheme: telephones read no negative.

use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};

/// Light squares around it: four on each side (§5.3.8).
const QUIET: usize = 4;

/// The picture, with what it is in words; none when the text is longer than a code holds.
pub(crate) fn qr(text: &str, title: &str) -> Option<Markup> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let side = code.width() + 2 * QUIET;
    Some(html! {
        svg.qr viewBox={ "0 0 " (side) " " (side) } role="img" aria-labelledby="qr-title" shape-rendering="crispEdges" {
            title #qr-title { (title) }
            rect.light width=(side) height=(side) {}
            path.dark d=(path(&code.to_colors(), code.width())) {}
        }
    })
}

/// Each run of dark squares in a row is one rectangle.
fn path(squares: &[Color], width: usize) -> String {
    let mut path = String::new();
    for (y, row) in squares.chunks(width).enumerate() {
        let mut x = 0;
        while x < width {
            let run = row[x..].iter().take_while(|square| **square == Color::Dark).count();
            if run > 0 {
                path.push_str(&format!("M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET));
            }
            x += run.max(1);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_dark_squares_are_one_rectangle_each_within_the_quiet_zone() {
        use Color::{Dark, Light};
        assert_eq!(path(&[Dark, Dark, Light, Light, Light, Light, Dark, Light, Dark], 3), "M4 4h2v1h-2zM4 6h1v1h-1zM6 6h1v1h-1z");
    }

    #[test]
    fn what_no_code_holds_is_not_drawn() {
        assert!(qr(&"x".repeat(3_000), "too long").is_none());
    }
}
