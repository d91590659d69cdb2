//! Lines of text: together they are the input.
#![cfg_attr(feature = "run", no_main)]

use formats::lines::Lines;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let Some(([limit], bytes)) = input.split_first_chunk::<1>() else { return };
    let mut lines = Lines::new(bytes).with_limit(1 + usize::from(*limit));
    let mut number = 0;
    while let Some(line) = lines.next().expect("reading from memory does not fail") {
        assert!(line.number > number && line.offset <= bytes.len() as u64);
        number = line.number;
        if let Ok(text) = line.bytes() {
            let at = usize::try_from(line.offset).expect("small");
            assert_eq!(text, &bytes[at..at + text.len()], "a line is what stands at its offset");
        }
        let _ = line.text();
    }
});
