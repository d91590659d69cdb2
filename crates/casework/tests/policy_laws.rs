//! Is the policy lawful in universes nobody has written down? Each law is a property over generated parties, agreements,
//! terms and circumstances. `policy_laws.py` proves the same laws for every universe.

#[path = "policy/universe.rs"]
mod universe;

use casework::model::party::{Party, PartyKind};
use casework::model::terms::{Attribution, Terms, Tlp};
use casework::share::obligation::{Obligation, obligations};
use casework::share::{Decision, Denial, Ground, Holder, Outcome, PartyNumber, Question, Redaction, Redactions};
use proptest::prelude::*;
use universe::{Case, PARTIES, World, case, party_id, terms, world};

fn decide(world: &World, terms: &Terms, case: Case) -> Decision {
    let universe = world.universe();
    let terms = universe.compile(terms);
    case.holder(&universe).decide(&case.question(&universe, &terms))
}

/// How much a decision gives: a denial nothing, else what is left after redaction.
fn gives_no_more(strict: &Decision, loose: &Decision) -> bool {
    match (strict.is_allowed(), loose.is_allowed()) {
        (false, _) => true,
        (true, false) => false,
        (true, true) => loose.redactions().is_within(strict.redactions()),
    }
}

fn is_public(world: &World, party: u8) -> bool {
    world.parties[usize::from(party)].kind == PartyKind::Public
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn joining_terms_asks_neither_for_order_nor_for_times(a in terms(), b in terms(), c in terms()) {
        prop_assert_eq!(a.join(&a), a.clone());
        prop_assert_eq!(a.join(&b), b.join(&a));
        prop_assert_eq!(a.join(&b.join(&c)), a.join(&b).join(&c));
        prop_assert!(a.leq(&a.join(&b)) && b.leq(&a.join(&b)));
    }

    #[test]
    fn terms_are_read_back_from_their_text_and_equal_ones_have_one(a in terms(), b in terms()) {
        prop_assert_eq!(&a.to_string().parse::<Terms>().unwrap(), &a);
        prop_assert_eq!(a == b, a.to_string() == b.to_string());
    }

    #[test]
    fn no_text_makes_reading_terms_panic(text in "\\PC{0,60}") {
        if let Ok(terms) = text.parse::<Terms>() {
            prop_assert_eq!(terms.to_string().parse::<Terms>().unwrap(), terms);
        }
    }

    #[test]
    fn tightening_any_term_never_widens_the_audience_nor_drops_a_redaction(w in world(), a in terms(), b in terms(), case in case()) {
        let (loose, strict) = (decide(&w, &a, case), decide(&w, &a.join(&b), case));
        prop_assert!(gives_no_more(&strict, &loose), "{loose:?} became {strict:?}");
    }

    #[test]
    fn derived_data_is_never_freer_than_any_source(w in world(), sources in proptest::collection::vec(terms(), 1..4), case in case()) {
        let derived = sources.iter().skip(1).fold(sources[0].clone(), |all, one| all.join(one));
        let derived = decide(&w, &derived, case);
        for source in &sources {
            prop_assert!(gives_no_more(&derived, &decide(&w, source, case)));
        }
    }

    #[test]
    fn amber_strict_stays_in_the_organisation_and_red_with_those_whom_the_source_named(w in world(), mut t in terms(), case in case()) {
        let named = t.recipients.contains(&party_id(case.to)) || case.consent;
        t.tlp = Tlp::AmberStrict;
        prop_assert!(!decide(&w, &t, case).is_allowed() || named || case.holder == case.to);
        t.tlp = Tlp::Red;
        prop_assert!(!decide(&w, &t, case).is_allowed() || named);
    }

    #[test]
    fn nothing_above_clear_reaches_the_public(w in world(), t in terms(), case in case()) {
        let allowed = decide(&w, &t, case).is_allowed();
        prop_assert!(!(allowed && is_public(&w, case.to) && t.tlp > Tlp::Clear));
    }

    #[test]
    fn nothing_is_given_after_expiry_or_to_others_before_the_embargo_ends(w in world(), t in terms(), case in case()) {
        let decision = decide(&w, &t, case);
        let now = universe::at(case.now);
        prop_assert!(!decision.is_allowed() || t.expiry.is_none_or(|end| now < end));
        let excepted = case.provider == Some(case.to) || t.recipients.contains(&party_id(case.to));
        prop_assert!(!decision.is_allowed() || excepted || t.embargo.is_none_or(|begin| now >= begin));
    }

    #[test]
    fn what_crosses_organisations_above_clear_cites_an_agreement_in_force_or_a_named_recipient(w in world(), t in terms(), case in case()) {
        let universe = w.universe();
        let decision = decide(&w, &t, case);
        if decision.is_allowed() && case.holder != case.to && t.tlp > Tlp::Clear {
            match decision.agreement() {
                None => prop_assert_eq!(decision.ground(), Some(Ground::Named)),
                Some(number) => {
                    let cited = w.agreements.iter().find(|a| a.id == universe.agreement(number)).unwrap();
                    let covers = |n: u8| {
                        let party = &w.parties[usize::from(n)];
                        cited.parties.contains(&party.id) || cited.communities.iter().any(|c| party.communities.contains(c))
                    };
                    prop_assert!(covers(case.holder) && covers(case.to) && cited.in_force(universe::at(case.now)));
                    prop_assert!(t.tlp <= cited.max_tlp && cited.purposes.contains(&case.purpose));
                    prop_assert!(cited.channels.is_empty() || cited.channels.contains(&case.channel));
                }
            }
        }
    }

    #[test]
    fn removing_an_agreement_never_widens(w in world(), t in terms(), case in case(), at in any::<proptest::sample::Index>()) {
        let mut less = w.clone();
        if !less.agreements.is_empty() {
            less.agreements.remove(at.index(less.agreements.len()));
        }
        prop_assert!(gives_no_more(&decide(&less, &t, case), &decide(&w, &t, case)));
    }

    #[test]
    fn attribution_that_must_not_be_hides_the_provider_outside(w in world(), mut t in terms(), case in case()) {
        t.attribution = Attribution::MUST_NOT;
        let decision = decide(&w, &t, case);
        prop_assert!(!decision.is_allowed() || case.holder == case.to || decision.redactions().holds(Redaction::ProviderIdentity));
    }

    #[test]
    fn a_denial_has_exactly_one_decisive_reason_and_an_answer_is_always_the_same(w in world(), t in terms(), case in case()) {
        let universe = w.universe();
        let compiled = universe.compile(&t);
        let holder = case.holder(&universe);
        let question = case.question(&universe, &compiled);
        let decision = holder.decide(&question);
        prop_assert_eq!(decision, holder.decide(&question));
        prop_assert_eq!(decision.denial().is_some(), decision.outcome() == Outcome::Deny);
        let told = holder.explain(&question);
        let denying: Vec<_> = told.reasons.iter().filter(|r| r.effect.as_str() == "deny").map(|r| r.rule).collect();
        prop_assert_eq!(denying, decision.denial().map(Denial::code).into_iter().collect::<Vec<_>>());
        prop_assert_eq!(told.reasons.last().is_some_and(|r| r.effect.as_str() == "deny"), !decision.is_allowed());
        prop_assert!(told.reasons.iter().all(|r| !r.en.is_empty() && r.ja.chars().any(|c| c >= '一')));
        prop_assert_eq!((told.outcome, told.redactions), (decision.outcome(), decision.redactions().iter().collect::<Vec<_>>()));
        prop_assert!(decision.is_allowed() || (told.obligations.is_empty() && decision.redactions() == Redactions::NONE));
    }

    #[test]
    fn what_is_handed_on_is_held_under_terms_that_are_no_looser(w in world(), t in terms(), case in case()) {
        let universe = w.universe();
        let held = case.holder(&universe).transfer(&universe.compile(&t), Case::number(&universe, case.to));
        prop_assert!(t.leq(&held), "{t} became {held}");
    }

    /// Whoever the second holder may tell under stricter terms, it may tell under looser ones.
    #[test]
    fn tightening_at_the_source_never_widens_the_second_hop(w in world(), a in terms(), b in terms(), via in 0..PARTIES, case in case()) {
        let universe = w.universe();
        let strict = a.join(&b);
        let second = Case { holder: via, ..case };
        let at_second = |terms: &Terms| {
            let held = case.holder(&universe).transfer(&universe.compile(terms), Case::number(&universe, via));
            let held = universe.compile(&held);
            second.holder(&universe).decide(&second.question(&universe, &held))
        };
        prop_assert!(gives_no_more(&at_second(&strict), &at_second(&a)));
    }

    /// However often it is passed on: above CLEAR it reaches the first holder, its clients, members of its community (as the terms bind
    /// it) and their clients, and those whom the source named. Nobody else.
    #[test]
    fn no_chain_of_hops_leaves_the_audience_of_the_first_holder(w in world(), mut t in terms(), hops in proptest::collection::vec(0..PARTIES, 1..6), case in case()) {
        t.tlp = t.tlp.max(Tlp::Green);
        let universe = w.universe();
        let first = universe.holder(Case::number(&universe, case.holder));
        let (mut at, mut held) = (case.holder, t.clone());
        let mut case = case;
        for to in hops {
            (case.holder, case.to, case.consent) = (at, to, false);
            let compiled = universe.compile(&held);
            let holder = case.holder(&universe);
            if !holder.decide(&case.question(&universe, &compiled)).is_allowed() {
                continue;
            }
            held = holder.transfer(&compiled, Case::number(&universe, to));
            at = to;
            prop_assert!(in_first_audience(&w, &first, &t, Case::number(&universe, to), to), "{t} reached {to} from {}", case.holder);
        }
    }

    #[test]
    fn obligations_of_stricter_terms_bind_at_least_as_much(a in terms(), b in terms()) {
        let (loose, strict) = (obligations(&a, None), obligations(&a.join(&b), None));
        prop_assert!(a.join(&b).attribution == Attribution::CONFLICT || loose.iter().all(|one| strict.iter().any(|other| binds_as_much(one, other))));
    }

    #[test]
    fn a_holder_that_is_not_a_party_gives_nothing_and_a_party_of_another_universe_gets_nothing(w in world(), t in terms(), case in case()) {
        let (universe, nobody) = (w.universe(), World { parties: Vec::new(), agreements: Vec::new() }.universe());
        let compiled = universe.compile(&t);
        let holder = nobody.holder(Case::number(&universe, case.holder));
        prop_assert_eq!(holder.decide(&case.question(&universe, &compiled)).denial(), Some(Denial::Unknown));
        prop_assert_eq!(holder.explain(&case.question(&universe, &compiled)).outcome, Outcome::Deny);
    }
}

fn in_first_audience(world: &World, first: &Holder<'_>, terms: &Terms, to: PartyNumber, n: u8) -> bool {
    let me = first.universe().parties().find(|(number, _)| *number == first.number()).map(|(_, id)| id.clone()).unwrap();
    let party = &world.parties[usize::from(n)];
    let mine = world.parties.iter().find(|p| p.id == me).unwrap();
    let bound = |community: &String| mine.communities.contains(community) && terms.community.as_ref().is_none_or(|b| b.contains(community));
    let member = |party: &Party| party.communities.iter().any(bound);
    let green = terms.tlp <= Tlp::Green;
    to == first.number()
        || terms.recipients.contains(&party.id)
        || (terms.tlp <= Tlp::Amber && party.clients_of.contains(&me))
        || (green && (member(party) || world.parties.iter().any(|other| member(other) && party.clients_of.contains(&other.id))))
}

fn binds_as_much(one: &Obligation, other: &Obligation) -> bool {
    match (one, other) {
        (Obligation::Tlp(one), Obligation::Tlp(other)) => one <= other,
        (Obligation::Pap(one), Obligation::Pap(other)) => one <= other,
        (Obligation::Act(one), Obligation::Act(other)) => one <= other,
        (Obligation::DeleteBy(one), Obligation::DeleteBy(other)) => one >= other,
        // Above GREEN there is no community to be kept to.
        (Obligation::Community(_), Obligation::Tlp(other)) if *other > Tlp::Green => true,
        (Obligation::Community(one), Obligation::Community(other)) => other.is_subset(one),
        (one, other) => one == other,
    }
}

#[test]
fn a_question_of_a_client_outside_the_community_is_answered_alike_for_green_and_amber() {
    // Read word by word, TLP 2.0 would deny GREEN and allow AMBER.
    let parties =
        [universe::party("nisc", PartyKind::NationalCsirt, &["APCERT"], &[]), universe::party("isp", PartyKind::Provider, &[], &["nisc"])];
    let all = casework::share::Universe::new(&parties, &[universe::agreement("service", &["nisc", "isp"], Tlp::Amber)]);
    let (nisc, isp) = (all.number(&parties[0].id).unwrap(), all.number(&parties[1].id).unwrap());
    for (tlp, allowed) in [(Tlp::Green, true), (Tlp::Amber, true), (Tlp::AmberStrict, false)] {
        let terms = all.compile(&Terms::of(tlp));
        let question = Question { to: isp, ..universe::plain(&terms, isp) };
        assert_eq!(all.holder(nisc).decide(&question).is_allowed(), allowed, "{tlp}");
    }
}
