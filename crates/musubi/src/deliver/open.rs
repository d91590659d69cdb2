//! An answer that came signed or encrypted is opened: what does it say, and who signed it?
//!
//! Whose signature it is, is told only when it verifies with a key that we know and that holds now. What cannot be
//! decrypted is an error that a person sees; what is merely not signed by anybody known is a mail like any other.

use std::io::{Cursor, Read as _};

use anyhow::{Context as _, Result, ensure};
use formats::mail::{Mail, pieces};
use jiff::Timestamp;
use pgp::composed::{Deserializable as _, DetachedSignature, Message, SignedPublicKey};
use pgp::types::{KeyDetails as _, Password};

use super::keys::OurKey;
use super::recipient::signers;

/// A mail as it can be read.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    /// The outer header with the inner content: what [`casework::act::answer::Answer::read`] reads.
    pub(crate) mail: Vec<u8>,
    #[cfg_attr(not(test), expect(dead_code, reason = "what an answer says does not depend on it; tests do"))]
    pub(crate) encrypted: bool,
    /// Fingerprint of the primary key, among those given, that signed all of the content.
    pub(crate) signed_by: Option<String>,
}

/// What an encrypted mail may unpack to: a bomb ends here.
const LENGTH: u64 = 64 << 20;
/// Signatures or containers in containers beyond this are an attack.
const DEPTH: usize = 4;

/// Opens a mail. `known` are keys of the one who is expected to answer.
///
/// # Errors
/// When it is encrypted and cannot be decrypted with our key, is broken, or too large.
pub(crate) fn open(mail: &[u8], ours: &OurKey, known: &[SignedPublicKey], now: Timestamp) -> Result<Opened> {
    let parts = Mail::read(mail);
    match parts.media_type.as_str() {
        "multipart/encrypted" => {
            let body = parts.parts.iter().find(|part| part.media_type == "application/octet-stream").context("no encrypted part")?;
            let (content, signed_by) = decrypt(&body.bytes(), ours, known, now)?;
            let inside = with_content(mail, &content);
            // some sign first and encrypt the signed mail (RFC 3156 §6.1)
            let signed_by = signed_by.or_else(|| detached(&inside, known, now));
            Ok(Opened { mail: inside, encrypted: true, signed_by })
        }
        "multipart/signed" => Ok(Opened { mail: mail.to_vec(), encrypted: false, signed_by: detached(mail, known, now) }),
        _ => {
            // armour in the text itself, as older programs send it
            let body = parts.parts.first().filter(|part| part.body).map(|part| part.bytes());
            let armour = body.as_deref().filter(|text| text.trim_ascii_start().starts_with(b"-----BEGIN PGP MESSAGE-----"));
            let Some(armour) = armour else { return Ok(Opened { mail: mail.to_vec(), encrypted: false, signed_by: None }) };
            let (text, signed_by) = decrypt(armour, ours, known, now)?;
            let content = [b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", &text[..]].concat();
            Ok(Opened { mail: with_content(mail, &content), encrypted: true, signed_by })
        }
    }
}

/// The content of an encrypted message, and who signed it inside.
fn decrypt(armour: &[u8], ours: &OurKey, known: &[SignedPublicKey], now: Timestamp) -> Result<(Vec<u8>, Option<String>)> {
    let (message, _) = Message::from_reader(Cursor::new(armour.to_vec())).context("no OpenPGP message")?;
    ensure!(message.is_encrypted(), "an OpenPGP message that is not encrypted");
    let mut message = message.decrypt(&Password::empty(), &ours.secret).context("not encrypted to our key, or broken")?;
    for _ in 0..DEPTH {
        if message.is_compressed() {
            message = message.decompress()?;
        }
    }
    ensure!(!message.is_compressed() && !message.is_encrypted(), "more than {DEPTH} containers in each other");
    let mut content = Vec::new();
    (&mut message).take(LENGTH + 1).read_to_end(&mut content).context("the message is broken")?;
    ensure!(content.len() as u64 <= LENGTH, "it unpacks to more than {} MiB", LENGTH >> 20);
    let signed_by = message.is_signed().then(|| {
        known.iter().find(|key| {
            signers(key, now).iter().any(|part| {
                // it must be a signature of our time as well
                message.verify(part.key()).is_ok_and(|signature| believable(signature, now))
            })
        })
    });
    Ok((content, signed_by.flatten().map(|key| key.fingerprint().to_string().to_ascii_uppercase())))
}

/// Who signed a `multipart/signed` mail (RFC 3156 §5).
fn detached(mail: &[u8], known: &[SignedPublicKey], now: Timestamp) -> Option<String> {
    let [content, signature] = pieces(mail)?[..] else { return None };
    let signature = Mail::read(signature);
    let armour = signature.parts.first().filter(|part| part.media_type == "application/pgp-signature")?.bytes().into_owned();
    let (signature, _) = DetachedSignature::from_armor_single(Cursor::new(armour)).ok()?;
    if !believable(&signature.signature, now) {
        return None;
    }
    // mail systems may have changed line ends on the way: it was signed with CRLF
    let canonical = canonical(content);
    let signer = known.iter().find(|key| signers(key, now).iter().any(|part| part.verifies(&signature, &canonical)))?;
    Some(signer.fingerprint().to_string().to_ascii_uppercase())
}

/// Made not in the future, not expired.
fn believable(signature: &pgp::packet::Signature, now: Timestamp) -> bool {
    let Some(created) = signature.created().map(|created| i64::from(created.as_secs())) else { return false };
    let length = signature.signature_expiration_time().map_or(0, |length| i64::from(length.as_secs()));
    created <= now.as_second() + 600 && (length == 0 || created + length > now.as_second())
}

fn canonical(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 64);
    for (at, line) in content.split(|&c| c == b'\n').enumerate() {
        if at > 0 {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
    }
    out
}

/// The header of the outer mail without what described its content, then the inner entity.
fn with_content(mail: &[u8], entity: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entity.len() + 4096);
    let mut keep = true;
    for line in mail.split_inclusive(|&c| c == b'\n') {
        if line.trim_ascii().is_empty() {
            break;
        }
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            keep = !line.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
        }
        if keep {
            out.extend_from_slice(line);
        }
    }
    out.extend_from_slice(entity);
    out
}

/// Reads keys of a contact; those that cannot be read are left out.
pub(crate) fn keys<'a>(armoured: impl IntoIterator<Item = &'a str>) -> Vec<SignedPublicKey> {
    armoured.into_iter().filter_map(|text| super::recipient::read_key(text).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::seal::tests::our_key;

    #[test]
    fn a_plain_mail_stays_as_it_is() {
        let mail = b"From: a@isp.example\r\n\r\nFIXED\r\n";
        let opened = open(mail, &our_key(), &[], crate::pipeline::now()).unwrap();
        assert_eq!((&opened.mail[..], opened.encrypted, opened.signed_by), (&mail[..], false, None));
    }

    #[test]
    fn what_is_encrypted_to_nobody_or_broken_is_an_error() {
        for body in ["", "x", "-----BEGIN PGP MESSAGE-----\r\n\r\nAAAA\r\n-----END PGP MESSAGE-----\r\n"] {
            let mail = format!(
                "From: a@isp.example\r\nContent-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\
                 --b\r\nContent-Type: application/octet-stream\r\n\r\n{body}\r\n--b--\r\n"
            );
            assert!(open(mail.as_bytes(), &our_key(), &[], crate::pipeline::now()).is_err(), "{body}");
        }
        let inline = b"From: a@isp.example\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nAAAA\r\n-----END PGP MESSAGE-----\r\n";
        assert!(open(inline, &our_key(), &[], crate::pipeline::now()).is_err());
    }

    #[test]
    fn the_outer_header_keeps_who_and_loses_what() {
        let mail = b"From: a@isp.example\r\nContent-Type: multipart/encrypted;\r\n boundary=b\r\nTo: notice+x@csirt.example\r\n\r\n--b\r\n";
        let inside = with_content(mail, b"Content-Type: text/plain\r\n\r\nFIXED\r\n");
        assert_eq!(
            String::from_utf8(inside).unwrap(),
            "From: a@isp.example\r\nTo: notice+x@csirt.example\r\nContent-Type: text/plain\r\n\r\nFIXED\r\n"
        );
    }
}
