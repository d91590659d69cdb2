//! Pages: pieces, rows, character references, encodings.
#![cfg_attr(feature = "run", no_main)]

use formats::html_text;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let page = html_text::decode(input);
    for (at, piece) in html_text::pieces(&page) {
        assert!(page.is_char_boundary(at));
        if let html_text::Piece::Open { attributes, .. } = piece {
            html_text::attribute(attributes, "href");
        }
    }
    html_text::rows(&page);
    html_text::unescape(&page);
    html_text::decode_part(input, &input[..input.len() / 2]);
});
