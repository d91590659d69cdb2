//! Watching each other: a node that shows different histories to different peers is caught by those to whom it showed them.
//!
//! Each exchange brings our newest checkpoint, with a proof that it only grew, to the peer's witness (C2SP tlog-witness); its signature is
//! kept beside the checkpoint. A witness that holds a checkpoint which ours does not grow from refuses, and the refusal is told as what it is.

use anyhow::{Context as _, Result, bail};
use formats::tlog::note::Signature;
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use store::register::Register;

use super::client::Client;

/// Has a peer sign our newest checkpoint. `false`: there is none yet, or the peer watches nobody.
///
/// # Errors
/// When the peer holds another history of ours than we do.
pub(crate) async fn have_signed(register: &Register, client: &Client, party: &str, _now: Timestamp) -> Result<bool> {
    if register.log_checkpoint().await?.is_none() {
        return Ok(false);
    }
    let mut old = 0;
    for _ in 0..3 {
        let request = match register.witness_request(old).await {
            Ok(request) => request,
            // It has signed more than we have.
            Err(error) if old > 0 => bail!("{party} has signed a longer log of ours than this one: {error}"),
            Err(error) => return Err(error.into()),
        };
        let size = request.checkpoint.size;
        let answer = client.other(Method::POST, "/log/witness/add-checkpoint", Some(request.to_string().into_bytes())).await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        match answer.status {
            StatusCode::OK => {
                let lines = Signature::read_lines(&text).context("the answer of the witness")?;
                register.add_cosignatures(size, &lines).await?;
                return Ok(true);
            }
            // C2SP tlog-witness: 409 tells the size that it knows.
            StatusCode::CONFLICT => match text.trim().parse() {
                Ok(known) if known != old => old = known,
                _ => bail!("{party} holds another checkpoint of the same size of our log: one of them shows what the other does not"),
            },
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => return Ok(false),
            StatusCode::UNPROCESSABLE_ENTITY => bail!("{party} holds a checkpoint of our log that this one does not grow from"),
            other => bail!("{party} did not sign our checkpoint: {other} {}", text.trim()),
        }
    }
    bail!("{party} changes its mind about what it has signed")
}
