//! What the language means, where it ends, and that an index says what asking every pattern says.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn asked(pattern: &str, objects: &Value) -> Result<bool, Unevaluated> {
    let program = Program::parse(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
    program.matches(&[Observation::of_objects(objects.as_array().unwrap())])
}

fn wrong(pattern: &str) -> String {
    Pattern::parse(pattern).unwrap_err().to_string()
}

#[test]
fn a_mistake_is_named_with_its_place() {
    assert_eq!(wrong("file:size = 1"), r#"line 1, column 1: "file" stands where "[" or "(" is expected"#);
    assert_eq!(wrong("[file:size = 1\n  OR é]"), "line 2, column 6: 'é' has no meaning here");
    assert_eq!(wrong("[a:b = t'2024-13-01T12:00:00Z']"), "line 1, column 8: t'…' holds a time such as t'2026-11-23T09:30:00Z'");
    assert_eq!(wrong("[a:b LIKE 'c' "), r#"line 1, column 15: the pattern ends where "]" is expected"#);
    assert_eq!(
        wrong("[a:b-c = 1]"),
        r#"line 1, column 4: "b-c" stands where a property name, which is quoted when it has a hyphen, is expected"#
    );
    assert_eq!(wrong("[a:b = 99999999999999999999]"), "line 1, column 8: the whole number does not fit into 64 bits");
    assert_eq!(wrong(r"[a:b = 'c\d']"), r"line 1, column 8: a backslash in a string must be written \\, a quote \'");
    assert_eq!(Pattern::parse("[a:b = 1] x").unwrap_err().offset, 10);
}

#[test]
fn parentheses_end_somewhere() {
    let nested = |depth: usize| format!("{}[a:b = 1]{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Pattern::parse(&nested(MOST_DEPTH)).is_ok());
    assert!(wrong(&nested(MOST_DEPTH + 1)).contains("parentheses"));
    assert!(wrong(&"(".repeat(MOST_BYTES)).contains("parentheses"));
    assert!(wrong(&" ".repeat(MOST_BYTES + 1)).contains("too much"));
    assert!(wrong(&format!("[a:b{} = 1]", ".c".repeat(MOST_PATH_STEPS))).contains("steps"));
}

#[test]
fn comparisons_hold_for_one_object() {
    let people = json!([{"type": "person", "name": "alice", "age": 10}, {"type": "person", "name": "bob", "age": 15}]);
    assert_eq!(asked("[person:name = 'alice' AND person:age = 10]", &people), Ok(true));
    assert_eq!(asked("[person:name = 'alice' AND person:age = 15]", &people), Ok(false));
    assert_eq!(asked("[person:name = 'alice'] AND [person:age = 15]", &people), Ok(false), "two need two observations");
    // AND binds tighter.
    assert_eq!(asked("[person:name = 'carol' AND person:age = 1 OR person:age = 15]", &people), Ok(true));
    assert_eq!(asked("[person:name = 'carol' AND (person:age = 1 OR person:age = 15)]", &people), Ok(false));
}

#[test]
fn what_is_not_there_passes_nothing_but_not_exists() {
    let file = json!([{"type": "file", "name": "a", "size": null}]);
    for pattern in ["[file:hashes.MD5 != 'x']", "[file:hashes.MD5 NOT = 'x']", "[file:hashes.MD5 NOT LIKE 'x']", "[url:value != 'x']"] {
        assert_eq!(asked(pattern, &file), Ok(false), "{pattern}");
    }
    assert_eq!(asked("[NOT EXISTS file:hashes.MD5]", &file), Ok(true));
    assert_eq!(asked("[NOT EXISTS url:value]", &file), Ok(false), "there is no URL that lacks it");
    assert_eq!(asked("[EXISTS file:size AND file:size != 3]", &file), Ok(true));
}

#[test]
fn paths_go_through_lists_references_and_odd_names() {
    let objects = json!([
        {"type": "network-traffic", "id": "n", "dst_ref": "i", "protocols": ["ipv4", "tcp"], "extensions": {"http-request-ext": {"request_header": {"User-Agent": ["x"]}}}},
        {"type": "ipv4-addr", "id": "i", "value": "192.0.2.7", "belongs_to_refs": ["a", "b", "gone"]},
        {"type": "autonomous-system", "id": "a", "number": 64496},
        {"type": "autonomous-system", "id": "b", "number": 64497}]);
    assert_eq!(asked("[network-traffic:dst_ref.value = '192.0.2.7']", &objects), Ok(true));
    assert_eq!(asked("[network-traffic:dst_ref = 'i']", &objects), Ok(true));
    assert_eq!(asked("[network-traffic:dst_ref.belongs_to_refs[*].number = 64497]", &objects), Ok(true));
    assert_eq!(asked("[ipv4-addr:belongs_to_refs[0].number = 64497]", &objects), Ok(false));
    assert_eq!(asked("[network-traffic:protocols[1] = 'tcp']", &objects), Ok(true));
    assert_eq!(asked("[network-traffic:protocols[-1] = 'tcp']", &objects), Ok(false));
    assert_eq!(asked("[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'[*] = 'x']", &objects), Ok(true));
}

#[test]
fn networks_of_both_families_hold_their_parts() {
    let seen = json!([{"type": "ipv4-addr", "value": "192.0.2.77"}, {"type": "ipv6-addr", "value": "2001:db8::7"}, {"type": "ipv6-addr", "value": "2001:db8::/33"}]);
    assert_eq!(asked("[ipv4-addr:value ISSUBSET '192.0.2.0/25']", &seen), Ok(true));
    assert_eq!(asked("[ipv4-addr:value ISSUBSET '192.0.2.128/25']", &seen), Ok(false));
    assert_eq!(asked("[ipv4-addr:value ISSUBSET '0.0.0.0/0']", &seen), Ok(true));
    assert_eq!(asked("[ipv4-addr:value ISSUBSET '::/0']", &seen), Ok(false));
    assert_eq!(asked("[ipv6-addr:value ISSUBSET '2001:db8::/126']", &seen), Ok(false));
    assert_eq!(asked("[ipv6-addr:value ISSUBSET '2001:db8::/125']", &seen), Ok(true));
    assert_eq!(asked("[ipv6-addr:value ISSUPERSET '2001:db8:1::/48']", &seen), Ok(true));
    assert_eq!(asked("[ipv6-addr:value ISSUPERSET '2001:db8:8000::/48']", &seen), Ok(false));
    assert!(matches!(Program::parse("[ipv4-addr:value ISSUBSET '192.0.2']"), Err(Unusable::Network(_))));
}

#[test]
fn like_finds_its_parts_in_their_order() {
    let holds = |value: &str, like: &str| asked(&format!("[url:value LIKE '{like}']"), &json!([{"type": "url", "value": value}]));
    for (value, like) in [
        ("abcabc", "a%c"),
        ("abcabc", "%b%b%"),
        ("abc", "a_c"),
        ("a\nc", "a_c"),
        ("a\nc", "a%"),
        ("", "%"),
        ("", ""),
        ("aé", "a_"),
        ("a.c", "a.c"),
    ] {
        assert_eq!(holds(value, like), Ok(true), "{value:?} LIKE {like:?}");
    }
    for (value, like) in [("abc", "ab"), ("abc", "b%"), ("aa", "aa%a"), ("abc", "a__c"), ("axc", "a.c"), ("", "_"), ("abc", "%b")] {
        assert_eq!(holds(value, like), Ok(false), "{value:?} LIKE {like:?}");
    }
}

#[test]
fn what_would_take_too_long_is_refused() {
    // An expression whose automaton is large, one that looks ahead, one that refers back.
    for pattern in [r"[a:b MATCHES '(\\w{500}){500}']", "[a:b MATCHES '(?=x)']", r"[a:b MATCHES '(x)\\1']"] {
        assert!(matches!(Program::parse(pattern), Err(Unusable::Expression(..))), "{pattern}");
    }
    // An expression of many states on a long text; a short one is answered.
    let long = |length: usize| json!([{"type": "a", "b": "x".repeat(length)}]);
    assert_eq!(asked("[a:b MATCHES '(x?y?){2000}z']", &long(4_000_000)), Err(Unevaluated::TooMany));
    assert_eq!(asked("[a:b MATCHES '(x?y?){2000}z']", &long(100)), Ok(false));
    assert_eq!(asked("[a:b MATCHES 'xz$']", &long(20_000)), Ok(false));
    // References to all from all.
    let ids: Vec<_> = (0..50).map(|n| n.to_string()).collect();
    let objects: Vec<_> = ids.iter().map(|id| json!({"type": "a", "id": id, "b_refs": ids})).collect();
    let steps = "b_refs[*].".repeat(9);
    assert_eq!(asked(&format!("[a:{steps}c = 1]"), &json!(objects)), Err(Unevaluated::TooMany));
    // Pairs of which none is near enough.
    let observed: Vec<_> = (0..40)
        .map(|n| json!({"type": "observed-data", "first_observed": format!("2026-11-23T09:{n:02}:00Z"), "last_observed": format!("2026-11-23T09:{n:02}:00Z"), "number_observed": 1, "objects": {"0": {"type": "a", "b": 1}}}))
        .collect();
    let observations = Observation::read(&observed).unwrap();
    let answer = |text: &str| Program::parse(text).unwrap().matches(&observations);
    assert_eq!(answer("([a:b = 1] AND [a:b = 1] AND [a:b > 0]) REPEATS 8 TIMES WITHIN 60 SECONDS"), Err(Unevaluated::TooMany));
    assert_eq!(answer("([a:b = 1] AND [a:b > 0]) REPEATS 1000000 TIMES"), Ok(false));
    assert_eq!(answer("[a:b = 1] REPEATS 41 TIMES"), Ok(false));
    assert_eq!(answer("[a:b = 1] REPEATS 6 TIMES WITHIN 300 SECONDS"), Ok(true));
    assert_eq!(answer("[a:b = 1] REPEATS 7 TIMES WITHIN 300 SECONDS"), Ok(false));
    let chain = vec!["[a:b = 1]"; 300].join(" FOLLOWEDBY ");
    assert_eq!(answer(&chain), Err(Unevaluated::TooMany));
}

#[test]
fn what_was_removed_is_found_no_longer_and_leaves_nothing_behind() {
    let mut index = Index::new();
    let texts =
        ["[a:b = 'x']", "[a:b LIKE '%xyzw%']", "[a:b ISSUPERSET '192.0.2.0/24']", "[EXISTS a:c]", "[a:b = 'x' OR a:d > 1]", "[a:b IN ()]"];
    let slots: Vec<_> = texts.iter().map(|text| index.add(&Pattern::parse(text).unwrap()).unwrap()).collect();
    let seen = json!([{"type": "a", "b": "x", "c": 1}]);
    let observation = [Observation::of_objects(seen.as_array().unwrap())];
    assert_eq!(index.matches(&observation).matched, [slots[0], slots[3], slots[4]]);
    assert_eq!(index.statistics(), Statistics { patterns: 6, broad: 2, keys: 5, paths: 3 });
    for slot in slots {
        assert!(index.remove(slot) && !index.remove(slot));
    }
    assert_eq!(index.statistics(), Statistics { patterns: 0, broad: 0, keys: 0, paths: 0 });
    assert_eq!(index.matches(&observation), Found::default());
    assert!(index.add(&Pattern::parse("[a:b MATCHES '(?=x)']").unwrap()).is_err());
    assert_eq!(index.statistics().paths, 0);
}

fn constant() -> impl Strategy<Value = Constant> {
    prop_oneof![
        any::<i64>().prop_map(Constant::Int),
        any::<f64>().prop_filter("no number", |n| n.is_finite()).prop_map(Constant::Float),
        ".{0,6}".prop_map(Constant::Text),
        any::<bool>().prop_map(Constant::Bool),
        Just(Constant::Timestamp("2026-11-23T09:30:00.5Z".to_owned())),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Constant::Hex),
        prop::collection::vec(any::<u8>(), 1..4).prop_map(Constant::Binary),
    ]
}

fn path() -> impl Strategy<Value = ObjectPath> {
    let key = || prop_oneof!["[a-z_]{1,4}", Just("AND".to_owned()), Just("SHA-256".to_owned()), ".{0,3}"].prop_map(Step::Key);
    let step = prop_oneof![key(), any::<i64>().prop_map(Step::Index), Just(Step::Any)];
    ("[a-z]{1,3}(-[a-z]{1,3})?", key(), prop::collection::vec(step, 0..3))
        .prop_map(|(object_type, first, rest)| ObjectPath { object_type, steps: std::iter::once(first).chain(rest).collect() })
}

fn operation() -> impl Strategy<Value = Operation> {
    let ordered = constant().prop_filter("no order", |constant| !matches!(constant, Constant::Bool(_)));
    let order = prop_oneof![Just(Order::Less), Just(Order::LessOrEqual), Just(Order::Greater), Just(Order::GreaterOrEqual)];
    prop_oneof![
        constant().prop_map(Operation::Equal),
        constant().prop_map(Operation::NotEqual),
        (order, ordered).prop_map(|(order, constant)| Operation::Order(order, constant)),
        prop::collection::vec(constant(), 0..4).prop_map(Operation::In),
        ".{0,6}".prop_map(Operation::Like),
        ".{0,6}".prop_map(Operation::Matches),
        ".{0,6}".prop_map(Operation::IsSubset),
        ".{0,6}".prop_map(Operation::IsSuperset),
        Just(Operation::Exists),
    ]
}

fn comparison(test: impl Strategy<Value = PropertyTest> + 'static) -> impl Strategy<Value = Comparison> {
    test.prop_map(Comparison::Test).prop_recursive(3, 12, 3, |inner| {
        let some = prop::collection::vec(inner, 2..4);
        prop_oneof![some.clone().prop_map(Comparison::And), some.prop_map(Comparison::Or)]
    })
}

fn observed(
    one: impl Strategy<Value = Comparison> + 'static,
    qualifier: impl Strategy<Value = Qualifier> + Clone + 'static,
) -> impl Strategy<Value = ObservationExpression> {
    one.prop_map(ObservationExpression::One).prop_recursive(3, 8, 3, move |inner| {
        let some = prop::collection::vec(inner.clone(), 2..4);
        let qualifiers = prop::collection::vec(qualifier.clone(), 1..3);
        prop_oneof![
            some.clone().prop_map(ObservationExpression::And),
            some.clone().prop_map(ObservationExpression::Or),
            some.prop_map(ObservationExpression::FollowedBy),
            (inner, qualifiers).prop_map(|(of, qualifiers)| ObservationExpression::Qualified(Box::new(of), qualifiers)),
        ]
    })
}

fn qualifier() -> impl Strategy<Value = Qualifier> + Clone {
    let time = |second: i64| format!("2026-11-23T09:30:0{second}Z");
    prop_oneof![
        (1_i64..4).prop_map(Qualifier::Repeats),
        prop_oneof![Just(0.5), Just(1.0), Just(2.0), Just(3.0)].prop_map(Qualifier::Within),
        (0_i64..7, 0_i64..8).prop_map(move |(start, stop)| Qualifier::StartStop { start: time(start), stop: time(stop) }),
    ]
}

/// Tests of a small world, so that patterns and objects meet.
fn small_test() -> impl Strategy<Value = PropertyTest> {
    let text = || {
        prop_oneof![Just("x"), Just("abcdefgh/1"), Just("é"), Just("e\u{301}"), Just("192.0.2.1"), Just("192.0.2.0/24")]
            .prop_map(str::to_owned)
    };
    let value = prop_oneof![
        text().prop_map(Constant::Text),
        (0_i64..3).prop_map(Constant::Int),
        Just(Constant::Float(1.0)),
        any::<bool>().prop_map(Constant::Bool),
        Just(Constant::Hex(b"x".to_vec()))
    ];
    let like = prop_oneof![
        text(),
        text().prop_map(|text| format!("%{text}")),
        Just("abc%gh__".to_owned()),
        Just("%".to_owned()),
        Just("%cdef%".to_owned())
    ];
    let matches = prop_oneof![Just("x"), Just("^abc(d|e)+efgh"), Just("(?i)CDEF"), Just("[0-9]+\\.0\\.2"), Just("é$"), Just("")]
        .prop_map(str::to_owned);
    let network =
        prop_oneof![Just("192.0.2.1"), Just("192.0.2.0/24"), Just("192.0.0.0/8"), Just("0.0.0.0/0"), Just("::/0")].prop_map(str::to_owned);
    let operation = prop_oneof![
        value.clone().prop_map(Operation::Equal),
        value.clone().prop_map(Operation::NotEqual),
        (0_i64..3).prop_map(|n| Operation::Order(Order::Greater, Constant::Int(n))),
        prop::collection::vec(text().prop_map(Constant::Text), 0..3).prop_map(Operation::In),
        like.prop_map(Operation::Like),
        matches.prop_map(Operation::Matches),
        network.clone().prop_map(Operation::IsSubset),
        network.prop_map(Operation::IsSuperset),
        Just(Operation::Exists),
    ];
    let path = prop_oneof![Just("a:v"), Just("a:l[*]"), Just("a:l[0]"), Just("a:o_ref.v"), Just("a:v_hex"), Just("b:v")];
    (path, any::<bool>(), operation).prop_map(|(path, negated, operation)| PropertyTest { path: path.parse().unwrap(), negated, operation })
}

fn small_objects() -> impl Strategy<Value = Vec<Value>> {
    let value = || {
        prop_oneof![
            Just(json!("x")),
            Just(json!("abcdefgh/1")),
            Just(json!("é")),
            Just(json!("e\u{301}")),
            Just(json!("192.0.2.1")),
            Just(json!("192.0.2.0/24")),
            (0..3).prop_map(|n| json!(n)),
            Just(json!(1.0)),
            Just(json!(null)),
            any::<bool>().prop_map(|b| json!(b))
        ]
    };
    let hex = prop_oneof![Just(json!("78")), Just(json!("7")), Just(json!("c3a9"))];
    prop::collection::vec(
        (
            prop_oneof![Just("a"), Just("b")],
            prop::option::of(value()),
            prop::collection::vec(value(), 0..3),
            0..3_usize,
            prop::option::of(hex),
        ),
        0..3,
    )
    .prop_map(|objects| {
        objects
            .into_iter()
            .enumerate()
            .map(|(id, (object_type, v, l, other, hex))| {
                let mut object = json!({"type": object_type, "id": id.to_string(), "l": l, "o_ref": other.to_string()});
                if let Some(v) = v {
                    object["v"] = v;
                }
                if let Some(hex) = hex {
                    object["v_hex"] = hex;
                }
                object
            })
            .collect()
    })
}

/// Every binding, by the words of the standard: each a list of observations, with those bound twice standing twice.
fn bindings(expression: &ObservationExpression, spans: &[(i64, i64, usize)], values: &[i64]) -> Vec<Vec<usize>> {
    let free = |binding: &[usize]| (0..spans.len()).all(|at| binding.iter().filter(|bound| **bound == at).count() <= spans[at].2);
    let join = |left: Vec<Vec<usize>>, right: &[Vec<usize>], may: &dyn Fn(&[usize], &[usize]) -> bool| {
        let mut all: Vec<Vec<usize>> =
            left.iter().flat_map(|l| right.iter().filter(|r| may(l, r)).map(|r| [&l[..], r].concat())).filter(|b| free(b)).collect();
        all.sort();
        all.dedup();
        all
    };
    let list = |all: &[ObservationExpression]| all.iter().map(|one| bindings(one, spans, values)).collect::<Vec<_>>();
    match expression {
        ObservationExpression::One(Comparison::Test(PropertyTest { operation: Operation::Equal(Constant::Int(n)), .. })) => {
            (0..spans.len()).filter(|at| values[*at] == *n).map(|at| vec![at]).collect()
        }
        ObservationExpression::One(_) => Vec::new(),
        ObservationExpression::And(all) => list(all).into_iter().reduce(|l, r| join(l, &r, &|_, _| true)).unwrap_or_default(),
        ObservationExpression::Or(all) => list(all).concat(),
        ObservationExpression::FollowedBy(all) => {
            let follows = |l: &[usize], r: &[usize]| l.iter().map(|at| spans[*at].0).max() <= r.iter().map(|at| spans[*at].1).min();
            list(all).into_iter().reduce(|l, r| join(l, &r, &follows)).unwrap_or_default()
        }
        ObservationExpression::Qualified(of, qualifiers) => {
            qualifiers.iter().fold(bindings(of, spans, values), |found, qualifier| match qualifier {
                Qualifier::Repeats(times) => (1..*times).fold(found.clone(), |all, _| join(all, &found, &|_, _| true)),
                Qualifier::Within(seconds) => found
                    .into_iter()
                    .filter(|binding| {
                        let last_first = binding.iter().map(|at| spans[*at].0).max().unwrap();
                        let first_last = binding.iter().map(|at| spans[*at].1).min().unwrap();
                        (last_first - first_last) as f64 <= *seconds
                    })
                    .collect(),
                Qualifier::StartStop { start, stop } => {
                    let second = |text: &str| text[18..19].parse::<i64>().unwrap();
                    let (start, stop) = (second(start), second(stop));
                    found.into_iter().filter(|b| start < stop && b.iter().all(|at| spans[*at].0 < stop && spans[*at].1 >= start)).collect()
                }
            })
        }
    }
}

fn number_test() -> impl Strategy<Value = Comparison> {
    (0_i64..2).prop_map(|n| {
        Comparison::Test(PropertyTest { path: "a:v".parse().unwrap(), negated: false, operation: Operation::Equal(Constant::Int(n)) })
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_the_same(
        expression in observed(comparison((path(), any::<bool>(), operation()).prop_map(|(path, negated, operation)| PropertyTest { path, negated, operation })), qualifier()),
    ) {
        let pattern = Pattern { expression };
        let printed = pattern.to_string();
        prop_assert_eq!(Pattern::parse(&printed), Ok(pattern.clone()), "{}", printed);
        pattern.findings();
        let _ = Program::new(&pattern);
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[\\[\\]()' \\\\a-c:.*=<>A-Zhbt'0-9+/-]{0,60}") {
        if let Err(wrong) = Pattern::parse(&text) {
            prop_assert!(text.is_char_boundary(wrong.offset));
        }
    }

    #[test]
    fn an_index_says_what_asking_every_pattern_says(
        expressions in prop::collection::vec(observed(comparison(small_test()), qualifier()), 1..12),
        objects in prop::collection::vec(small_objects(), 1..3),
        gone in any::<prop::sample::Index>(),
    ) {
        let patterns: Vec<_> = expressions.into_iter().map(|expression| Pattern { expression }).collect();
        let mut index = Index::new();
        let mut held: Vec<_> = patterns.iter().filter_map(|pattern| Some((index.add(pattern).ok()?, Program::new(pattern).unwrap()))).collect();
        let observations: Vec<_> = objects.iter().map(|objects| Observation::of_objects(objects)).collect();
        for _ in 0..2 {
            let mut matched: Vec<_> = held.iter().filter(|(_, program)| program.matches(&observations) == Ok(true)).map(|(slot, _)| *slot).collect();
            matched.sort_unstable();
            prop_assert_eq!(&index.matches(&observations).matched, &matched);
            if !held.is_empty() {
                let (slot, _) = held.swap_remove(gone.index(held.len()));
                prop_assert!(index.remove(slot));
            }
        }
    }

    #[test]
    fn a_search_finds_what_trying_every_binding_finds(
        expression in observed(number_test(), qualifier()),
        seen in prop::collection::vec((0_i64..6, 0_i64..3, 1_usize..3, 0_i64..2), 0..5),
    ) {
        let spans: Vec<_> = seen.iter().map(|(first, length, count, _)| (*first, first + length, *count)).collect();
        let values: Vec<_> = seen.iter().map(|(.., value)| *value).collect();
        let data: Vec<_> = seen.iter().zip(&spans).map(|((first, .., count, value), (_, last, _))| json!({
            "type": "observed-data", "number_observed": count, "objects": {"0": {"type": "a", "v": value}},
            "first_observed": format!("2026-11-23T09:30:0{first}Z"), "last_observed": format!("2026-11-23T09:30:0{last}Z"),
        })).collect();
        let pattern = Pattern { expression };
        let answer = Program::new(&pattern).unwrap().matches(&Observation::read(&data).unwrap());
        prop_assume!(answer != Err(Unevaluated::TooMany));
        prop_assert_eq!(answer, Ok(!bindings(&pattern.expression, &spans, &values).is_empty()), "{} on {:?}", pattern, seen);
    }
}

#[test]
fn a_span_beyond_whole_numbers_is_printed_so_that_it_can_be_read() {
    let pattern = Pattern::parse("[a:b = 1] WITHIN 184467440737095500000.5 SECONDS").unwrap();
    assert_eq!(Pattern::parse(&pattern.to_string()), Ok(pattern));
}
