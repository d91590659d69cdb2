//! Table images as they lie in a home: a changed one is refused or answers, but never fails.
#![cfg_attr(feature = "run", no_main)]

use casework::enrich::Table;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    if let Ok(table) = Table::from_bytes(input) {
        for ip in ["0.0.0.0", "133.11.0.1", "255.255.255.255", "::", "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            table.lookup(ip.parse().expect("an address"));
        }
        table.as_country(64_496);
    }
});
