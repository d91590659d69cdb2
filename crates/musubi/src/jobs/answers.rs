//! What came back: taken from the mailbox once, opened, understood, and written down with the notice it is about.

use anyhow::{Context as _, Result, anyhow};
use casework::act::answer::{Answer, Delivery, Says};
use casework::act::token::About;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use store::answers;
use store::home::Home;
use store::outbox::Back;
use store::register::Register;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::config::{Config, Mail};
use crate::deliver::keys::OurKey;
use crate::deliver::open;
use crate::receive::imap::{self, Cursor};
use crate::receive::maildir::{self, Received};

/// What a run did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) mails: u64,
    pub(crate) new: u64,
    pub(crate) delivered: u64,
    pub(crate) bounced: u64,
    pub(crate) answered: u64,
    pub(crate) automatic: u64,
    pub(crate) for_a_person: u64,
    /// Left in the mailbox, each with its reason.
    pub(crate) left: Vec<(String, String)>,
    /// Notices whose answer says something of what they told: notice and word.
    pub(crate) words: Vec<(String, String)>,
}

/// Takes what is in the mailbox that the configuration names.
pub(crate) async fn take(home: &Home, register: &Register, config: &Config, now: Timestamp) -> Result<Done> {
    let mail = config.mail.as_ref().ok_or_else(|| anyhow!("config.toml has no [mail]: no desk that answers come to (see docs/mail.md)"))?;
    let settings =
        config.answers.as_ref().ok_or_else(|| anyhow!("config.toml has no [answers]: no mailbox to look into (see docs/mail.md)"))?;
    let key = OurKey::of(home.root(), &mail.organisation, &mail.from)?;
    let done = Mutex::new(Done::default());
    let largest = settings.largest_mb.saturating_mul(1 << 20);
    let mut left = Vec::new();
    if let Some(folder) = &settings.maildir {
        let name = format!("maildir:{}", folder.display());
        let taken = maildir::take(folder, largest.into(), settings.at_most, |one| {
            // The folder is read as files are; what a mail says is written down before the next is looked at.
            let keep = async { keep(register, mail, &key, &name, &one, now, &mut *done.lock().await).await };
            tokio::task::block_in_place(|| Handle::current().block_on(keep))
        })?;
        left.extend(taken.left);
    }
    if let Some(server) = &settings.imap {
        let name = format!("imap:{}@{}/{}", server.user, server.host, server.folder);
        let (validity, last) = register.mailbox(&name).await?;
        let from = Cursor { validity: u32::try_from(validity).unwrap_or(0), last: u32::try_from(last).unwrap_or(0) };
        let (name, key, done) = (&name, &key, &done);
        let taken = imap::take(server, from, largest, settings.at_most, |one, cursor| async move {
            keep(register, mail, key, name, &one, now, &mut *done.lock().await).await?;
            Ok(register.set_mailbox(name, cursor.validity.into(), cursor.last.into()).await?)
        })
        .await?;
        left.extend(taken.left);
    }
    Ok(Done { left, ..done.into_inner() })
}

async fn keep(
    register: &Register,
    desk: &Mail,
    key: &OurKey,
    mailbox: &str,
    received: &Received,
    now: Timestamp,
    done: &mut Done,
) -> Result<()> {
    let Received { key: name, bytes } = received;
    done.mails += 1;
    // Whose key may have signed it is known only after its notice is, which stands in the outer header.
    let outer = Answer::read(bytes, &desk.reply_to);
    let notice = match &outer.about {
        About::Notice(token, _) => register.notice_of_token(token.as_str()).await?,
        About::Nothing | About::Several(_) => None,
    };
    let known = match &notice {
        Some(notice) => keys_of(register, &notice.digest.party, now).await?,
        None => Vec::new(),
    };
    let (understood, signed_by) = match open::open(bytes, key, &open::keys(known.iter().map(String::as_str)), now) {
        Ok(opened) => (Answer::read(&opened.mail, &desk.reply_to), opened.signed_by),
        Err(error) => (Answer { says: Says::ForAPerson, because: format!("it cannot be opened: {error:#}"), ..outer }, None),
    };
    let back = match &understood.says {
        Says::Reply(reply) => Some(Back::Answered(reply.as_str())),
        Says::Delivery(Delivery::Failed, _) => Some(Back::Bounced(&understood.because)),
        Says::Delivery(Delivery::Succeeded, _) => Some(Back::Delivered),
        Says::Delivery(..) | Says::ForAPerson => None,
        Says::Automatic(_) => Some(Back::Automatic),
    };
    let for_a_person = understood.says == Says::ForAPerson || (notice.is_none() && !matches!(understood.says, Says::Automatic(_)));
    let answer = answers::Answer {
        id: Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect(),
        came_from: format!("{mailbox}/{name}"),
        notice: notice.as_ref().map(|notice| notice.id.clone()),
        received_at: now.as_microsecond(),
        sender: understood.from.clone(),
        signed_by,
        says: understood.says.as_str().to_owned(),
        because: understood.because.clone(),
        for_a_person,
    };
    if !register.take_answer(&answer, back, bytes).await? {
        return Ok(());
    }
    done.new += 1;
    done.for_a_person += u64::from(for_a_person);
    match (back, notice) {
        (Some(Back::Answered(word)), Some(notice)) => {
            done.answered += 1;
            done.words.push((notice.id, word.to_owned()));
        }
        (Some(Back::Delivered), Some(_)) => done.delivered += 1,
        (Some(Back::Bounced(_)), Some(_)) => done.bounced += 1,
        (Some(Back::Automatic), _) => done.automatic += 1,
        _ => {}
    }
    Ok(())
}

/// The keys that a party's contacts have.
async fn keys_of(register: &Register, party: &str, now: Timestamp) -> Result<Vec<String>> {
    let Ok(id) = party.parse() else { return Ok(Vec::new()) };
    let party = register.party(&id, now).await.with_context(|| party.to_owned())?;
    Ok(party.into_iter().flat_map(|party| party.contacts).filter_map(|contact| contact.openpgp_key).collect())
}
