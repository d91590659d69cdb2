//! What may the recipient of a notice do with it? The obligations of a release, as sentences.

use jiff::tz::TimeZone;

use crate::model::party::Language;
use crate::model::terms::{Pap, PermittedAction, Tlp};
use crate::share::obligation::Obligation;

/// The sentences for what a recipient is bound to; the label first. The words on labels are FIRST's (TLP 2.0).
pub fn sentences(obligations: &[Obligation], language: Language) -> Vec<String> {
    let mut all: Vec<String> = obligations.iter().filter_map(|obligation| sentence(obligation, language)).collect();
    all.dedup();
    all
}

fn sentence(obligation: &Obligation, language: Language) -> Option<String> {
    let (en, ja) = match obligation {
        Obligation::Tlp(tlp) => {
            let (en, ja) = label(*tlp);
            (format!("{tlp}: {en}"), format!("{tlp}:{ja}"))
        }
        Obligation::Community(names) => {
            let names = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            (format!("The community is: {names}."), format!("コミュニティは {names} です。"))
        }
        // Nothing is forbidden by the widest, so nothing is said.
        Obligation::Pap(Pap::Clear) | Obligation::Act(PermittedAction::ExternallyVisibleDirect) | Obligation::Purpose(_) => return None,
        Obligation::Pap(pap) => {
            let (en, ja) = match pap {
                Pap::Green => ("you may block and look actively, but not attack", "遮断や能動的な調査は可能ですが、攻撃してはなりません"),
                Pap::Amber => ("only passive checks that the target cannot see", "対象に気付かれない受動的な確認に限ります"),
                _ => ("only passive actions on your own logs", "自組織の記録に対する受動的な確認に限ります"),
            };
            (format!("PAP:{}: {en}.", pap.label()), format!("PAP:{}:{ja}。", pap.label()))
        }
        Obligation::Act(action) => {
            let (en, ja) = match action {
                PermittedAction::ExternallyVisibleIndirect => {
                    ("Act so that it can be seen outside only indirectly.", "外部から直接には見えない対処に限ります。")
                }
                PermittedAction::InternallyVisible => ("Act only so that it is seen inside.", "組織内部で完結する対処に限ります。"),
                PermittedAction::ContactForInstruction => ("Ask us before you act.", "対処の前に当方へご連絡ください。"),
                _ => ("Do not act on it.", "この情報に基づく対処は行わないでください。"),
            };
            (en.to_owned(), ja.to_owned())
        }
        Obligation::AttributeProvider => ("Name the source when you pass it on.".into(), "共有する場合は情報源を明示してください。".into()),
        Obligation::HideProvider => ("Do not name the source.".into(), "情報源を明らかにしないでください。".into()),
        Obligation::DoNotResell => ("Do not sell it unchanged.".into(), "そのままの形で販売しないでください。".into()),
        Obligation::EncryptInTransit => ("Encrypt it when you send it on.".into(), "送付の際は暗号化してください。".into()),
        Obligation::DoNotNotifyAffected => ("Do not notify those affected.".into(), "影響を受ける当事者へ連絡しないでください。".into()),
        Obligation::DeleteBy(time) => {
            let day = time.to_zoned(TimeZone::UTC).date();
            (format!("Delete it by {day}."), format!("{day} までに削除してください。"))
        }
    };
    Some(match language {
        Language::En => en,
        Language::Ja => ja,
    })
}

fn label(tlp: Tlp) -> (&'static str, &'static str) {
    match tlp {
        Tlp::Clear => ("Recipients can spread this to the world, there is no limit on disclosure.", "公開に制限はありません。"),
        Tlp::Green => (
            "Limited disclosure, recipients can spread this within their community, but not via publicly accessible channels.",
            "コミュニティ内で共有できますが、公開の場での共有はできません。",
        ),
        Tlp::Amber => (
            "Limited disclosure, recipients can only spread this on a need-to-know basis within their organization and its clients.",
            "知る必要のある組織内および顧客に限り共有できます。",
        ),
        Tlp::AmberStrict => (
            "Limited disclosure, recipients can only spread this on a need-to-know basis within their organization.",
            "知る必要のある組織内に限り共有できます。",
        ),
        Tlp::Red => (
            "For the eyes and ears of individual recipients only, no further disclosure.",
            "受領者本人に限ります。他者への共有はできません。",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_is_explained_and_what_forbids_nothing_is_left_out() {
        let obligations = [Obligation::Tlp(Tlp::Amber), Obligation::Pap(Pap::Clear), Obligation::HideProvider];
        let en = sentences(&obligations, Language::En);
        assert!(en.len() == 2 && en[0].starts_with("TLP:AMBER: Limited disclosure") && en[1] == "Do not name the source.");
        assert_eq!(sentences(&obligations, Language::Ja).len(), 2);
    }
}
