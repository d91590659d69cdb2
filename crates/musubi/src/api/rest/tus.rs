//! `/api/v1/uploads` in pieces that survive every interruption: tus 1.0.0 (core, creation, termination).
//!
//! `POST` with `Upload-Length` makes an upload, `PATCH` with `Upload-Offset` adds to it, `HEAD` and `GET` tell how far it is
//! ([`super::uploads`]). Bytes that were acknowledged are on the disk.

use anyhow::Context as _;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use casework::model::rights::Right;
use store::uploads::Upload as Kept;

use super::answer::refuse;
use super::arriving::{Room, Stopped, blank, place, sync_folder, write};
use super::said::{SAID, Said, parameters, yes};
use super::uploads::own;
use super::{Asked, Operation, new_id};
use crate::console::visit::{Answer, Fault, Visit};

pub(super) const TUS: &str = "1.0.0";

pub(super) fn operations() -> Vec<Operation> {
    let right = Right::UploadEvidence;
    let begin = parameters(Operation::post("beginUpload", "/api/v1/uploads", right, begin, "Begin an upload in pieces (tus 1.0.0)"))
        .header_number("Upload-Length", "Bytes of the whole", true)
        .header("Upload-Metadata", "filename, feed, tlp, from and format, each with its value in base 64")
        .taking(usize::MAX)
        .answers(201, "Begun: its address is in Location", None);
    let more = Operation::with("continueUpload", Method::PATCH, "/api/v1/uploads/{id}", right, more, "Add bytes to an upload")
        .header_number("Upload-Offset", "Where these bytes begin: as many as are there", true)
        .taking(usize::MAX)
        .takes_bytes("application/offset+octet-stream")
        .answers(204, "They are on the disk; Upload-Offset tells how many there are now", None);
    let about = "Withdraw an upload that is not whole";
    let withdraw = Operation::with("withdrawUpload", Method::DELETE, "/api/v1/uploads/{id}", right, withdraw, about);
    let able = Operation::with("describeUploads", Method::OPTIONS, "/api/v1/uploads", right, able, "What of tus is understood");
    let (withdraw, able) = (withdraw.answers(204, "Withdrawn", None), able.open().answers(204, "In the headers", None));
    [begin, more, withdraw, able].map(|operation| operation.group("Uploads")).into()
}

/// Another version of tus is not understood; none named is ours.
pub(super) fn tus(headers: &HeaderMap) -> Option<Response> {
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
            "unnamed" => said.unnamed = yes(value.as_deref())?,
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
    let said = metadata(&headers, Said::asked(&asked)?)?.by(visit.who()?)?;
    let room = Room::of(&visit);
    let length =
        number(&headers, "upload-length")?.ok_or_else(|| Fault::Wrong("Upload-Length: how many bytes will there be?".to_owned()))?;
    if length > room.largest {
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
    if !visit.server.register.begin_upload(&upload, room.quota).await? {
        let _ = std::fs::remove_file(&path);
        return Stopped::TooMuch.into();
    }
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
    let size = upload.size_bytes.map_or(Room::of(&visit).largest, i64::unsigned_abs);
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
    let largest = Room::of(&visit).largest.to_string();
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
    fn metadata_are_names_with_values_in_base_64() {
        let mut headers = HeaderMap::new();
        headers.insert("upload-metadata", HeaderValue::from_static("filename YS5jc3Y=, tlp Z3JlZW4=, filetype dGV4dA=="));
        let said = metadata(&headers, Said::default()).unwrap().checked().unwrap();
        assert_eq!((said.name.as_deref(), said.terms.as_deref()), (Some("a.csv"), Some("green")));
        headers.insert("upload-metadata", HeaderValue::from_static("filename %%%"));
        assert!(metadata(&headers, Said::default()).is_err());
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
}
