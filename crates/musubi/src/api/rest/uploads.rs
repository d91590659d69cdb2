//! `/api/v1/evidence` (POST) and `/api/v1/uploads`: evidence in, in one go or in pieces that survive every interruption.
//!
//! Pieces are those of tus 1.0.0 (core, creation, termination): `POST` with `Upload-Length` makes an upload, `PATCH` with `Upload-Offset` adds
//! to it, `HEAD` and `GET` tell how far it is. Bytes that were acknowledged are on the disk; `GET` tells later what became of each row. Reading
//! is a job of its own ([`crate::jobs::uploads`]).

use std::collections::HashSet;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Multipart, Path, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use casework::model::rights::Right;
use casework::model::terms::Terms;
use futures::{Stream, StreamExt as _};
use serde::Serialize;
use serde_json::Value;
use store::uploads::Upload as Kept;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use utoipa::ToSchema;

use super::answer::{Sent, page, refuse};
use super::{Asked, Operation, is_id, new_id, time_text, write_cursor};
use crate::api::Server;
use crate::console::visit::{Answer, Fault, Visit};
use crate::receive::parts;

/// A client that sends nothing for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest that a client may wait for what becomes of its upload.
const LONGEST_WAIT: i64 = 60;
/// Files in one form.
const FILES: usize = 100;

const TUS: &str = "1.0.0";

/// Who writes where, and a bell for what waits to be read.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    written_to: Mutex<HashSet<String>>,
    pub(crate) waiting: Notify,
    /// Told when an upload was read.
    pub(crate) ended: Notify,
}

/// The right to write to an upload.
struct Turn<'d> {
    desk: &'d Desk,
    id: String,
}

impl Desk {
    fn take(&self, id: &str) -> Option<Turn<'_>> {
        let mut all = self.written_to.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(id.to_owned()).then(|| Turn { desk: self, id: id.to_owned() })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.desk.written_to.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

pub(super) fn operations() -> Vec<Operation> {
    let said = |operation: Operation| {
        operation
            .text("feed", "Name of the feed it belongs to")
            .text("tlp", "Terms it was given under: a TLP label, or more")
            .text("from", "Who gave it")
            .text("format", "Insist on a format")
            .text("name", "Name of the file")
    };
    let give = said(Operation::post(
        "giveEvidence",
        "/api/v1/evidence",
        Right::GiveEvidence,
        give,
        "Evidence in one go, or several files as a form",
    ))
    .number("wait", "Seconds to wait for what becomes of it", 0, LONGEST_WAIT)
    .taking(usize::MAX)
    .takes_bytes("application/octet-stream")
    .gives::<Given>(200, "Read: what became of it")
    .gives::<Given>(202, "Safe on the disk, and read soon: ask for the upload");
    let begin =
        said(Operation::post("beginUpload", "/api/v1/uploads", Right::GiveEvidence, begin, "Begin an upload in pieces (tus 1.0.0)"))
            .header_number("Upload-Length", "Bytes of the whole", true)
            .header("Upload-Metadata", "filename, feed, tlp, from and format, each with its value in base 64")
            .taking(usize::MAX)
            .answers(201, "Begun: its address is in Location", None);
    let list = Operation::get("listUploads", "/api/v1/uploads", Right::GiveEvidence, list, "One's own uploads, the newest first")
        .paged()
        .lists::<Upload>();
    let one = Operation::get("getUpload", "/api/v1/uploads/{id}", Right::GiveEvidence, one, "How far an upload is, and what became of it")
        .gives::<Upload>(200, "The upload");
    let more =
        Operation::with("continueUpload", Method::PATCH, "/api/v1/uploads/{id}", Right::GiveEvidence, more, "Add bytes to an upload")
            .header_number("Upload-Offset", "Where these bytes begin: as many as are there", true)
            .taking(usize::MAX)
            .takes_bytes("application/offset+octet-stream")
            .answers(204, "They are on the disk; Upload-Offset tells how many there are now", None);
    let withdraw = Operation::with(
        "withdrawUpload",
        Method::DELETE,
        "/api/v1/uploads/{id}",
        Right::GiveEvidence,
        withdraw,
        "Withdraw an upload that is not whole",
    )
    .answers(204, "Withdrawn", None);
    let able =
        Operation::with("describeUploads", Method::OPTIONS, "/api/v1/uploads", Right::GiveEvidence, able, "What of tus is understood")
            .open()
            .answers(204, "In the headers", None);
    [give, begin, list, one, more, withdraw, able].map(|operation| operation.group("Uploads")).into()
}

/// An upload.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Upload {
    id: String,
    name: String,
    /// `open`, `waiting`, `reading`, `done`, `failed` or `withdrawn`.
    state: String,
    /// Bytes of the whole.
    size: Option<i64>,
    /// Bytes that are on the disk.
    offset: i64,
    feed: Option<String>,
    terms: Option<String>,
    from: Option<String>,
    created_at: String,
    completed_at: Option<String>,
    ended_at: Option<String>,
    /// What it became.
    evidence: Option<String>,
    outcome: Option<Outcome>,
}

/// What became of the rows.
#[derive(Debug, Default, serde::Deserialize, Serialize, ToSchema)]
pub(crate) struct Outcome {
    pub(crate) read: u64,
    pub(crate) stored: u64,
    pub(crate) duplicate: u64,
    pub(crate) rejected: u64,
    /// It was known before: nothing was read again.
    pub(crate) known: bool,
    /// The first rows that were set aside, with the reasons.
    #[schema(value_type = Vec<super::evidence::Rejection>)]
    pub(crate) rejections: Vec<Value>,
    /// Why nothing could be read.
    pub(crate) error: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Given {
    uploads: Vec<Upload>,
}

impl Upload {
    fn of(kept: Kept) -> Self {
        Self {
            id: kept.id,
            name: kept.name,
            state: kept.state,
            size: kept.size_bytes,
            offset: kept.offset_bytes,
            feed: kept.feed,
            terms: kept.terms,
            from: kept.given_by,
            created_at: time_text(kept.created_at),
            completed_at: kept.completed_at.map(time_text),
            ended_at: kept.ended_at.map(time_text),
            evidence: kept.evidence,
            outcome: kept.outcome.and_then(|outcome| serde_json::from_str(&outcome).ok()),
        }
    }
}

/// What is said of evidence beside its bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) name: Option<String>,
    pub(crate) feed: Option<String>,
    pub(crate) terms: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) format: Option<String>,
}

impl Said {
    /// # Errors
    /// What is wrong with it: nothing is taken under terms that cannot be read.
    pub(crate) fn checked(self) -> Result<Self, Fault> {
        let short = |name: &str, text: &Option<String>, most: usize| match text {
            Some(text) if text.chars().count() > most || text.chars().any(char::is_control) => {
                Err(Fault::Wrong(format!("{name}: at most {most} characters on one line")))
            }
            _ => Ok(()),
        };
        short("name", &self.name, 255)?;
        short("feed", &self.feed, 100)?;
        if let Some(terms) = &self.terms {
            let read: Result<Terms, _> = terms.parse();
            read.map_err(|error| Fault::Wrong(format!("tlp: {error}")))?;
        }
        if let Some(from) = &self.from {
            let read: Result<casework::model::party::PartyId, _> = from.parse();
            read.map_err(|error| Fault::Wrong(format!("from: {error}")))?;
        }
        if let Some(format) = &self.format
            && parts::by_name(format).is_none()
        {
            return Err(Fault::Wrong(format!("format: {format:?} is none that is known")));
        }
        Ok(self)
    }
}

const SAID: [&str; 5] = ["feed", "tlp", "from", "format", "name"];

fn said(asked: &Asked) -> Result<Said, Fault> {
    let text = |name: &str| asked.text(name).map(str::to_owned);
    Said { name: text("name"), feed: text("feed"), terms: text("tlp"), from: text("from"), format: text("format") }.checked()
}

/// Why bytes were not taken.
#[derive(Debug)]
pub(crate) enum Stopped {
    TooLarge,
    TooSlow,
    Gone,
    Failed(anyhow::Error),
}

impl From<Stopped> for Result<Response, Fault> {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::TooLarge => refuse(StatusCode::PAYLOAD_TOO_LARGE, "too large", "an upload of this size is not taken"),
            Stopped::TooSlow => refuse(StatusCode::REQUEST_TIMEOUT, "too slow", "nothing came for a minute; what came is kept"),
            Stopped::Gone => refuse(StatusCode::BAD_REQUEST, "broken off", "the body ended too early; what came is kept"),
            Stopped::Failed(error) => Err(Fault::Failed(error)),
        }
    }
}

/// Where the bytes of an upload lie.
pub(crate) fn place(server: &Server, id: &str) -> Result<PathBuf, Fault> {
    Ok(server.home.uploads()?.join(id))
}

/// Writes what comes behind `offset`; says how many bytes are on the disk then, also when it stopped early.
async fn write<S, E>(path: &FilePath, offset: u64, most: u64, mut bytes: S) -> (u64, Result<(), Stopped>)
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let failed = |error: std::io::Error| Stopped::Failed(anyhow::Error::from(error).context("an upload could not be written"));
    let opened: std::io::Result<File> = async {
        let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(path).await?;
        // Behind what was acknowledged nothing counts.
        file.set_len(offset).await?;
        file.seek(std::io::SeekFrom::Start(offset)).await?;
        Ok(file)
    }
    .await;
    let mut file = match opened {
        Ok(file) => file,
        Err(error) => return (offset, Err(failed(error))),
    };
    let (mut end, mut outcome) = (offset, Ok(()));
    loop {
        let part = match tokio::time::timeout(PATIENCE, bytes.next()).await {
            Err(_) => {
                outcome = Err(Stopped::TooSlow);
                break;
            }
            Ok(None) => break,
            Ok(Some(Err(_))) => {
                outcome = Err(Stopped::Gone);
                break;
            }
            Ok(Some(Ok(part))) => part,
        };
        if end + part.len() as u64 > most {
            outcome = Err(Stopped::TooLarge);
            break;
        }
        if let Err(error) = file.write_all(&part).await {
            outcome = Err(failed(error));
            break;
        }
        end += part.len() as u64;
    }
    let safe = async {
        file.flush().await?;
        file.sync_all().await
    };
    match safe.await {
        Ok(()) => (end, outcome),
        Err(error) => (offset, Err(failed(error))),
    }
}

/// The folder remembers the file too.
fn sync_folder(path: &FilePath) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Takes a whole file: on the disk and in the register when it comes back.
pub(crate) async fn take<S, E>(visit: &Visit, said: &Said, bytes: S) -> Result<Kept, Stopped>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let server = &visit.server;
    let id = new_id();
    let fail = |fault: Fault| Stopped::Failed(anyhow::anyhow!("{fault:?}"));
    let path = place(server, &id).map_err(fail)?;
    let (end, outcome) = write(&path, 0, server.limits.largest_upload, bytes).await;
    if let Err(stopped) = outcome {
        let _ = std::fs::remove_file(&path);
        return Err(stopped);
    }
    sync_folder(&path).map_err(|error| Stopped::Failed(error.into()))?;
    let who = visit.who().map_err(fail)?;
    let now = crate::pipeline::now().as_microsecond();
    let upload = Kept {
        name: said.name.clone().unwrap_or_else(|| "upload".to_owned()),
        size_bytes: Some(end as i64),
        offset_bytes: end as i64,
        state: "waiting".to_owned(),
        completed_at: Some(now),
        ..blank(&id, who, said, now)
    };
    server.register.begin_upload(&upload).await.map_err(|error| Stopped::Failed(error.into()))?;
    crate::faults::point("upload acknowledged");
    server.uploads.waiting.notify_one();
    Ok(upload)
}

fn blank(id: &str, who: &crate::console::visit::Who, said: &Said, now: i64) -> Kept {
    Kept {
        id: id.to_owned(),
        person: who.id.clone(),
        party: who.party.to_string(),
        name: said.name.clone().unwrap_or_else(|| "upload".to_owned()),
        size_bytes: None,
        offset_bytes: 0,
        feed: said.feed.clone(),
        terms: said.terms.clone(),
        given_by: said.from.clone(),
        format: said.format.clone(),
        state: "open".to_owned(),
        created_at: now,
        completed_at: None,
        ended_at: None,
        evidence: None,
        outcome: None,
    }
}

/// Waits until uploads were read, or the time is over; as they stand then.
pub(crate) async fn wait(server: &Server, ids: &[String], at_most: Duration) -> Result<Vec<Kept>, Fault> {
    let end = tokio::time::Instant::now() + at_most;
    loop {
        let ended = server.uploads.ended.notified();
        let mut found = Vec::new();
        for id in ids {
            found.extend(server.register.upload(id).await?);
        }
        let over = found.iter().all(|upload| upload.ended_at.is_some());
        if over || tokio::time::Instant::now() >= end {
            return Ok(found);
        }
        let _ = tokio::time::timeout_at(end, ended).await;
    }
}

async fn give(visit: Visit, headers: HeaderMap, request: Request) -> Answer {
    let asked = Asked::of(&visit, &[&SAID[..], &["wait"]].concat())?;
    let seconds = asked.number("wait", 0, LONGEST_WAIT)?.unwrap_or(0);
    let said = said(&asked)?;
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|media| media.trim_start().to_ascii_lowercase().starts_with("multipart/form-data"));
    let ids = if is_form {
        match form(&visit, request, said).await? {
            Ok(ids) => ids,
            Err(stopped) => return stopped.into(),
        }
    } else {
        match take(&visit, &said, request.into_body().into_data_stream()).await {
            Ok(upload) => vec![upload.id],
            Err(stopped) => return stopped.into(),
        }
    };
    let uploads = wait(&visit.server, &ids, Duration::from_secs(seconds as u64)).await?;
    let over = uploads.iter().all(|upload| upload.ended_at.is_some());
    let status = if over { StatusCode::OK } else { StatusCode::ACCEPTED };
    let given = Given { uploads: uploads.into_iter().map(Upload::of).collect() };
    let sent = Sent::json(&given)?.status(status);
    let sent = match ids.first() {
        Some(id) => sent.header(header::LOCATION, format!("/api/v1/uploads/{id}")),
        None => sent,
    };
    sent.answer(&HeaderMap::new())
}

/// The files of a form, each an upload; fields before a file say what it is.
pub(crate) async fn form(visit: &Visit, request: Request, mut said: Said) -> Result<Result<Vec<String>, Stopped>, Fault> {
    let wrong = |error: String| Fault::Wrong(format!("the form: {error}"));
    let mut form = Multipart::from_request(request, &visit.server).await.map_err(|error| wrong(error.body_text()))?;
    let mut ids = Vec::new();
    while let Some(mut field) = form.next_field().await.map_err(|error| wrong(error.body_text()))? {
        let name = field.name().unwrap_or_default().to_owned();
        if let Some(file) = field.file_name().map(str::to_owned) {
            // A form without a file chosen sends an empty one without a name.
            let file: String = file.rsplit(['/', '\\']).next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(255).collect();
            let stream = futures::stream::poll_fn(|context| std::pin::Pin::new(&mut field).poll_next(context));
            let one = Said { name: Some(file.clone()).filter(|file| !file.is_empty()), ..said.clone() }.checked()?;
            let mut stream = Box::pin(stream.peekable());
            if file.is_empty() && stream.as_mut().peek().await.is_none() {
                continue;
            }
            if ids.len() == FILES {
                return Err(wrong(format!("at most {FILES} files")));
            }
            match take(visit, &one, stream).await {
                Ok(upload) => ids.push(upload.id),
                Err(stopped) => return Ok(Err(stopped)),
            }
            continue;
        }
        let mut text = Vec::new();
        while let Some(part) = field.chunk().await.map_err(|error| wrong(error.body_text()))? {
            text.extend_from_slice(&part);
            if text.len() > 4096 {
                return Err(wrong(format!("field {name} is too long")));
            }
        }
        let text = String::from_utf8(text).map_err(|_| wrong(format!("field {name} is not UTF-8")))?;
        let text = Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        match name.as_str() {
            "feed" => said.feed = text,
            "tlp" => said.terms = text,
            "from" => said.from = text,
            "format" => said.format = text,
            "wait" | "name" => {}
            other => return Err(wrong(format!("there is no field {other:?}"))),
        }
        said = said.checked()?;
    }
    if ids.is_empty() {
        return Err(wrong("there is no file in it".to_owned()));
    }
    Ok(Ok(ids))
}

/// Another version of tus is not understood; none named is ours.
fn tus(headers: &HeaderMap) -> Option<Response> {
    let version = headers.get("tus-resumable")?;
    if version.as_bytes() == TUS.as_bytes() {
        return None;
    }
    let mut response = StatusCode::PRECONDITION_FAILED.into_response();
    response.headers_mut().insert("tus-version", HeaderValue::from_static(TUS));
    Some(response)
}

fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, Fault> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<u64>().ok().filter(|number| digits && *number <= i64::MAX as u64);
    number.map(Some).ok_or_else(|| Fault::Wrong(format!("{name}: {text:?} is no number")))
}

/// `Upload-Metadata`: names, each with its value in base 64.
fn metadata(headers: &HeaderMap, mut said: Said) -> Result<Said, Fault> {
    let Some(text) = headers.get("upload-metadata") else { return Ok(said) };
    let text = text.to_str().map_err(|_| Fault::Wrong("Upload-Metadata: not readable".to_owned()))?;
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = base64::engine::general_purpose::STANDARD.decode(value.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let value = value.ok_or_else(|| Fault::Wrong(format!("Upload-Metadata: the value of {name} is no text in base 64")))?;
        let value = Some(value).filter(|value| !value.is_empty());
        match name {
            "filename" | "name" => said.name = value,
            "feed" => said.feed = value,
            "tlp" => said.terms = value,
            "from" => said.from = value,
            "format" => said.format = value,
            // Clients add what they like, such as the media type.
            _ => {}
        }
    }
    Ok(said)
}

async fn begin(visit: Visit, headers: HeaderMap) -> Answer {
    if let Some(refused) = tus(&headers) {
        return Ok(refused);
    }
    let asked = Asked::of(&visit, &SAID)?;
    let said = metadata(&headers, said(&asked)?)?.checked()?;
    let length =
        number(&headers, "upload-length")?.ok_or_else(|| Fault::Wrong("Upload-Length: how many bytes will there be?".to_owned()))?;
    if length > visit.server.limits.largest_upload {
        return Stopped::TooLarge.into();
    }
    let id = new_id();
    let path = place(&visit.server, &id)?;
    let (_, outcome) = write(&path, 0, 0, futures::stream::empty::<Result<Bytes, std::convert::Infallible>>()).await;
    if let Err(stopped) = outcome {
        return stopped.into();
    }
    sync_folder(&path)?;
    let now = visit.now.as_microsecond();
    let whole = length == 0;
    let upload = Kept {
        size_bytes: Some(length as i64),
        state: if whole { "waiting" } else { "open" }.to_owned(),
        completed_at: whole.then_some(now),
        ..blank(&id, visit.who()?, &said, now)
    };
    visit.server.register.begin_upload(&upload).await?;
    if whole {
        visit.server.uploads.waiting.notify_one();
    }
    let mut response = StatusCode::CREATED.into_response();
    let out = response.headers_mut();
    out.insert(header::LOCATION, HeaderValue::from_str(&format!("/api/v1/uploads/{id}"))?);
    out.insert("tus-resumable", HeaderValue::from_static(TUS));
    out.insert("upload-offset", HeaderValue::from_static("0"));
    Ok(response)
}

/// One's own upload; another's is one that does not exist.
async fn own(visit: &Visit, id: &str) -> Result<Kept, Fault> {
    if !is_id(id) {
        return Err(Fault::NotFound);
    }
    let found = visit.server.register.upload(id).await?;
    let who = visit.who()?;
    found.filter(|upload| upload.person == who.id || who.role == casework::model::rights::Role::Administrator).ok_or(Fault::NotFound)
}

async fn list(visit: Visit, headers: HeaderMap) -> Answer {
    let asked = Asked::of(&visit, &["cursor", "limit"])?;
    let limit = asked.limit()?;
    let before = match asked.cursor::<1>()? {
        Some([at]) => Some(at.parse::<i64>().map_err(|_| Fault::Wrong("parameter cursor: not of this list".to_owned()))?),
        None => None,
    };
    let mut found = visit.server.register.uploads(Some(&visit.who()?.id), before, limit as u32 + 1).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| write_cursor(&[&last.created_at.to_string()]));
    let data: Vec<Upload> = found.into_iter().map(Upload::of).collect();
    page(&visit, &data, next.as_deref())?.answer(&headers)
}

async fn one(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    if let Some(refused) = tus(&headers) {
        return Ok(refused);
    }
    Asked::of(&visit, &[])?;
    let upload = own(&visit, &id).await?;
    let (offset, size) = (upload.offset_bytes, upload.size_bytes);
    let mut response = Sent::json(&Upload::of(upload))?.answer(&headers)?;
    let out = response.headers_mut();
    out.insert("tus-resumable", HeaderValue::from_static(TUS));
    out.insert("upload-offset", HeaderValue::from(offset));
    if let Some(size) = size {
        out.insert("upload-length", HeaderValue::from(size));
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn more(visit: Visit, headers: HeaderMap, Path(id): Path<String>, body: Body) -> Answer {
    if let Some(refused) = tus(&headers) {
        return Ok(refused);
    }
    Asked::of(&visit, &[])?;
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media.trim().eq_ignore_ascii_case("application/offset+octet-stream") {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not a piece", "send Content-Type: application/offset+octet-stream");
    }
    let begins = number(&headers, "upload-offset")?.ok_or_else(|| Fault::Wrong("Upload-Offset: where do these bytes begin?".to_owned()))?;
    own(&visit, &id).await?;
    let Some(_turn) = visit.server.uploads.take(&id) else {
        return refuse(StatusCode::LOCKED, "written to", "another request is writing to this upload");
    };
    // As it stands now that nobody else writes.
    let upload = own(&visit, &id).await?;
    if upload.state != "open" {
        return Err(Fault::Conflict(format!("this upload is {}: nothing can be added", upload.state)));
    }
    let offset = upload.offset_bytes.unsigned_abs();
    if begins != offset {
        return Err(Fault::Conflict(format!("there are {offset} bytes, these begin at {begins}")));
    }
    let size = upload.size_bytes.map_or(visit.server.limits.largest_upload, i64::unsigned_abs);
    let path = place(&visit.server, &id)?;
    let (end, outcome) = write(&path, offset, size, body.into_data_stream()).await;
    let whole = end == size;
    let completed = whole.then(|| crate::pipeline::now().as_microsecond());
    visit.server.register.upload_grew(&id, end as i64, completed).await?;
    crate::faults::point("upload acknowledged");
    if whole {
        visit.server.uploads.waiting.notify_one();
    }
    let mut response = match outcome {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(stopped) => Answer::from(stopped)?,
    };
    response.headers_mut().insert("tus-resumable", HeaderValue::from_static(TUS));
    response.headers_mut().insert("upload-offset", HeaderValue::from(end));
    Ok(response)
}

async fn withdraw(visit: Visit, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    if let Some(refused) = tus(&headers) {
        return Ok(refused);
    }
    Asked::of(&visit, &[])?;
    own(&visit, &id).await?;
    let Some(_turn) = visit.server.uploads.take(&id) else {
        return refuse(StatusCode::LOCKED, "written to", "another request is writing to this upload");
    };
    if !visit.server.register.withdraw_upload(&id, visit.now.as_microsecond()).await? {
        return Err(Fault::Conflict("this upload is whole: it is read, and stays on record".to_owned()));
    }
    let path = place(&visit.server, &id)?;
    std::fs::remove_file(&path)
        .or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
        .context("remove")?;
    Ok((StatusCode::NO_CONTENT, [("tus-resumable", TUS)]).into_response())
}

async fn able(visit: Visit) -> Answer {
    let largest = visit.server.limits.largest_upload.to_string();
    let mut response =
        (StatusCode::NO_CONTENT, [("tus-resumable", TUS), ("tus-version", TUS), ("tus-extension", "creation,termination")]).into_response();
    response.headers_mut().insert(HeaderName::from_static("tus-max-size"), HeaderValue::from_str(&largest)?);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST, OPTIONS"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_an_upload_is_checked_before_a_byte_is_taken() {
        let mut headers = HeaderMap::new();
        headers.insert("upload-metadata", HeaderValue::from_static("filename YS5jc3Y=, tlp Z3JlZW4=, filetype dGV4dA=="));
        let said = metadata(&headers, Said::default()).unwrap().checked().unwrap();
        assert_eq!((said.name.as_deref(), said.terms.as_deref()), (Some("a.csv"), Some("green")));
        headers.insert("upload-metadata", HeaderValue::from_static("filename %%%"));
        assert!(metadata(&headers, Said::default()).is_err());
        for bad in [
            Said { terms: Some("purple".into()), ..Said::default() },
            Said { from: Some("No Party".into()), ..Said::default() },
            Said { format: Some("no-such".into()), ..Said::default() },
            Said { name: Some("a\nb".into()), ..Said::default() },
        ] {
            assert!(bad.clone().checked().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        for (text, good) in
            [("0", true), ("12", true), ("+1", false), ("-1", false), ("1e3", false), ("", false), ("99999999999999999999", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert("upload-length", HeaderValue::from_static(text));
            assert_eq!(number(&headers, "upload-length").is_ok(), good, "{text}");
        }
    }

    #[tokio::test]
    async fn pieces_that_break_off_leave_what_came() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("u");
        let parts = futures::stream::iter(vec![Ok(Bytes::from_static(b"abc")), Err("gone")]);
        let (end, outcome) = write(&path, 0, 100, parts).await;
        assert!(end == 3 && matches!(outcome, Err(Stopped::Gone)));
        // What was not acknowledged is written over.
        let (end, outcome) = write(&path, 2, 100, futures::stream::iter(vec![Ok::<_, &str>(Bytes::from_static(b"xyz"))])).await;
        assert!(end == 5 && outcome.is_ok());
        assert_eq!(std::fs::read(&path).unwrap(), b"abxyz");
        let (end, outcome) = write(&path, 5, 6, futures::stream::iter(vec![Ok::<_, &str>(Bytes::from_static(b"12"))])).await;
        assert!(end == 5 && matches!(outcome, Err(Stopped::TooLarge)));
    }
}
