//! `/api/v1/evidence` (POST): evidence in, in one go; several files as a form.

use std::time::Duration;

use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::{HeaderMap, StatusCode, header};
use casework::model::rights::Right;
use futures::Stream as _;
use futures::StreamExt as _;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Sent;
use super::arriving::{Stopped, take, wait};
use super::said::{SAID, Said, parameters, yes};
use super::uploads::Upload;
use super::{Asked, Operation};
use crate::console::visit::{Answer, Fault, Visit};

/// Longest that a client may wait for what becomes of its upload.
const LONGEST_WAIT: i64 = 60;
/// Files in one form.
const FILES: usize = 100;

pub(super) fn operations() -> Vec<Operation> {
    let about = "Evidence in one go, or several files as a form";
    let give = parameters(Operation::post("giveEvidence", "/api/v1/evidence", Right::UploadEvidence, give, about))
        .number("wait", "Seconds to wait for what becomes of it", 0, LONGEST_WAIT)
        .taking(usize::MAX)
        .takes_bytes("application/octet-stream")
        .gives::<Given>(200, "Read: what became of it")
        .gives::<Given>(202, "Safe on the disk, and read soon: ask for the upload");
    vec![give.group("Uploads")]
}

#[derive(Debug, Serialize, ToSchema)]
struct Given {
    uploads: Vec<Upload>,
}

async fn give(visit: Visit, headers: HeaderMap, request: Request) -> Answer {
    let asked = Asked::of(&visit, &[&SAID[..], &["wait"]].concat())?;
    let seconds = asked.number("wait", 0, LONGEST_WAIT)?.unwrap_or(0);
    let said = Said::asked(&asked)?;
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
        match take(&visit, &said.by(visit.who()?)?, request.into_body().into_data_stream()).await {
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
            let one = Said { name: Some(file.clone()).filter(|file| !file.is_empty()), ..said.clone() };
            let one = one.by(visit.who()?)?;
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
            "unnamed" => said.unnamed = yes(text.as_deref())?,
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
