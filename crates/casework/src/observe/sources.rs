//! Every source this program reads, most telling first.

use super::{Head, Knowledge, Likelihood, Source};

/// All sources. A new one is a file in this folder and a line here.
pub static SOURCES: &[&dyn Source] = &[
    // what the user wrote down wins
    &super::csv::CsvMapping,
    &super::shadowserver::Shadowserver,
    &super::arf::Arf,
    &super::xarf_mail::XarfMail,
    &super::intelmq::IntelMq,
    &super::abusech_bazaar::Bazaar,
    &super::abusech_bazaar_csv::BazaarCsv,
    &super::abusech_feodo::Feodo,
    &super::abusech_feodo_csv::FeodoCsv,
    &super::abusech_threatfox::ThreatFox,
    &super::abusech_threatfox_csv::ThreatFoxCsv,
    &super::abusech_urlhaus::UrlHaus,
    &super::abusech_urlhaus_csv::UrlhausCsv,
    &super::alienvault_otx::Otx,
    &super::alienvault_reputation::AlienvaultReputation,
    &super::anubis::Anubis,
    &super::bambenek::Bambenek,
    &super::blocklistde::BlocklistDe,
    &super::breached_accounts::BreachedAccounts,
    &super::cert_eu::CertEu,
    &super::certstream::CertStream,
    &super::cins::Cins,
    &super::cleanmx::CleanMx,
    &super::dataplane::Dataplane,
    &super::dshield::DShield,
    &super::dshield_block::DshieldBlock,
    &super::dshield_sources::DshieldSources,
    &super::fraunhofer_dga::DgArchive,
    &super::malwareurl::MalwareUrl,
    &super::mcafee_atd::Atd,
    &super::microsoft_bing::Bing,
    &super::microsoft_ctip::Ctip,
    &super::misp::Misp,
    &super::n6::N6,
    &super::netlab_360::Netlab360,
    &super::openphish::OpenPhish,
    &super::phishtank::PhishTank,
    &super::phishtank_csv::PhishTankCsv,
    &super::shodan::Shodan,
    &super::spamhaus_cert::SpamhausCert,
    &super::spamhaus_drop::Drop,
    &super::spamhaus_drop_text::SpamhausDrop,
    &super::stix_bundle::StixBundle,
    &super::sucuri::Sucuri,
    &super::surbl::Surbl,
    &super::tor_exits::TorExits,
    &super::turris::Turris,
    &super::vxvault::VxVault,
    &super::webinspektor::WebInspektor,
    &super::xarf::Xarf,
    &super::zoneh::ZoneH,
    // the general readers
    &super::team_cymru::TeamCymru,
    &super::key_value::KeyValue,
    &super::csv::Csv,
    &super::json::Json,
    &super::list::List,
];

/// The source that is surest to know the report; of equals the first.
pub fn recognise(head: &Head<'_>, knowledge: &Knowledge) -> Option<&'static dyn Source> {
    let mut best: (Likelihood, Option<&'static dyn Source>) = (Likelihood::No, None);
    for source in SOURCES {
        let likelihood = source.recognise_with(head, knowledge);
        if likelihood > best.0 {
            best = (likelihood, Some(*source));
        }
    }
    best.1
}
