//! What a telephone reads when it is held before a page: the picture as it is drawn, decoded by a reader of another hand.

/// Points to each square.
const POINTS: usize = 4;

/// The text of the one code on a page.
pub(crate) fn read(page: &str) -> String {
    let drawn = page.split_once("<svg class=\"qr\"").expect("a code is on the page").1.split("</svg>").next().unwrap();
    let within = |from: &str, to: char| drawn.split_once(from).unwrap_or_else(|| panic!("{from} in {drawn}")).1.split(to).next().unwrap();
    let side: usize = within("viewBox=\"0 0 ", ' ').parse().unwrap();
    let mut dark = vec![false; side * side];
    // Each run of dark squares: `M` where it begins, `h` its length.
    for run in within(" d=\"M", '"').split('M') {
        let numbers: Vec<usize> = run.split([' ', 'h', 'v']).take(3).map(|number| number.parse().unwrap()).collect();
        let from = numbers[1] * side + numbers[0];
        dark[from..from + numbers[2]].fill(true);
    }
    let mut seen = rqrr::PreparedImage::prepare_from_greyscale(side * POINTS, side * POINTS, |x, y| {
        if dark[y / POINTS * side + x / POINTS] { 0 } else { 255 }
    });
    let codes = seen.detect_grids();
    assert_eq!(codes.len(), 1, "codes in {drawn}");
    codes[0].decode().unwrap().1
}
