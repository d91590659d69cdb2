//! Elements of JSON, whole documents and one a line; each element is what stands at its offset.
#![cfg_attr(feature = "run", no_main)]

use formats::json::Elements;

fn read(mut elements: Elements<&[u8]>, bytes: &[u8]) {
    let mut number = 0;
    while let Some(element) = elements.next() {
        let Ok(element) = element else { continue };
        assert!(element.number > number, "elements go forward");
        number = element.number;
        let at = usize::try_from(element.offset).expect("small");
        assert_eq!(element.bytes, &bytes[at..at + element.bytes.len()], "an element is what stands at its offset");
    }
}

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    read(Elements::new(input), input);
    read(Elements::entering_objects(input).with_limit(64), input);
    // What a strict reader takes for one value is read whole.
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(input)
        && value.is_object()
    {
        let mut elements = Elements::new(input);
        let element = elements.next().expect("there is an element").expect("it is JSON");
        assert_eq!(serde_json::from_slice::<serde_json::Value>(element.bytes).ok(), Some(value));
    }
});
