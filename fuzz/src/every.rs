//! Every target in one program, without libFuzzer: `fuzz/every.sh [SECONDS] [TARGET…]`.

#[path = "../fuzz_targets/answer.rs"]
mod answer;
#[path = "../fuzz_targets/arf.rs"]
mod arf;
#[path = "../fuzz_targets/block_list_rpz.rs"]
mod block_list_rpz;
#[path = "../fuzz_targets/csv.rs"]
mod csv;
#[path = "../fuzz_targets/delivery_status.rs"]
mod delivery_status;
#[path = "../fuzz_targets/first_teams.rs"]
mod first_teams;
#[path = "../fuzz_targets/html_text.rs"]
mod html_text;
#[path = "../fuzz_targets/json.rs"]
mod json;
#[path = "../fuzz_targets/lines.rs"]
mod lines;
#[path = "../fuzz_targets/mail.rs"]
mod mail;
#[path = "../fuzz_targets/mail_fields.rs"]
mod mail_fields;
#[path = "../fuzz_targets/mapping.rs"]
mod mapping;
#[path = "../fuzz_targets/misp_event.rs"]
mod misp_event;
#[path = "../fuzz_targets/misp_feed.rs"]
mod misp_feed;
#[path = "../fuzz_targets/misp_list.rs"]
mod misp_list;
#[path = "../fuzz_targets/misp_request.rs"]
mod misp_request;
#[path = "../fuzz_targets/misp_stix.rs"]
mod misp_stix;
#[path = "../fuzz_targets/mmdb.rs"]
mod mmdb;
#[path = "../fuzz_targets/observable.rs"]
mod observable;
#[path = "../fuzz_targets/parties.rs"]
mod parties;
#[path = "../fuzz_targets/places_segment.rs"]
mod places_segment;
#[path = "../fuzz_targets/ranges.rs"]
mod ranges;
#[path = "../fuzz_targets/rdap.rs"]
mod rdap;
#[path = "../fuzz_targets/recognise.rs"]
mod recognise;
#[path = "../fuzz_targets/registry_image.rs"]
mod registry_image;
#[path = "../fuzz_targets/release_statement.rs"]
mod release_statement;
#[path = "../fuzz_targets/rir.rs"]
mod rir;
#[path = "../fuzz_targets/rpsl.rs"]
mod rpsl;
#[path = "../fuzz_targets/security_txt.rs"]
mod security_txt;
#[path = "../fuzz_targets/shadowserver_types.rs"]
mod shadowserver_types;
#[path = "../fuzz_targets/source_abusech_bazaar.rs"]
mod source_abusech_bazaar;
#[path = "../fuzz_targets/source_abusech_bazaar_csv.rs"]
mod source_abusech_bazaar_csv;
#[path = "../fuzz_targets/source_abusech_feodo.rs"]
mod source_abusech_feodo;
#[path = "../fuzz_targets/source_abusech_feodo_csv.rs"]
mod source_abusech_feodo_csv;
#[path = "../fuzz_targets/source_abusech_threatfox.rs"]
mod source_abusech_threatfox;
#[path = "../fuzz_targets/source_abusech_threatfox_csv.rs"]
mod source_abusech_threatfox_csv;
#[path = "../fuzz_targets/source_abusech_urlhaus.rs"]
mod source_abusech_urlhaus;
#[path = "../fuzz_targets/source_abusech_urlhaus_csv.rs"]
mod source_abusech_urlhaus_csv;
#[path = "../fuzz_targets/source_alienvault_otx.rs"]
mod source_alienvault_otx;
#[path = "../fuzz_targets/source_alienvault_reputation.rs"]
mod source_alienvault_reputation;
#[path = "../fuzz_targets/source_anubisnetworks.rs"]
mod source_anubisnetworks;
#[path = "../fuzz_targets/source_arf.rs"]
mod source_arf;
#[path = "../fuzz_targets/source_bambenek.rs"]
mod source_bambenek;
#[path = "../fuzz_targets/source_blocklist_de.rs"]
mod source_blocklist_de;
#[path = "../fuzz_targets/source_breached_accounts.rs"]
mod source_breached_accounts;
#[path = "../fuzz_targets/source_cert_eu.rs"]
mod source_cert_eu;
#[path = "../fuzz_targets/source_certstream.rs"]
mod source_certstream;
#[path = "../fuzz_targets/source_cins.rs"]
mod source_cins;
#[path = "../fuzz_targets/source_cleanmx.rs"]
mod source_cleanmx;
#[path = "../fuzz_targets/source_csv.rs"]
mod source_csv;
#[path = "../fuzz_targets/source_csv_mapping.rs"]
mod source_csv_mapping;
#[path = "../fuzz_targets/source_dataplane.rs"]
mod source_dataplane;
#[path = "../fuzz_targets/source_dshield.rs"]
mod source_dshield;
#[path = "../fuzz_targets/source_dshield_block.rs"]
mod source_dshield_block;
#[path = "../fuzz_targets/source_dshield_sources.rs"]
mod source_dshield_sources;
#[path = "../fuzz_targets/source_fraunhofer_dga.rs"]
mod source_fraunhofer_dga;
#[path = "../fuzz_targets/source_intelmq.rs"]
mod source_intelmq;
#[path = "../fuzz_targets/source_json.rs"]
mod source_json;
#[path = "../fuzz_targets/source_key_value.rs"]
mod source_key_value;
#[path = "../fuzz_targets/source_list.rs"]
mod source_list;
#[path = "../fuzz_targets/source_malwareurl.rs"]
mod source_malwareurl;
#[path = "../fuzz_targets/source_mcafee_atd.rs"]
mod source_mcafee_atd;
#[path = "../fuzz_targets/source_microsoft_bing.rs"]
mod source_microsoft_bing;
#[path = "../fuzz_targets/source_microsoft_ctip.rs"]
mod source_microsoft_ctip;
#[path = "../fuzz_targets/source_misp.rs"]
mod source_misp;
#[path = "../fuzz_targets/source_n6.rs"]
mod source_n6;
#[path = "../fuzz_targets/source_netlab_360.rs"]
mod source_netlab_360;
#[path = "../fuzz_targets/source_openphish.rs"]
mod source_openphish;
#[path = "../fuzz_targets/source_phishtank.rs"]
mod source_phishtank;
#[path = "../fuzz_targets/source_phishtank_csv.rs"]
mod source_phishtank_csv;
#[path = "../fuzz_targets/source_shadowserver.rs"]
mod source_shadowserver;
#[path = "../fuzz_targets/source_shodan.rs"]
mod source_shodan;
#[path = "../fuzz_targets/source_spamhaus_cert.rs"]
mod source_spamhaus_cert;
#[path = "../fuzz_targets/source_spamhaus_drop.rs"]
mod source_spamhaus_drop;
#[path = "../fuzz_targets/source_spamhaus_drop_text.rs"]
mod source_spamhaus_drop_text;
#[path = "../fuzz_targets/source_stix_bundle.rs"]
mod source_stix_bundle;
#[path = "../fuzz_targets/source_sucuri.rs"]
mod source_sucuri;
#[path = "../fuzz_targets/source_surbl.rs"]
mod source_surbl;
#[path = "../fuzz_targets/source_team_cymru.rs"]
mod source_team_cymru;
#[path = "../fuzz_targets/source_tor_exits.rs"]
mod source_tor_exits;
#[path = "../fuzz_targets/source_turris_greylist.rs"]
mod source_turris_greylist;
#[path = "../fuzz_targets/source_vxvault.rs"]
mod source_vxvault;
#[path = "../fuzz_targets/source_webinspector.rs"]
mod source_webinspector;
#[path = "../fuzz_targets/source_xarf.rs"]
mod source_xarf;
#[path = "../fuzz_targets/source_xarf_mail.rs"]
mod source_xarf_mail;
#[path = "../fuzz_targets/source_zone_h.rs"]
mod source_zone_h;
#[path = "../fuzz_targets/stix_check.rs"]
mod stix_check;
#[path = "../fuzz_targets/stix_object.rs"]
mod stix_object;
#[path = "../fuzz_targets/stix_pattern.rs"]
mod stix_pattern;
#[path = "../fuzz_targets/stix_pattern_match.rs"]
mod stix_pattern_match;
#[path = "../fuzz_targets/table_image.rs"]
mod table_image;
#[path = "../fuzz_targets/time_value.rs"]
mod time_value;
#[path = "../fuzz_targets/tlog_checkpoint.rs"]
mod tlog_checkpoint;
#[path = "../fuzz_targets/tlog_key.rs"]
mod tlog_key;
#[path = "../fuzz_targets/tlog_note.rs"]
mod tlog_note;
#[path = "../fuzz_targets/tlog_policy.rs"]
mod tlog_policy;
#[path = "../fuzz_targets/tlog_proof.rs"]
mod tlog_proof;
#[path = "../fuzz_targets/tlog_tile.rs"]
mod tlog_tile;
#[path = "../fuzz_targets/tlog_witness.rs"]
mod tlog_witness;
#[path = "../fuzz_targets/tsig.rs"]
mod tsig;
#[path = "../fuzz_targets/unpack.rs"]
mod unpack;
#[path = "../fuzz_targets/warning_classes.rs"]
mod warning_classes;
#[path = "../fuzz_targets/warning_list.rs"]
mod warning_list;

const TARGETS: &[musubi_fuzz::stable::Target] = &[
    ("answer", answer::target),
    ("arf", arf::target),
    ("block_list_rpz", block_list_rpz::target),
    ("csv", csv::target),
    ("delivery_status", delivery_status::target),
    ("first_teams", first_teams::target),
    ("html_text", html_text::target),
    ("json", json::target),
    ("lines", lines::target),
    ("mail", mail::target),
    ("mail_fields", mail_fields::target),
    ("mapping", mapping::target),
    ("misp_event", misp_event::target),
    ("misp_feed", misp_feed::target),
    ("misp_list", misp_list::target),
    ("misp_request", misp_request::target),
    ("misp_stix", misp_stix::target),
    ("mmdb", mmdb::target),
    ("observable", observable::target),
    ("parties", parties::target),
    ("places_segment", places_segment::target),
    ("ranges", ranges::target),
    ("rdap", rdap::target),
    ("recognise", recognise::target),
    ("registry_image", registry_image::target),
    ("release_statement", release_statement::target),
    ("rir", rir::target),
    ("rpsl", rpsl::target),
    ("security_txt", security_txt::target),
    ("shadowserver_types", shadowserver_types::target),
    ("source_abusech_bazaar", source_abusech_bazaar::target),
    ("source_abusech_bazaar_csv", source_abusech_bazaar_csv::target),
    ("source_abusech_feodo", source_abusech_feodo::target),
    ("source_abusech_feodo_csv", source_abusech_feodo_csv::target),
    ("source_abusech_threatfox", source_abusech_threatfox::target),
    ("source_abusech_threatfox_csv", source_abusech_threatfox_csv::target),
    ("source_abusech_urlhaus", source_abusech_urlhaus::target),
    ("source_abusech_urlhaus_csv", source_abusech_urlhaus_csv::target),
    ("source_alienvault_otx", source_alienvault_otx::target),
    ("source_alienvault_reputation", source_alienvault_reputation::target),
    ("source_anubisnetworks", source_anubisnetworks::target),
    ("source_arf", source_arf::target),
    ("source_bambenek", source_bambenek::target),
    ("source_blocklist_de", source_blocklist_de::target),
    ("source_breached_accounts", source_breached_accounts::target),
    ("source_cert_eu", source_cert_eu::target),
    ("source_certstream", source_certstream::target),
    ("source_cins", source_cins::target),
    ("source_cleanmx", source_cleanmx::target),
    ("source_csv", source_csv::target),
    ("source_csv_mapping", source_csv_mapping::target),
    ("source_dataplane", source_dataplane::target),
    ("source_dshield", source_dshield::target),
    ("source_dshield_block", source_dshield_block::target),
    ("source_dshield_sources", source_dshield_sources::target),
    ("source_fraunhofer_dga", source_fraunhofer_dga::target),
    ("source_intelmq", source_intelmq::target),
    ("source_json", source_json::target),
    ("source_key_value", source_key_value::target),
    ("source_list", source_list::target),
    ("source_malwareurl", source_malwareurl::target),
    ("source_mcafee_atd", source_mcafee_atd::target),
    ("source_microsoft_bing", source_microsoft_bing::target),
    ("source_microsoft_ctip", source_microsoft_ctip::target),
    ("source_misp", source_misp::target),
    ("source_n6", source_n6::target),
    ("source_netlab_360", source_netlab_360::target),
    ("source_openphish", source_openphish::target),
    ("source_phishtank", source_phishtank::target),
    ("source_phishtank_csv", source_phishtank_csv::target),
    ("source_shadowserver", source_shadowserver::target),
    ("source_shodan", source_shodan::target),
    ("source_spamhaus_cert", source_spamhaus_cert::target),
    ("source_spamhaus_drop", source_spamhaus_drop::target),
    ("source_spamhaus_drop_text", source_spamhaus_drop_text::target),
    ("source_stix_bundle", source_stix_bundle::target),
    ("source_sucuri", source_sucuri::target),
    ("source_surbl", source_surbl::target),
    ("source_team_cymru", source_team_cymru::target),
    ("source_tor_exits", source_tor_exits::target),
    ("source_turris_greylist", source_turris_greylist::target),
    ("source_vxvault", source_vxvault::target),
    ("source_webinspector", source_webinspector::target),
    ("source_xarf", source_xarf::target),
    ("source_xarf_mail", source_xarf_mail::target),
    ("source_zone_h", source_zone_h::target),
    ("stix_check", stix_check::target),
    ("stix_object", stix_object::target),
    ("stix_pattern", stix_pattern::target),
    ("stix_pattern_match", stix_pattern_match::target),
    ("table_image", table_image::target),
    ("time_value", time_value::target),
    ("tlog_checkpoint", tlog_checkpoint::target),
    ("tlog_key", tlog_key::target),
    ("tlog_note", tlog_note::target),
    ("tlog_policy", tlog_policy::target),
    ("tlog_proof", tlog_proof::target),
    ("tlog_tile", tlog_tile::target),
    ("tlog_witness", tlog_witness::target),
    ("tsig", tsig::target),
    ("unpack", unpack::target),
    ("warning_classes", warning_classes::target),
    ("warning_list", warning_list::target),
];

fn main() {
    musubi_fuzz::stable::main(TARGETS);
}
