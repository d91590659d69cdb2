//! From drafts that are ready to mails that were taken: decide again, write, seal, log, hand over.
//!
//! What may be told is decided at the moment of release, so an agreement that was revoked while a draft lay there counts. The
//! leaf in the log and the mail in the outbox become true together; only then is anything handed over.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use casework::act::attachment;
use casework::act::finding::{Finding, Text, join_alike};
use casework::act::handling;
use casework::act::letter::{Letters, Matter, Role};
use casework::act::retry;
use casework::act::state::State;
use casework::act::token::Token;
use casework::correlate::key::{CaseKey, Seen};
use casework::model::agreement::{Channel, Purpose};
use casework::model::party::{Language, Party};
use casework::model::release::{Basis, Release};
use casework::model::terms::Tlp;
use casework::share::explain::Explanation;
use casework::verify::quiet::QuietPeriods;
use formats::mail_address::Address;
use formats::xarf;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::OsRng;
use sha2::{Digest as _, Sha256};
use store::home::Home;
use store::notices::{Denial, Notice, Untold};
use store::outbox::{Asks, Handed, Kept, Sealed};
use store::register::Register;
use store::releases::LogKey;
use store::takedowns::NewTakedown;

use crate::config::{Config, Mail, Smtp};
use crate::deliver::keys::OurKey;
use crate::deliver::message::{Attachment, Letter, Unsealed};
use crate::deliver::recipient::Recipient;
use crate::deliver::seal;
use crate::deliver::smtp::{Envelope, Outcome, Outgoing, Relay};
use crate::jobs::notices::{self, Desk, Everybody, May, People, Reached};

/// Everything with which a notice is written.
#[derive(Debug)]
pub(crate) struct Office<'a> {
    pub(crate) mail: &'a Mail,
    /// Our name as written in Japanese, where it differs.
    pub(crate) name_ja: Option<&'a str>,
    pub(crate) letters: &'a Letters,
    pub(crate) key: &'a OurKey,
    pub(crate) desk: &'a Desk,
    /// How long it must be quiet before a takedown is verified.
    pub(crate) quiet: &'a QuietPeriods,
}

/// What a run of releasing did.
#[derive(Debug, Default)]
pub(crate) struct Released {
    pub(crate) released: Vec<String>,
    pub(crate) denied: Vec<String>,
    /// Nobody to write to, with the reason.
    pub(crate) unreachable: Vec<(String, String)>,
    /// Ready, but offices there are closed; the earliest opening.
    pub(crate) later: u64,
}

/// Notices written, sealed and logged in one transaction.
const BATCH: usize = 250;
/// Findings beyond this go as one compressed file.
const PLAIN: usize = 50;

/// A notice decided, not yet written.
struct Decided {
    notice: Notice,
    party: Party,
    reached: Reached,
    findings: Vec<Finding>,
    terms: BTreeSet<i64>,
    tlp: Tlp,
    explained: Explanation,
    answer_by: Timestamp,
    asks: Vec<Asks>,
    /// What of it is not told after all.
    denials: Vec<Denial>,
    untold: Option<Untold>,
}

/// Releases notices that are ready: these, or all whose time has come.
pub(crate) async fn release(
    home: &Home,
    register: &Register,
    office: &Office<'_>,
    log: &LogKey,
    only: &[String],
    now: Timestamp,
    progress: &mut dyn FnMut(u64),
) -> Result<Released> {
    let _one = home.planning()?;
    let everybody = Everybody::of(home, register, now).await?;
    let mut people = People::of(&everybody)?;
    let mut done = Released::default();
    let cases: HashMap<String, String> = register.open_case_keys().await?.into_iter().collect();
    let ready = register.notices(None, Some(State::Ready), i64::MAX).await?;
    let (mut due, later): (Vec<Notice>, Vec<Notice>) = ready
        .into_iter()
        .filter(|notice| notice.held_at.is_none() && (only.is_empty() || only.contains(&notice.id)))
        .partition(|notice| !only.is_empty() || notice.send_after.is_none_or(|at| at <= now.as_microsecond()));
    done.later = later.len() as u64;
    // In the order in which they became ready, so that nobody is overtaken.
    due.sort_by(|a, b| (a.ready_at, &a.id).cmp(&(b.ready_at, &b.id)));
    for batch in due.chunks(BATCH) {
        let mut decided = Vec::with_capacity(batch.len());
        let ids: Vec<&str> = batch.iter().map(|notice| notice.id.as_str()).collect();
        let findings = register.findings_of(&ids).await?;
        for (notice, findings) in batch.iter().zip(findings) {
            match decide(register, office, &mut people, &cases, (notice, findings), now, &mut done).await? {
                Some(one) => decided.push(one),
                None => continue,
            }
        }
        let mut sealed = Vec::with_capacity(decided.len());
        for written in write_all(office, &decided, now)? {
            match written {
                Written::Sealed(one) => sealed.push(*one),
                Written::Unreachable { notice, reason } => done.unreachable.push((notice, reason)),
            }
        }
        done.released.extend(sealed.iter().map(|sealed| sealed.notice.clone()));
        register.release_notices(log, sealed, &office.desk.rules, now).await?;
        progress(batch.len() as u64);
    }
    Ok(done)
}

/// What of a notice may be told now, and to whom it goes; `None` when it does not go out.
async fn decide(
    register: &Register,
    office: &Office<'_>,
    people: &mut People<'_>,
    cases: &HashMap<String, String>,
    (notice, findings): (&Notice, Vec<Finding>),
    now: Timestamp,
    done: &mut Released,
) -> Result<Option<Decided>> {
    let digest = &notice.digest;
    let Some(place) = people.place_of(&digest.party) else {
        done.unreachable.push((notice.id.clone(), format!("{} is no party any more", digest.party)));
        return Ok(None);
    };
    let Some(reached) = people.reached(place, digest.role) else {
        done.unreachable.push((notice.id.clone(), format!("{} has no contact that is valid now", digest.party)));
        return Ok(None);
    };
    let mut denials: HashMap<i64, i64> = HashMap::new();
    let mut told = Vec::new();
    // Under other terms the same subject may be told all the same.
    let (mut subjects_told, mut subjects_denied) = (HashSet::new(), HashSet::new());
    let mut asks = Vec::new();
    for mut finding in findings {
        match people.may(place, digest.role, finding.terms, None) {
            May::Know(redactions) => {
                // The maker cannot end what runs at somebody's; only those who see the place can be asked to.
                if digest.role != Role::Maker && redactions.is_empty() {
                    asks.extend(takedown(office, cases, &finding, digest.role));
                }
                subjects_told.insert(finding.key);
                finding.redact(redactions);
                told.push(finding);
            }
            May::Not(_) => {
                subjects_denied.insert(finding.key);
                *denials.entry(finding.terms).or_default() += 1;
            }
        }
    }
    let denials: Vec<Denial> =
        denials.into_iter().map(|(terms, n)| notices::denial(people, (place, digest.role, digest.problem), terms, n)).collect();
    let untold = notice.ready_at.map(|ready_at| {
        let subjects = subjects_denied.difference(&subjects_told).copied().collect();
        Untold { digest: digest.clone(), ready_at, subjects }
    });
    let findings = join_alike(told);
    let terms: BTreeSet<i64> = findings.iter().map(|finding| finding.terms).collect();
    let Some(strictest) = terms.iter().copied().max_by_key(|number| people.terms(*number).map(|terms| terms.tlp)) else {
        let reason = denials.first().map_or_else(|| "nothing is left to tell".to_owned(), |denial| denial.reason.clone());
        register.deny_notice(&notice.id, &denials, &reason, &office.desk.rules, now.as_microsecond()).await?;
        done.denied.push(notice.id.clone());
        return Ok(None);
    };
    let explained = people.explain(place, digest.role, strictest);
    let tlp = people.terms(strictest).map_or(Tlp::Red, |terms| terms.tlp);
    let rule = office.desk.rules.of(digest.problem);
    let answer_by = now.checked_add(SignedDuration::from_secs(rule.answer))?;
    let party = people.party(place).into_owned();
    Ok(Some(Decided { notice: notice.clone(), party, reached, findings, terms, tlp, explained, answer_by, asks, denials, untold }))
}

/// The takedown that telling of a finding asks for, when an open case is about it.
fn takedown(office: &Office<'_>, cases: &HashMap<String, String>, finding: &Finding, role: Role) -> Option<Asks> {
    if cases.is_empty() {
        return None;
    }
    let seen = Seen {
        class: finding.class,
        ip: finding.ip,
        port: finding.port,
        fqdn: finding.text(Text::Fqdn),
        url: finding.text(Text::Url),
        malware: finding.text(Text::Malware),
        identifier: finding.text(Text::Identifier),
        campaign: None,
    };
    let target = CaseKey::of_place(&seen)?;
    let case_id = cases.get(&target.to_string())?.clone();
    let takedown = NewTakedown {
        case_id,
        target,
        country: finding.country.map(|country| country.as_str().to_owned()),
        needed: office.quiet.of(finding.class),
        first_seen: Timestamp::from_microsecond(finding.first_seen).ok()?,
        last_seen: Timestamp::from_microsecond(finding.last_seen).ok()?,
        asked_by: None,
    };
    Some(Asks { takedown, escalate: role == Role::NextInLine })
}

/// A notice written.
enum Written {
    Sealed(Box<Sealed>),
    Unreachable { notice: String, reason: String },
}

/// Writes and seals on all cores.
fn write_all(office: &Office<'_>, decided: &[Decided], now: Timestamp) -> Result<Vec<Written>> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let share = decided.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let parts: Vec<_> = decided
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(|one| write(office, one, now)).collect::<Result<Vec<Written>>>()))
            .collect();
        let mut sealed = Vec::with_capacity(decided.len());
        for part in parts {
            sealed.extend(part.join().map_err(|_| anyhow!("a notice could not be written: the thread that wrote it ended"))??);
        }
        Ok(sealed)
    })
}

/// One notice as the mail that will be handed over.
fn write(office: &Office<'_>, decided: &Decided, now: Timestamp) -> Result<Written> {
    let Decided { notice, party, reached, findings, .. } = decided;
    let id = &notice.id;
    let language = reached.contact.language;
    // A key that cannot be used is no reason to write in the clear, nor to hold up the others.
    let recipient = match reached.contact.openpgp_key.as_ref().map(|key| Recipient::read(key, now)).transpose() {
        Ok(recipient) => recipient,
        Err(error) => return Ok(Written::Unreachable { notice: id.clone(), reason: format!("{}: {error}", reached.contact.address) }),
    };
    let (mut letter, files) = compose(office, decided, language)?;
    if recipient.is_some() {
        letter.subject = sealed_subject(office, id);
    }
    let token: Token = notice.token.parse().with_context(|| id.clone())?;
    let to: Address = reached.contact.address.parse().with_context(|| format!("notice {id}"))?;
    let reply_to = token.reply_to(&office.mail.reply_to)?;
    let message_id = token.message_id(0, &office.mail.reply_to);
    let unsealed = Unsealed::write(&Letter {
        from: &office.mail.from,
        from_name: &office.mail.organisation,
        to: &to,
        reply_to: &reply_to,
        subject: &letter.subject,
        message_id: &message_id,
        follows: None,
        date: now,
        language,
        text: &letter.body,
        attachments: files.iter().map(|file| Attachment { name: &file.name, media_type: file.media_type, bytes: &file.bytes }).collect(),
    })
    .with_context(|| format!("notice {id}"))?;
    let sealed = match &recipient {
        Some(recipient) => seal::sign_and_encrypt(&unsealed, office.key, recipient, OsRng)?,
        None => seal::sign(&unsealed, office.key, OsRng)?,
    };
    let encrypted = sealed.encrypted();
    let mail = sealed.into_bytes();
    let release = Release {
        id: id.clone(),
        recipient: party.id.clone(),
        purpose: Purpose::Notify,
        channel: if encrypted { Channel::SealedMail } else { Channel::Mail },
        content: Sha256::digest(&mail).into(),
        at: now,
        basis: Basis {
            decision: decided.explained.outcome.as_str().to_owned(),
            terms: decided.terms.iter().copied().collect(),
            reasons: decided
                .explained
                .reasons
                .iter()
                .map(|reason| format!("{} {}: {}", reason.effect.as_str(), reason.rule, reason.en))
                .collect(),
        },
    };
    Ok(Written::Sealed(Box::new(Sealed {
        notice: id.clone(),
        release,
        kept: Kept::new(findings, &mail)?,
        language: language.as_str(),
        address: to.to_string(),
        subject: letter.subject,
        tlp: decided.tlp.label(),
        encrypted,
        answer_by: decided.answer_by.as_microsecond(),
        asks: decided.asks.clone(),
        denials: decided.denials.clone(),
        untold: decided.untold.clone(),
    })))
}

/// The subject of a sealed mail can be read on the way: it says no more than the envelope does.
fn sealed_subject(office: &Office<'_>, id: &str) -> String {
    format!("[{id}] {}", office.mail.organisation)
}

/// A file that goes with a letter.
struct File {
    name: String,
    media_type: &'static str,
    bytes: Vec<u8>,
}

fn compose(office: &Office<'_>, decided: &Decided, language: Language) -> Result<(casework::act::letter::Letter, Vec<File>)> {
    let Decided { notice, party, findings, .. } = decided;
    let us =
        xarf::Contact { org: office.mail.organisation.clone(), contact: office.mail.from.to_string(), domain: office.mail.from.domain() };
    let tag = format!("tlp:{}", decided.tlp.label().to_ascii_lowercase());
    let mut files = vec![
        File {
            name: format!("{}.csv", notice.id),
            media_type: "text/csv; charset=utf-8; header=present",
            bytes: attachment::csv(findings).into_bytes(),
        },
        File {
            name: format!("{}.xarf.json", notice.id),
            media_type: "application/json",
            bytes: attachment::xarf(&notice.token, findings, &us, &[&tag]).into_bytes(),
        },
    ];
    if findings.len() > PLAIN {
        files = vec![File { name: format!("{}.zip", notice.id), media_type: "application/zip", bytes: zip(&files)? }];
    }
    let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
    let name = party.name_ja.as_deref().filter(|_| language == Language::Ja).unwrap_or(&party.name);
    let our_address = office.mail.from.to_string();
    let terms = handling::sentences(&decided.explained.obligations, language);
    // Whoever holds the mail holds the token; in a sealed mail nobody else reads it on the way.
    let answer_at = office.mail.answers_at.as_deref().map(|at| format!("{}/answer/{}", at.trim_end_matches('/'), notice.token));
    let letter = office.letters.write(&Matter {
        notice: &notice.id,
        language,
        role: notice.digest.role,
        problem: notice.digest.problem,
        party: name,
        nation: party.nation,
        us: office.name_ja.filter(|_| language == Language::Ja).unwrap_or(&office.mail.organisation),
        our_address: &our_address,
        findings,
        attachments: &names,
        terms: &terms,
        answer_by: decided.answer_by,
        answer_at: answer_at.as_deref(),
    })?;
    Ok((letter, files))
}

fn zip(files: &[File]) -> Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated).compression_level(Some(1));
    for file in files {
        archive.start_file(&*file.name, options)?;
        archive.write_all(&file.bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// A notice as it would go out now.
#[derive(Debug)]
pub(crate) struct Previewed {
    pub(crate) letter: casework::act::letter::Letter,
    /// Names and sizes of what is attached.
    pub(crate) files: Vec<(String, usize)>,
    pub(crate) reached: Reached,
    /// Why its key cannot be used, when there is one: then nothing goes out.
    pub(crate) unusable: Option<String>,
    pub(crate) tlp: Tlp,
    pub(crate) explained: Explanation,
    pub(crate) answer_by: Timestamp,
    /// What policy keeps back of it.
    pub(crate) kept_back: usize,
}

/// A notice that is ready as it would be written now, without releasing it.
pub(crate) async fn preview(home: &Home, register: &Register, office: &Office<'_>, id: &str, now: Timestamp) -> Result<Previewed> {
    let everybody = Everybody::of(home, register, now).await?;
    let mut people = People::of(&everybody)?;
    let notice = register.notice(id).await?;
    let digest = &notice.digest;
    let place = people.place_of(&digest.party).ok_or_else(|| anyhow!("{} is no party any more", digest.party))?;
    let reached = people.reached(place, digest.role).ok_or_else(|| anyhow!("{} has no contact that is valid now", digest.party))?;
    let mut told = Vec::new();
    let mut kept_back = 0;
    let mut strictest: Option<(Tlp, i64)> = None;
    for mut finding in register.notice_findings(id).await? {
        if let May::Know(redactions) = people.may(place, digest.role, finding.terms, None) {
            let tlp = people.terms(finding.terms).map_or(Tlp::Red, |terms| terms.tlp);
            strictest = strictest.max(Some((tlp, finding.terms)));
            finding.redact(redactions);
            told.push(finding);
        } else {
            kept_back += 1;
        }
    }
    let Some((tlp, terms)) = strictest else { anyhow::bail!("policy lets {} know nothing of notice {id}", digest.party) };
    let decided = Decided {
        party: people.party(place).into_owned(),
        findings: join_alike(told),
        terms: BTreeSet::from([terms]),
        tlp,
        explained: people.explain(place, digest.role, terms),
        answer_by: now.checked_add(SignedDuration::from_secs(office.desk.rules.of(digest.problem).answer))?,
        asks: Vec::new(),
        denials: Vec::new(),
        untold: None,
        reached,
        notice,
    };
    let language = decided.reached.contact.language;
    let (mut letter, files) = compose(office, &decided, language)?;
    let key = decided.reached.contact.openpgp_key.as_ref().map(|key| Recipient::read(key, now)).transpose();
    if decided.reached.contact.openpgp_key.is_some() {
        letter.subject = sealed_subject(office, &decided.notice.id);
    }
    Ok(Previewed {
        letter,
        files: files.iter().map(|file| (file.name.clone(), file.bytes.len())).collect(),
        unusable: key.err().map(|error| error.to_string()),
        tlp: decided.tlp,
        explained: decided.explained,
        answer_by: decided.answer_by,
        reached: decided.reached,
        kept_back,
    })
}

/// What a run of handing over did.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) taken: u64,
    pub(crate) later: u64,
    pub(crate) failed: u64,
    pub(crate) unclear: u64,
    /// The relay does not want us, or is not there.
    pub(crate) stopped: Option<String>,
}

/// Mails marked as being handed over in one transaction.
const HAND: i64 = 200;
/// After so long without any sign that a mail was taken, it is handed over again.
const UNCLEAR_FOR: SignedDuration = SignedDuration::from_hours(1);
/// When the relay is at fault, the mails wait for so long.
const PAUSE: SignedDuration = SignedDuration::from_mins(2);

/// Hands over what is in the outbox.
pub(crate) async fn send(home: &Home, register: &Register, config: &Config, now: Timestamp, progress: &mut dyn FnMut(u64)) -> Result<Sent> {
    let (mail, smtp) = sender(config)?;
    let _one = home.planning()?;
    let relay = Arc::new(Relay::new(mail, smtp)?);
    let mut sent = Sent::default();
    let at = now.as_microsecond();
    register.hand_over_again((now - UNCLEAR_FOR).as_microsecond(), at).await?;
    while sent.stopped.is_none() {
        let due = register.outbox(at, HAND).await?;
        if due.is_empty() {
            break;
        }
        let ids: Vec<&str> = due.iter().map(|due| due.notice.id.as_str()).collect();
        register.hand_over(&ids, at).await?;
        crate::faults::point("handing");
        let mut waiting = HashMap::new();
        let mut outgoing = Vec::with_capacity(due.len());
        let mut results = Vec::new();
        for due in due {
            let token: Token = due.notice.token.parse()?;
            let envelope = Envelope {
                from: mail.from.clone(),
                to: due.notice.address.as_deref().unwrap_or_default().parse()?,
                // The number of the attempt tells reports about one try from those about another.
                id: token.envelope_id(u32::try_from(due.notice.attempts).unwrap_or(u32::MAX)),
                report_success: true,
            };
            let id = envelope.id.clone();
            match Outgoing::new(envelope, due.mail) {
                Ok(mail) => {
                    waiting.insert(id, due.notice);
                    outgoing.push(mail);
                }
                Err(unfit) => {
                    sent.failed += 1;
                    results.push((due.notice.id, Handed::Never { reason: unfit.to_string() }));
                }
            }
        }
        let mut told = relay.hand_over_all(outgoing);
        while let Some((envelope, outcome)) = told.recv().await {
            let Some(notice) = waiting.remove(&envelope.id) else { continue };
            let handed = judge(&notice, outcome, now, &mut sent)?;
            results.push((notice.id, handed));
            progress(1);
        }
        crate::faults::point("handed");
        register.handed(&results, at).await?;
    }
    Ok(sent)
}

fn judge(notice: &Notice, outcome: Outcome, now: Timestamp, sent: &mut Sent) -> Result<Handed> {
    Ok(match outcome {
        Outcome::Accepted(_) => {
            sent.taken += 1;
            Handed::Taken
        }
        Outcome::Failed(words) => {
            sent.failed += 1;
            Handed::Never { reason: words.to_string() }
        }
        Outcome::Unknown(words) => {
            sent.unclear += 1;
            Handed::Unclear { reason: words.to_string() }
        }
        Outcome::OurFault(words) => {
            sent.later += 1;
            sent.stopped = Some(words.to_string());
            Handed::Later { at: (now + PAUSE).as_microsecond(), reason: words.to_string() }
        }
        Outcome::Later(words) => {
            let first = Timestamp::from_microsecond(notice.released_at.unwrap_or_default())?;
            let attempts = u32::try_from(notice.attempts).unwrap_or(u32::MAX).saturating_add(1);
            match retry::next_attempt(first, now, attempts, rand::random()) {
                Some(at) => {
                    sent.later += 1;
                    Handed::Later { at: at.as_microsecond(), reason: words.to_string() }
                }
                None => {
                    sent.failed += 1;
                    Handed::Never { reason: format!("given up after {attempts} attempts: {words}") }
                }
            }
        }
    })
}

/// Who sends, and through whom; without both nothing is ever sent.
pub(crate) fn sender(config: &Config) -> Result<(&Mail, &Smtp)> {
    match (&config.mail, &config.smtp) {
        (Some(mail), Some(smtp)) => Ok((mail, smtp)),
        (None, _) => Err(anyhow!("config.toml has no [mail]: nobody to send as (see docs/mail.md)")),
        (_, None) => Err(anyhow!("config.toml has no [smtp]: this home sends to nobody (see docs/mail.md)")),
    }
}
