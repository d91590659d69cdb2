//! Every source this program reads, most telling first.

use super::Source;

/// All sources. A new one is a file in this folder and a line here.
pub static SOURCES: &[&dyn Source] = &[
    &super::shadowserver::Shadowserver,
    &super::arf::Arf,
    &super::xarf_mail::XarfMail,
    &super::intelmq::IntelMq,
    &super::abusech_feodo::Feodo,
    &super::abusech_threatfox::ThreatFox,
    &super::abusech_urlhaus::UrlHaus,
    &super::abusech_bazaar::Bazaar,
    &super::alienvault_otx::Otx,
    &super::anubis::Anubis,
    &super::certstream::CertStream,
    &super::dshield::DShield,
    &super::fraunhofer_dga::DgArchive,
    &super::mcafee_atd::Atd,
    &super::microsoft_bing::Bing,
    &super::microsoft_ctip::Ctip,
    &super::misp::Misp,
    &super::n6::N6,
    &super::phishtank::PhishTank,
    &super::shodan::Shodan,
    &super::spamhaus_drop::Drop,
    &super::xarf::Xarf,
    // the general readers
    &super::json::Json,
];
