//! CSV and TSV of address ranges: every range read goes into a table that answers.
#![cfg_attr(feature = "run", no_main)]

use casework::enrich::{Builder, Origin};
use formats::address_table::{Entry, Layout, read, recognise};

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    recognise(input, "table");
    let mut builder = Builder::new(Origin::default());
    let mut ranges = Vec::new();
    let read = read(Layout::Ranges, input, &mut |entry| {
        if let Ok(entry) = entry {
            if let Entry::Addresses(row) = &entry {
                ranges.push(row.range);
            }
            builder.add(&entry);
        }
    });
    let table = builder.build();
    if read.is_ok() {
        for range in ranges {
            table.lookup(range.first());
            table.lookup(range.last());
        }
    }
});
