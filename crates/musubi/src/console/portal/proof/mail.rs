//! A code, mailed to whom a registry names for abuse of what is claimed.

use std::collections::BTreeMap;

use anyhow::{Context as _, anyhow};
use casework::act::token::Token;
use casework::model::agreement::{Channel, Purpose};
use casework::model::party::{Claim, Language, Party};
use formats::mail_address::Address;
use rand::rngs::OsRng;
use sha2::{Digest as _, Sha256};

use crate::api::release::Giving;
use crate::config::Config;
use crate::console::visit::{Fault, Visit};
use crate::deliver::keys::OurKey;
use crate::deliver::message::{Letter, Unsealed};
use crate::deliver::seal;
use crate::deliver::smtp::{Envelope, Outcome, Outgoing, Relay};
use crate::jobs::post;
use crate::keys;
use crate::receive::registry_in;

/// Mails a code to whom a registry names for abuse of what is claimed; to which address. `None`: no registry names anybody, or the mail
/// could not be handed over.
pub(in crate::console::portal) async fn mail(
    visit: &Visit,
    config: &Config,
    party: &Party,
    claim: &Claim,
    code: &str,
) -> Result<Option<String>, Fault> {
    let register = &visit.server.register;
    let (mail, smtp) = post::sender(config)?;
    let registries = registry_in::registries(&visit.server.home, register).await?;
    let contact = registries.iter().find_map(|registry| {
        let number = match claim {
            // The whole of it is one entry of the registry.
            Claim::Network(network) => {
                let (first, last) = (network.address(), network.last());
                let one = registry.range(first)?.to_string() == registry.range(last)?.to_string();
                registry.by_address(first).filter(|_| one)?
            }
            Claim::Asn(asn) => registry.by_asn(*asn)?,
            _ => return None,
        };
        let contact = registry.contact(number)?;
        Some((contact.party_id(), contact.mailbox.to_owned(), contact.language()))
    });
    let Some((recipient, mailbox, language)) = contact else { return Ok(None) };
    let Ok(to) = mailbox.parse::<Address>() else { return Ok(None) };
    let words = crate::console::words::Words::of(language);
    let with = [
        ("value", claim.to_string().into()),
        ("party", party.name.clone().into()),
        ("code", code.to_owned().into()),
        ("us", mail.organisation.clone().into()),
    ];
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| anyhow!("the system gives no random numbers: {error}"))?;
    let token = Token::from_random(random);
    let unsealed = Unsealed::write(&Letter {
        from: &mail.from,
        from_name: &mail.organisation,
        to: &to,
        reply_to: &mail.reply_to,
        subject: &words.say_with("proof-mail-subject", &with),
        message_id: &token.message_id(0, &mail.reply_to),
        follows: None,
        date: visit.now,
        language: if language == Language::Ja { Language::Ja } else { Language::En },
        text: &words.say_with("proof-mail-text", &with),
        attachments: Vec::new(),
    })?;
    let key = OurKey::of(visit.server.home.root(), &mail.organisation, &mail.from)?;
    let bytes = seal::sign(&unsealed, &key, OsRng)?.into_bytes();
    let giving = Giving {
        party: &recipient,
        purpose: Purpose::Notify,
        channel: Channel::Mail,
        how: format!("a code to prove that {claim} is of {}", party.id),
        why: BTreeMap::new(),
    };
    let release = giving.release(format!("claim-{token}"), Sha256::digest(&bytes).into(), visit.now);
    let log = keys::log_key(&visit.server.home, None)?;
    let released = register.release(&log, vec![(release, bytes)], visit.now).await?;
    let released = released.into_iter().next().context("nothing was logged")?;
    let envelope = Envelope { from: mail.from.clone(), to, id: token.envelope_id(0), report_success: false };
    match Relay::new(mail, smtp)?.hand_over(&Outgoing::new(envelope, released)?).await {
        Outcome::Accepted(_) => Ok(Some(mailbox)),
        other => {
            tracing::warn!("a code for {claim} could not be mailed to {mailbox}: {other:?}");
            Ok(None)
        }
    }
}
