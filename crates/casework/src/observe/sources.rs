//! Every source this program reads, most telling first.

use super::{
    Head, Knowledge, Likelihood, Source, abusech_bazaar, abusech_bazaar_csv, abusech_feodo, abusech_feodo_csv, abusech_threatfox,
    abusech_threatfox_csv, abusech_urlhaus, abusech_urlhaus_csv, alienvault_reputation, bambenek, blocklistde, breached_accounts, cert_eu,
    cins, cleanmx, csv, dataplane, dshield_block, dshield_sources, intelmq, key_value, list, malwareurl, netlab_360, openphish, phishtank,
    phishtank_csv, spamhaus_cert, spamhaus_drop_text, sucuri, surbl, team_cymru, tor_exits, turris, vxvault, webinspektor, zoneh,
};

/// All sources. A new one is a file in this folder and a line here.
pub static SOURCES: &[&dyn Source] = &[
    &csv::CsvMapping,
    &intelmq::IntelMq,
    &abusech_bazaar::Bazaar,
    &abusech_feodo::Feodo,
    &abusech_threatfox::ThreatFox,
    &abusech_urlhaus::UrlHaus,
    &phishtank::PhishTank,
    &abusech_bazaar_csv::BazaarCsv,
    &abusech_feodo_csv::FeodoCsv,
    &abusech_threatfox_csv::ThreatFoxCsv,
    &abusech_urlhaus_csv::UrlhausCsv,
    &alienvault_reputation::AlienvaultReputation,
    &bambenek::Bambenek,
    &blocklistde::BlocklistDe,
    &breached_accounts::BreachedAccounts,
    &cert_eu::CertEu,
    &cins::Cins,
    &cleanmx::CleanMx,
    &dataplane::Dataplane,
    &dshield_block::DshieldBlock,
    &dshield_sources::DshieldSources,
    &malwareurl::MalwareUrl,
    &netlab_360::Netlab360,
    &openphish::OpenPhish,
    &phishtank_csv::PhishTankCsv,
    &spamhaus_cert::SpamhausCert,
    &spamhaus_drop_text::SpamhausDrop,
    &sucuri::Sucuri,
    &surbl::Surbl,
    &tor_exits::TorExits,
    &turris::Turris,
    &vxvault::VxVault,
    &webinspektor::WebInspektor,
    &zoneh::ZoneH,
    &team_cymru::TeamCymru,
    &key_value::KeyValue,
    &csv::Csv,
    &list::List,
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
