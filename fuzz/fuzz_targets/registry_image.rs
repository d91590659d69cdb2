//! Images of registry tables as they lie in a home: a changed one is refused or answers, but never fails.
#![cfg_attr(feature = "run", no_main)]

use casework::enrich::Registry;

musubi_fuzz::fuzz_target!(|input: &[u8]| {
    if let Ok(registry) = Registry::from_bytes(input) {
        for ip in ["0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "2001:db8::1"] {
            let ip = ip.parse().expect("an address");
            registry.range(ip);
            if let Some(number) = registry.by_address(ip) {
                registry.contact(number).expect("whom an address leads to is there").party_id();
            }
        }
        registry.by_asn(64_496);
    }
});
