//! Times and values: what is read is read the same when it is written and read again.
#![cfg_attr(feature = "run", no_main)]

use formats::{shadowserver, time, value};
use musubi_fuzz::same;

musubi_fuzz::fuzz_target!(|text: &str| {
    if let Some(moment) = time::read(text) {
        same(time::read(&moment.at.to_string()).map(|again| again.at), Some(moment.at), "a time written and read again");
    }
    if let Some(ip) = value::ip(text) {
        same(value::ip(&ip.to_string()), Some(ip), "an address written and read again");
    }
    if let Some(network) = value::network(text) {
        same(value::network(&network.to_string()), Some(network), "a network written and read again");
        assert!(network.contains(network.address()) && network.contains(network.last()));
    }
    if let Some(fqdn) = value::fqdn(text) {
        same(value::fqdn(&fqdn).as_deref(), Some(&*fqdn), "a name written and read again");
    }
    if let Some(url) = value::url(text) {
        same(value::url(&url).as_deref(), Some(&*url), "a URL written and read again");
        assert!(value::host_of(&url).is_some(), "a URL has a host");
        value::port_of(&url);
    }
    value::ipv4(text.as_bytes());
    value::asn(text);
    value::country(text);
    value::split_port(text);
    value::hash_kind(text);
    value::refang(text);
    shadowserver::as_base64(text);
    shadowserver::vulnerabilities(text);
    shadowserver::truth(text);
    shadowserver::column(text);
    shadowserver::report_type(text);
    shadowserver::tag_words(text).count();
});
