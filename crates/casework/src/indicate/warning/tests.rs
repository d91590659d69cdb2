//! What hits a warning list of each kind, and that looking up says what asking every entry says.

use formats::value::network;
use formats::warning_list::{read_json, read_text};
use proptest::prelude::*;

use super::*;

fn compile(lists: &[(&str, WarningList)]) -> Warnings {
    let mut compiler = Compiler::new(Classes::default());
    for (slug, list) in lists {
        compiler.add(slug, list).unwrap();
    }
    compiler.finish().unwrap()
}

fn found(warnings: &Warnings, kind: Kind, value: &str) -> Vec<String> {
    let mut hits = Vec::new();
    warnings.look_up(Kinds::of(kind), value, &mut hits);
    hits.into_iter().map(|hit| format!("{} {}", warnings.list(hit).slug, warnings.entry(hit))).collect()
}

fn list(matching: Matching, text: &str) -> WarningList {
    read_text(text.as_bytes(), matching).unwrap()
}

/// The same question answered entry by entry.
fn naively(lists: &[(&str, WarningList)], kinds: Kinds, value: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (slug, list) in lists {
        let of = Kinds::of_misp(&list.matching_attributes);
        if !of.meets(kinds) {
            continue;
        }
        for entry in &list.entries {
            let entry_as_compared = match list.matching {
                Matching::Hostname => entry.trim_matches('.').to_ascii_lowercase(),
                Matching::Cidr => warning_list::network(entry).unwrap().to_string(),
                Matching::String if of.meets(Kinds::of(Kind::Domain)) && value != entry => entry.to_ascii_lowercase(),
                Matching::String | Matching::Substring | Matching::Regex => entry.clone(),
            };
            let hit = match list.matching {
                Matching::String => value == entry_as_compared,
                Matching::Hostname => {
                    let host = host(value).to_ascii_lowercase();
                    host == entry_as_compared || host.ends_with(&format!(".{entry_as_compared}"))
                }
                Matching::Substring => value.contains(entry.as_str()),
                Matching::Cidr => warning_list::network(value).is_some_and(|asked| {
                    let around = warning_list::network(entry).unwrap();
                    around.length() <= asked.length() && around.contains(asked.address())
                }),
                Matching::Regex => {
                    RegexBuilder::new(&warning_list::expression(entry).unwrap()).unicode(false).build().unwrap().is_match(value.as_bytes())
                }
            };
            if hit {
                found.push(format!("{slug} {entry_as_compared}"));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn a_name_hits_with_all_its_parents_and_only_at_the_dots() {
    let warnings = compile(&[("a", list(Matching::Hostname, ".Example\nwww.example\nexample.org"))]);
    assert_eq!(found(&warnings, Kind::Domain, "a.www.example"), ["a example", "a www.example"]);
    assert_eq!(found(&warnings, Kind::Url, "https://u:p@WWW.example.:8443/x?y//z"), ["a example", "a www.example"]);
    assert_eq!(found(&warnings, Kind::Domain, "notexample.org"), [""; 0]);
}

#[test]
fn a_text_hits_whole_and_in_its_letter_case_unless_it_is_a_name() {
    let hashes = read_json(br#"{"type": "string", "matching_attributes": ["md5"], "list": ["AA", "bb"]}"#).unwrap();
    let names = read_json(br#"{"type": "string", "matching_attributes": ["domain"], "list": ["COM"]}"#).unwrap();
    let warnings = compile(&[("hashes", hashes), ("names", names)]);
    assert_eq!(found(&warnings, Kind::Md5, "aa"), [""; 0]);
    assert_eq!(found(&warnings, Kind::Md5, "AA"), ["hashes AA"]);
    assert_eq!(found(&warnings, Kind::Domain, "com"), ["names com"]);
    assert_eq!(found(&warnings, Kind::Domain, "bb"), [""; 0], "a list is asked only about the kinds it names");
}

#[test]
fn a_network_hits_only_what_holds_it_whole() {
    let warnings = compile(&[("a", list(Matching::Cidr, "10.0.0.0/8\n10.1.0.0/16\n10.1.2.3\n2001:db8::/32"))]);
    assert_eq!(found(&warnings, Kind::Address, "10.1.2.3"), ["a 10.0.0.0/8", "a 10.1.0.0/16", "a 10.1.2.3/32"]);
    assert_eq!(found(&warnings, Kind::Network, "10.1.0.0/12"), ["a 10.0.0.0/8"]);
    assert_eq!(found(&warnings, Kind::Address, "::ffff:10.9.9.9"), ["a 10.0.0.0/8"]);
    assert_eq!(found(&warnings, Kind::Address, "2001:DB8::1"), ["a 2001:db8::/32"]);
    let inside = warnings.inside(network("10.1.0.0/15").unwrap(), Class::Warn, 10);
    assert_eq!(inside.len(), 2);
}

#[test]
fn an_expression_that_cannot_be_used_is_set_aside_and_named() {
    let warnings = compile(&[("a", list(Matching::Regex, "/^(noc|abuse)\\@.*\\..*$/i\n/(?=x)/\n/([/"))]);
    assert_eq!(found(&warnings, Kind::MailAddress, "ABUSE@isp.example"), ["a /^(noc|abuse)\\@.*\\..*$/i"]);
    let aside = &warnings.lists()[0].set_aside;
    assert_eq!(aside.len(), 2, "{aside:?}");
    assert!(aside[0].contains("(?=x)"));
}

#[test]
fn a_list_of_that_name_is_there_already() {
    let mut compiler = Compiler::new(Classes::default());
    compiler.add("a", &list(Matching::String, "x")).unwrap();
    assert_eq!(compiler.add("a", &list(Matching::String, "y")), Err(CompileError::Twice { list: "a".into() }));
}

fn some_list() -> impl Strategy<Value = WarningList> {
    let attributes = prop::collection::vec(prop::sample::select(vec!["domain", "ip-src", "url", "domain|ip", "md5", "email-src"]), 0..3);
    let entries = prop_oneof![
        prop::collection::vec("[aA](\\.[abAB.]{1,3}){0,2}|[ab]{1,2}", 0..12).prop_map(|entries| (Matching::String, entries)),
        prop::collection::vec("\\.?[abA](\\.[ab]){0,3}\\.?", 0..12).prop_map(|entries| (Matching::Hostname, entries)),
        prop::collection::vec("[ab.1]{1,3}", 0..12).prop_map(|entries| (Matching::Substring, entries)),
        prop::collection::vec("1\\.[12]\\.[0-3]\\.[0-4](/([89]|1[0-9]|2[0-9]|3[0-2]))?|1:[0-2]::[0-3](/(16|3[0-9]|12[0-8]))?", 0..12)
            .prop_map(|entries| (Matching::Cidr, entries)),
        prop::collection::vec("/\\^?(a|b|\\.){1,3}[+*?]?\\$?/i?", 0..6).prop_map(|entries| (Matching::Regex, entries)),
    ];
    (attributes, entries).prop_map(|(attributes, (matching, entries))| WarningList {
        matching,
        matching_attributes: attributes.into_iter().map(str::to_owned).collect(),
        entries,
        ..WarningList::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_hits_are_those_of_asking_every_entry(
        lists in prop::collection::vec(some_list(), 0..6),
        values in prop::collection::vec("[abA](\\.[abAB]){0,4}|1\\.[12]\\.[0-3]\\.[0-4](/[1-3][0-9])?|1:[0-2]::[0-3]|http://([ab]\\.){0,2}[abB](:80)?/[ab.]{0,3}|[ab.]{1,4}", 1..20),
        kind in 0_usize..7,
    ) {
        let slugs = ["one", "two", "three", "four", "five", "six"];
        let lists: Vec<_> = slugs.into_iter().zip(lists).collect();
        let warnings = compile(&lists);
        let kinds = [Kind::Domain, Kind::Address, Kind::Network, Kind::Url, Kind::Md5, Kind::MailAddress].get(kind).map_or(Kinds::ALL, |kind| Kinds::of(*kind));
        let mut hits = Vec::new();
        for value in values {
            warnings.look_up(kinds, &value, &mut hits);
            let mut found: Vec<_> = hits.iter().map(|hit| format!("{} {}", warnings.list(*hit).slug, warnings.entry(*hit))).collect();
            found.sort();
            found.dedup();
            prop_assert_eq!(found, naively(&lists, kinds, &value), "{}", value);
        }
    }
}
