//! What do MISP's tags, distribution and sharing groups say in our terms, and how are our terms said to a MISP?
//!
//! MISP says with a number how far something may travel, and means something else by it at each hop; our terms say who may have it. On
//! arrival everything that speaks is heard and the strictest holds: the tags, the distribution, the defaults of collection and giver.
//! A number alone frees nothing: what carries no TLP and has no default stays unmarked, whatever its distribution. Outwards 1 and 2 are
//! never written, for they change their meaning at each hop.

use std::collections::{BTreeMap, BTreeSet};

use formats::misp::event::{Attribute, Event, SharingGroup, Tag};
use formats::misp::tag::{self, Distribution};
use formats::misp::{self, Flag};
use formats::stix::id::uuid_v5;
use uuid::Uuid;

use crate::model::party::PartyId;
use crate::model::terms::{Pap, Terms, Tlp};

/// Under this the UUIDs of organisations and sharing groups are made (UUIDv5, RFC 9562 §5.5).
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0a_3d2e_52c4_5b6f_9d1c_0a8e_7b41_c3d5);

/// The organisation as which a party is known to MISP: the same on every node that uses the same name for it.
pub fn organisation(party: &PartyId) -> Uuid {
    uuid_v5(&NAMESPACE, format!("organisation {party}").as_bytes())
}

/// The sharing group of the members of communities under an agreement.
fn community_group(agreement: &str, communities: &BTreeSet<String>) -> Uuid {
    let names: Vec<&str> = communities.iter().map(String::as_str).collect();
    uuid_v5(&NAMESPACE, format!("sharing group {agreement} {}", names.join(" ")).as_bytes())
}

/// What an event that arrives says of its terms.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Arriving {
    /// The strictest label of the event or of anything in it.
    pub tlp: Option<Tlp>,
    pub pap: Pap,
    /// The label that its distributions are worth at least.
    pub by_distribution: Option<Tlp>,
    /// Parties in its sharing groups, in all of them where it has several. Organisations that are no party here are nobody.
    pub members: Option<BTreeSet<PartyId>>,
}

impl Arriving {
    /// Reads an event. The strictest of all its parts holds for the whole: it is kept and passed on as one. `parties` tells who an
    /// organisation of MISP is, by its UUID; a name is nothing that anybody could not write.
    pub fn of(event: &Event<'_>, parties: &BTreeMap<Uuid, PartyId>) -> Self {
        let mut read = Self::default();
        read.tags(&event.tags);
        read.distribution(event.distribution.as_deref(), event.sharing_group.as_deref(), parties);
        for object in &event.objects {
            read.distribution(object.distribution.as_deref(), object.sharing_group.as_deref(), parties);
        }
        for attribute in event.all_attributes() {
            read.tags(&attribute.tags);
            read.distribution(attribute.distribution.as_deref(), attribute.sharing_group.as_deref(), parties);
        }
        for report in &event.reports {
            read.distribution(report.distribution.as_deref(), None, parties);
        }
        read
    }

    fn tags(&mut self, tags: &[Tag<'_>]) {
        if let Some(tlp) = tag::Tlp::strictest(tag::names(tags)) {
            self.tlp = self.tlp.max(Some(read_tlp(tlp)));
        }
        if let Some(pap) = tag::Pap::strictest(tag::names(tags)) {
            self.pap = self.pap.max(read_pap(pap));
        }
    }

    fn distribution(&mut self, number: Option<&str>, group: Option<&SharingGroup<'_>>, parties: &BTreeMap<Uuid, PartyId>) {
        let Some(number) = number else { return };
        let at_least = match Distribution::of(number) {
            Some(Distribution::Inherit) => return,
            Some(Distribution::All) => Tlp::Clear,
            Some(Distribution::Community | Distribution::Connected) => Tlp::Green,
            Some(Distribution::SharingGroup) => {
                let named = group.into_iter().flat_map(|group| &group.members).filter_map(|member| member.organisation.as_deref());
                let members = named.filter_map(|org| parties.get(&Uuid::try_parse(org.uuid.as_deref()?).ok()?).cloned());
                let members: BTreeSet<PartyId> = members.collect();
                self.members = Some(match &self.members {
                    Some(known) => known & &members,
                    None => members,
                });
                Tlp::Amber
            }
            // A number that nobody knows may mean anything.
            Some(Distribution::Organisation) | None => Tlp::UNMARKED,
        };
        self.by_distribution = self.by_distribution.max(Some(at_least));
    }

    /// The terms of what arrives, before it changes hands. Every voice tightens: tags, distribution, the default of the collection and
    /// that of the giver. Members of a sharing group are recipients whom the source itself named, and nobody else is one.
    pub fn held_under(&self, by_collection: Option<&Terms>, by_giver: Option<&Terms>) -> Terms {
        let unmarked = self.tlp.is_none() && by_collection.is_none() && by_giver.is_none();
        let said = if unmarked { Tlp::UNMARKED } else { self.tlp.unwrap_or(Tlp::Clear) };
        let mut terms = Terms { pap: self.pap, ..Terms::of(said.max(self.by_distribution.unwrap_or(Tlp::Clear))) };
        if let Some(members) = &self.members {
            terms.audience = Some(members.clone());
        }
        let named = [by_collection, by_giver].into_iter().flatten().map(|default| &default.recipients).collect::<Vec<_>>();
        let named = named.split_first().map(|(first, rest)| rest.iter().fold((*first).clone(), |all, one| &all & one));
        for default in [by_collection, by_giver].into_iter().flatten() {
            terms = terms.join(default);
        }
        // The join of terms keeps whom every voice named; only these name anybody at all.
        terms.recipients = match (&self.members, named) {
            (Some(members), Some(named)) if !named.is_empty() => members & &named,
            (Some(members), _) => members.clone(),
            (None, named) => named.unwrap_or_default(),
        };
        terms
    }
}

/// To whom an event is shown, and on what ground.
#[derive(Clone, Debug)]
pub struct Towards<'a> {
    pub party: &'a PartyId,
    pub name: &'a str,
    /// Those to whom the recipient gives cybersecurity services, as far as they are known here: party and name.
    pub clients: &'a [(PartyId, String)],
    /// The agreement that the decision cites.
    pub agreement: Option<&'a str>,
    /// What "community" means where the terms do not say it: the communities of both.
    pub communities: &'a BTreeSet<String>,
    /// Members of the communities that are known here: party and name.
    pub members: &'a [(PartyId, String)],
}

/// How our terms are said to a MISP.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    pub distribution: Distribution,
    pub group: Option<SharingGroup<'static>>,
    pub tlp: Tlp,
    pub pap: Pap,
}

/// Says terms to a MISP whose organisation is the recipient. AMBER+STRICT and RED stay with that organisation, which policy has let have
/// it; a MISP carries them no further at distribution 0.
pub fn said(terms: &Terms, to: &Towards<'_>) -> Said {
    let (distribution, group) = match terms.tlp {
        Tlp::Clear if terms.audience.is_none() => (Distribution::All, None),
        Tlp::Green if terms.audience.is_none() => {
            let bound = terms.community.as_ref().unwrap_or(to.communities);
            let id = community_group(to.agreement.unwrap_or("none"), bound);
            let name = format!("TLP:GREEN {}", bound.iter().cloned().collect::<Vec<_>>().join(", "));
            (Distribution::SharingGroup, Some(group(id, name, to.members)))
        }
        Tlp::Amber if terms.audience.is_none() => {
            let id = uuid_v5(&NAMESPACE, format!("clients of {}", to.party).as_bytes());
            let own = (to.party.clone(), to.name.to_owned());
            let members: Vec<_> = std::iter::once(own).chain(to.clients.iter().cloned()).collect();
            (Distribution::SharingGroup, Some(group(id, format!("TLP:AMBER {} and clients", to.name), &members)))
        }
        // A list of who may have it has no place in a number.
        Tlp::Clear | Tlp::Green | Tlp::Amber | Tlp::AmberStrict | Tlp::Red => (Distribution::Organisation, None),
    };
    Said { distribution, group, tlp: terms.tlp, pap: terms.pap }
}

fn group(id: Uuid, name: String, members: &[(PartyId, String)]) -> SharingGroup<'static> {
    let members = members.iter().map(|(party, name)| formats::misp::event::SharingGroupOrg {
        extend: Some(Flag::NO),
        organisation: Some(Box::new(formats::misp::event::Organisation {
            name: Some(name.clone().into()),
            uuid: Some(organisation(party).to_string().into()),
            ..Default::default()
        })),
        ..Default::default()
    });
    SharingGroup {
        uuid: Some(id.to_string().into()),
        name: Some(name.clone().into()),
        releasability: Some(name.into()),
        description: Some("".into()),
        active: Some(Flag::YES),
        roaming: Some(Flag::YES),
        local: Some(Flag::NO),
        members: members.collect(),
        ..SharingGroup::default()
    }
}

impl Said {
    /// Writes it on an event: one TLP tag, a PAP tag where there is one to say, one distribution for all of it.
    pub fn write(&self, event: &mut Event<'_>) {
        event.distribution = Some(self.distribution.number().into());
        event.sharing_group_id = Some("0".into());
        event.sharing_group = self.group.clone().map(Box::new);
        let inherit = |distribution: &mut Option<std::borrow::Cow<'_, str>>| *distribution = Some(Distribution::Inherit.number().into());
        let attribute = |attribute: &mut Attribute<'_>| {
            inherit(&mut attribute.distribution);
            (attribute.sharing_group, attribute.sharing_group_id) = (None, Some("0".into()));
        };
        event.attributes.iter_mut().for_each(attribute);
        for object in &mut event.objects {
            inherit(&mut object.distribution);
            (object.sharing_group, object.sharing_group_id) = (None, Some("0".into()));
            object.attributes.iter_mut().for_each(attribute);
        }
        for report in &mut event.reports {
            inherit(&mut report.distribution);
        }
        let tlp = tlp_tag(self.tlp).tag();
        // What is said already in these words stays where it is.
        event.tags.retain(|tag| tag::Tlp::of(tag.text()).is_none() || tag.text() == tlp);
        if !event.tags.iter().any(|tag| tag.text() == tlp) {
            event.tags.push(coloured(tlp));
        }
        let pap = pap_tag(self.pap).tag();
        let spoken = event.tags.iter().any(|tag| tag::Pap::of(tag.text()).is_some());
        event.tags.retain(|tag| tag::Pap::of(tag.text()).is_none_or(|said| read_pap(said) == self.pap));
        if (spoken || self.pap != Pap::Clear) && !event.tags.iter().any(|tag| tag::Pap::of(tag.text()).is_some()) {
            event.tags.push(Tag::named(pap));
        }
    }
}

/// The colours of MISP's taxonomy, without which a MISP paints what it does not know yet.
fn coloured(tlp: &'static str) -> misp::event::Tag<'static> {
    let colour = match tlp {
        "tlp:clear" => "#ffffff",
        "tlp:green" => "#33ff00",
        "tlp:red" => "#ff2b2b",
        _ => "#ffc000",
    };
    Tag { colour: Some(colour.into()), ..Tag::named(tlp) }
}

fn read_tlp(tlp: tag::Tlp) -> Tlp {
    match tlp {
        tag::Tlp::Clear => Tlp::Clear,
        tag::Tlp::Green => Tlp::Green,
        tag::Tlp::Amber => Tlp::Amber,
        tag::Tlp::AmberStrict => Tlp::AmberStrict,
        tag::Tlp::Red => Tlp::Red,
    }
}

fn tlp_tag(tlp: Tlp) -> tag::Tlp {
    match tlp {
        Tlp::Clear => tag::Tlp::Clear,
        Tlp::Green => tag::Tlp::Green,
        Tlp::Amber => tag::Tlp::Amber,
        Tlp::AmberStrict => tag::Tlp::AmberStrict,
        Tlp::Red => tag::Tlp::Red,
    }
}

fn read_pap(pap: tag::Pap) -> Pap {
    match pap {
        tag::Pap::Clear => Pap::Clear,
        tag::Pap::Green => Pap::Green,
        tag::Pap::Amber => Pap::Amber,
        tag::Pap::Red => Pap::Red,
    }
}

fn pap_tag(pap: Pap) -> tag::Pap {
    match pap {
        Pap::Clear => tag::Pap::Clear,
        Pap::Green => tag::Pap::Green,
        Pap::Amber => tag::Pap::Amber,
        Pap::Red => tag::Pap::Red,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(name: &str) -> PartyId {
        name.parse().unwrap()
    }

    fn event(json: serde_json::Value) -> Event<'static> {
        misp::event::read(serde_json::json!({ "Event": json }).to_string().as_bytes()).unwrap().into_owned()
    }

    fn arriving(json: serde_json::Value) -> Arriving {
        Arriving::of(&event(json), &[party("alpha"), party("beta")].map(|id| (organisation(&id), id)).into())
    }

    fn terms(text: &str) -> Terms {
        text.parse().unwrap()
    }

    #[test]
    fn the_strictest_voice_holds() {
        let tagged = |tlp: &str, distribution: u8| {
            arriving(serde_json::json!({"info": "x", "distribution": distribution.to_string(), "Tag": [{"name": tlp}]}))
        };
        let held = |tlp, distribution, collection: Option<&str>, giver: Option<&str>| {
            let (collection, giver) = (collection.map(terms), giver.map(terms));
            tagged(tlp, distribution).held_under(collection.as_ref(), giver.as_ref()).tlp
        };
        assert_eq!(held("tlp:clear", 3, None, None), Tlp::Clear);
        assert_eq!(held("tlp:clear", 1, None, None), Tlp::Green);
        assert_eq!(held("tlp:clear", 0, None, None), Tlp::AmberStrict);
        assert_eq!(held("tlp:clear", 9, None, None), Tlp::AmberStrict);
        assert_eq!(held("tlp:red", 3, None, None), Tlp::Red);
        assert_eq!(held("tlp:clear", 3, Some("tlp:green"), None), Tlp::Green);
        assert_eq!(held("tlp:clear", 3, Some("tlp:green"), Some("tlp:amber")), Tlp::Amber);
        // A number frees nothing: only a label or a default does.
        assert_eq!(held("no label", 3, None, None), Tlp::AmberStrict);
        assert_eq!(held("no label", 3, Some("tlp:green"), None), Tlp::Green);
        assert_eq!(held("no label", 0, Some("tlp:green"), None), Tlp::AmberStrict);
    }

    #[test]
    fn a_part_that_is_stricter_tightens_the_whole() {
        let read = arriving(serde_json::json!({"info": "x", "distribution": "3", "Tag": [{"name": "tlp:clear"}, {"name": "PAP:GREEN"}],
            "Attribute": [{"type": "domain", "value": "a.example", "distribution": "5"}],
            "Object": [{"name": "file", "Attribute": [{"type": "md5", "value": "00", "Tag": [{"name": "tlp:amber"}, {"name": "PAP:RED"}]}]}]}));
        assert_eq!((read.tlp, read.pap, read.by_distribution), (Some(Tlp::Amber), Pap::Red, Some(Tlp::Clear)));
    }

    #[test]
    fn a_sharing_group_names_the_parties_that_are_known_by_their_uuid() {
        let group = |members: &[String]| {
            let members: Vec<_> = members.iter().map(|uuid| serde_json::json!({"Organisation": {"name": "alpha", "uuid": uuid}})).collect();
            arriving(serde_json::json!({"info": "x", "distribution": "4", "SharingGroup": {"name": "g", "SharingGroupOrg": members}}))
        };
        let beta = organisation(&party("beta")).to_string();
        let held = group(&[beta, Uuid::from_u128(7).to_string()]).held_under(Some(&terms("tlp:green")), None);
        let only_beta = BTreeSet::from([party("beta")]);
        assert_eq!((held.tlp, held.audience.as_ref(), &held.recipients), (Tlp::Amber, Some(&only_beta), &only_beta));
        // A group without anybody here, or that does not say who is in it, is for nobody here.
        assert_eq!(group(&[]).held_under(None, None).audience, Some(BTreeSet::new()));
    }

    #[test]
    fn nothing_that_changes_its_meaning_per_hop_is_written() {
        let (recipient, communities) = (party("alpha"), BTreeSet::from(["circle".to_owned()]));
        let clients = [(party("client"), "Client".to_owned())];
        let members = [(party("alpha"), "Alpha".to_owned()), (party("beta"), "Beta".to_owned())];
        let to = Towards {
            party: &recipient,
            name: "Alpha",
            clients: &clients,
            agreement: Some("circle"),
            communities: &communities,
            members: &members,
        };
        for tlp in Tlp::ALL {
            let said = said(&Terms::of(tlp), &to);
            assert!(!matches!(said.distribution, Distribution::Community | Distribution::Connected), "{tlp}");
            assert_eq!(said.group.is_some(), said.distribution == Distribution::SharingGroup, "{tlp}");
        }
        assert_eq!(said(&Terms::of(Tlp::Clear), &to).distribution, Distribution::All);
        assert_eq!(said(&Terms::of(Tlp::Red), &to).distribution, Distribution::Organisation);
        assert_eq!(said(&Terms::of(Tlp::AmberStrict), &to).distribution, Distribution::Organisation);
        let green = said(&Terms::of(Tlp::Green), &to).group.unwrap();
        assert_eq!(green.members.len(), 2);
        // The same agreement and community is the same group, for whoever of them asks.
        let other = Towards { party: &members[1].0, ..to.clone() };
        assert_eq!(said(&Terms::of(Tlp::Green), &other).group.unwrap().uuid, green.uuid);
        let another = Towards { agreement: Some("another"), ..to.clone() };
        assert_ne!(said(&Terms::of(Tlp::Green), &another).group.unwrap().uuid, green.uuid);
        let amber = said(&Terms::of(Tlp::Amber), &to).group.unwrap();
        assert_eq!(amber.members.len(), 2);
        let mut named = Terms::of(Tlp::Green);
        named.audience = Some(BTreeSet::from([party("alpha")]));
        assert_eq!(said(&named, &to).distribution, Distribution::Organisation);
    }

    #[test]
    fn what_is_said_is_heard_again_at_least_as_strict() {
        let (recipient, communities) = (party("alpha"), BTreeSet::new());
        let to = Towards { party: &recipient, name: "Alpha", clients: &[], agreement: None, communities: &communities, members: &[] };
        for tlp in Tlp::ALL {
            for pap in Pap::ALL {
                let terms = Terms { pap, ..Terms::of(tlp) };
                let mut event = event(
                    serde_json::json!({"info": "x", "distribution": "3", "Tag": [{"name": "tlp:white"}, {"name": "keep"}, {"name": "PAP:GREEN"}],
                    "Attribute": [{"type": "domain", "value": "a.example", "distribution": "3"}]}),
                );
                said(&terms, &to).write(&mut event);
                let again = Arriving::of(&event, &BTreeMap::new());
                assert_eq!((again.tlp, again.pap), (Some(tlp), pap));
                assert!(terms.tlp <= again.held_under(None, None).tlp);
                assert!(event.tags.iter().any(|tag| tag.text() == "keep"));
                assert_eq!(event.attributes[0].distribution.as_deref(), Some("5"));
            }
        }
    }
}
