//! CSV in any dialect: rows and offsets are right, and a record is found again from its offset.
#![cfg_attr(feature = "run", no_main)]

use formats::csv::{Dialect, Records, record_at, sniff};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    let Some(([choice], bytes)) = input.split_first_chunk::<1>() else { return };
    let dialect = Dialect {
        delimiter: [b',', b';', b'\t', b'|'][usize::from(choice & 3)],
        quote: (choice & 4 == 0).then_some(b'"'),
        comment: (choice & 8 != 0).then_some(b'#'),
    };
    sniff(&String::from_utf8_lossy(bytes));
    let mut records = Records::new(bytes, dialect);
    let (mut row, mut end) = (0, 0);
    while let Some(record) = records.next().expect("reading from memory does not fail") {
        assert!(record.row() > row && record.offset() >= end, "records go forward");
        row = record.row();
        let offset = usize::try_from(record.offset()).expect("small");
        end = record.offset() + record.raw().len() as u64;
        assert!(end <= bytes.len() as u64);
        assert_eq!(record.raw(), &bytes[offset..offset + record.raw().len()], "raw is what stands at the offset");
        if record.problem().is_none() {
            assert_eq!(record_at(&bytes[offset..], dialect), record.raw());
        }
        for at in 0..=record.len() {
            let _ = (record.bytes(at), record.text(at));
        }
    }
});
