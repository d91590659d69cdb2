//! Why? The reasons of a decision in words, in English and Japanese, with the values that decided.

use jiff::Timestamp;

use super::decide::Question;
use super::decision::{Decision, Denial, Ground, Outcome, Redaction};
use super::obligation::{Obligation, obligations};
use super::universe::Holder;
use crate::model::party::{Language, PartyId};

/// One step of the chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reason {
    /// Stable code of the rule ([`Denial::code`], [`Ground::code`], [`Redaction::code`], `agreement`).
    pub rule: &'static str,
    pub effect: Effect,
    pub en: String,
    pub ja: String,
}

impl Reason {
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Ja => &self.ja,
        }
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    Allow,
    Redact,
    Deny,
}

impl Effect {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Redact => "redact",
            Self::Deny => "deny",
        }
    }
}

/// A decision as told to a person.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    pub outcome: Outcome,
    pub redactions: Vec<Redaction>,
    /// What the recipient is bound to; empty for a denial.
    pub obligations: Vec<Obligation>,
    /// In the order in which they were found; the last of a denial is the one that decided.
    pub reasons: Vec<Reason>,
}

impl Holder<'_> {
    /// The reasons of the decision that [`Holder::decide`] makes of this question.
    pub fn explain(&self, question: &Question<'_>) -> Explanation {
        let decision = self.decide(question);
        let mut reasons = Vec::new();
        let mut say = |rule, effect, (en, ja): (String, String)| reasons.push(Reason { rule, effect, en, ja });
        if let Some(ground) = decision.ground {
            say(ground.code(), Effect::Allow, self.why_ground(question, ground));
        }
        if let Some(agreement) = decision.agreement {
            let id = self.universe.agreement(agreement);
            let tlp = question.terms.terms.tlp;
            let purpose = question.purpose.as_str();
            let en = format!("agreement {id} is in force and covers {tlp} for purpose {purpose}");
            let ja = format!("協定「{id}」が有効であり、{tlp} を目的 {purpose} で共有できる");
            say(Denial::Agreement.code(), Effect::Allow, (en, ja));
        }
        for redaction in decision.redactions.iter() {
            say(redaction.code(), Effect::Redact, why_redacted(redaction));
        }
        if let Some(denial) = decision.denial {
            say(denial.code(), Effect::Deny, self.why_denied(question, denial));
        }
        Explanation {
            outcome: decision.outcome(),
            redactions: decision.redactions.iter().collect(),
            obligations: self.obligations(question, &decision),
            reasons,
        }
    }

    /// What the recipient is bound to if the decision allows; nothing if it denies.
    pub fn obligations(&self, question: &Question<'_>, decision: &Decision) -> Vec<Obligation> {
        if !decision.is_allowed() {
            return Vec::new();
        }
        obligations(&self.transfer(question.terms, question.to), decision.agreement.map(|_| question.purpose))
    }

    fn why_ground(&self, question: &Question<'_>, ground: Ground) -> (String, String) {
        let (me, me_ja) = (self.universe.name(self.me), self.universe.name_ja(self.me));
        let (to, to_ja) = (self.universe.name(question.to), self.universe.name_ja(question.to));
        let terms = &question.terms.terms;
        let tlp = terms.tlp;
        match ground {
            Ground::Named => (format!("the source named {to} as a recipient"), format!("情報源が {to_ja} を受領者として指名している")),
            Ground::Consent => {
                (format!("the source gave explicit permission for {to}"), format!("情報源が {to_ja} への提供を明示的に許可している"))
            }
            Ground::SameOrganisation => (format!("{tlp} may be known inside {me}"), format!("{tlp} は {me_ja} の組織内で共有できる")),
            Ground::Client => (
                format!("{to} receives cybersecurity services from {me}, and {tlp} may reach clients"),
                format!("{to_ja} は {me_ja} のサービス利用者（client）であり、{tlp} は利用者に提供できる"),
            ),
            Ground::Community => {
                let mut common = self.universe.common_communities(self.me, question.to);
                if let Some(bound) = &terms.community {
                    common = &common & bound;
                }
                let common = listed(&common);
                (
                    format!("{me} and {to} are both in the community {common}, and {tlp} may reach it"),
                    format!("{me_ja} と {to_ja} はともにコミュニティ {common} に属し、{tlp} はその中で共有できる"),
                )
            }
            Ground::Clear => (format!("{tlp}: there is no limit on disclosure"), format!("{tlp} には開示の制限がない")),
        }
    }

    fn why_denied(&self, question: &Question<'_>, denial: Denial) -> (String, String) {
        let (me, me_ja) = (self.universe.name(self.me), self.universe.name_ja(self.me));
        let (to, to_ja) = (self.universe.name(question.to), self.universe.name_ja(question.to));
        let terms = &question.terms.terms;
        let (tlp, now, purpose, channel) = (terms.tlp, question.now, question.purpose.as_str(), question.channel.as_str());
        let time = |time: Option<Timestamp>| time.map_or_else(String::new, |time| time.to_string());
        match denial {
            Denial::Expiry => {
                let end = time(terms.expiry);
                (format!("the terms ended at {end}, and it is {now}"), format!("共有条件は {end} に終了した（現在 {now}）"))
            }
            Denial::Public => (
                format!("{to} is the public, and {tlp} is above TLP:CLEAR: not even a client or a named recipient may publish it"),
                format!("{to_ja} は一般公開先であり、{tlp} は TLP:CLEAR より厳しいため、利用者や指名された受領者であっても公開できない"),
            ),
            Denial::Embargo => {
                let begin = time(terms.embargo);
                (format!("not before {begin}, and it is {now}"), format!("{begin} までは提供できない（現在 {now}）"))
            }
            Denial::AttributionConflict => (
                "its sources disagree: one demands that the provider be named, another forbids it".into(),
                "情報源の条件が矛盾している（提供者名の明示を求めるものと禁じるものがある）".into(),
            ),
            Denial::TlpRed => (
                format!("{tlp} is for individual recipients only, and the source did not name {to}"),
                format!("{tlp} は指名された受領者に限られ、情報源は {to_ja} を指名していない"),
            ),
            Denial::TlpAmberStrict => (
                format!("{tlp} stays inside {me}, and {to} is another organisation"),
                format!("{tlp} は {me_ja} の組織内に限られ、{to_ja} は別の組織である"),
            ),
            Denial::TlpAmber => (
                format!("{tlp} may reach {me} and its clients, and {to} is neither"),
                format!("{tlp} は {me_ja} とその利用者（client）に限られ、{to_ja} はいずれでもない"),
            ),
            Denial::TlpGreen => {
                let mut mine = self.universe.communities_of(self.me);
                if let Some(bound) = &terms.community {
                    mine = &mine & bound;
                }
                let mine = listed(&mine);
                (
                    format!("{tlp} may reach the community ({mine}), and {to} is not in it"),
                    format!("{tlp} はコミュニティ（{mine}）に限られ、{to_ja} は属していない"),
                )
            }
            Denial::Audience => {
                let audience = terms.audience.iter().flatten().map(PartyId::as_str).collect::<Vec<_>>().join(", ");
                (format!("only for {audience}, and {to} is not among them"), format!("対象は {audience} に限られ、{to_ja} は含まれない"))
            }
            Denial::Agreement => (
                format!("no agreement in force between {me} and {to} covers {tlp} for purpose {purpose} by {channel}"),
                format!("{me_ja} と {to_ja} の間に、{tlp} を目的 {purpose}・経路 {channel} で共有できる有効な協定がない"),
            ),
            Denial::Resale => {
                (format!("it must not be sold, and {to} pays"), format!("転売が禁じられており、{to_ja} は有償の受領者である"))
            }
            Denial::Encryption => (
                format!("it must be encrypted in transit, and {channel} is not"),
                format!("送信時の暗号化が必須だが、経路 {channel} は暗号化されない"),
            ),
            Denial::AffectedParty => (
                format!("affected parties must not be told, and {to} may be one of them"),
                format!("影響を受ける当事者への通知が禁じられており、{to_ja} は当事者である可能性がある"),
            ),
            Denial::Unknown => ("the recipient is not a known party".into(), "受領者は登録された組織ではない".into()),
        }
    }
}

fn why_redacted(redaction: Redaction) -> (String, String) {
    let (en, ja) = match redaction {
        Redaction::ProviderIdentity => ("the provider must not be named", "提供者名は開示できない"),
        Redaction::VictimIdentity => ("who is affected is told to nobody but themselves", "影響を受けた組織は本人以外に開示できない"),
        Redaction::PersonalData => {
            ("single hosts and persons are told to nobody but those affected", "個々の機器や個人を示す情報は当事者以外に開示できない")
        }
    };
    (en.to_owned(), ja.to_owned())
}

fn listed(names: &std::collections::BTreeSet<String>) -> String {
    if names.is_empty() { "–".to_owned() } else { names.iter().map(String::as_str).collect::<Vec<_>>().join(", ") }
}
