//! A mail is signed, and encrypted where the recipient has a key: OpenPGP/MIME (RFC 3156).
//!
//! In the forms that GnuPG 2.2 reads: version 4 signatures with SHA-512, and the older of the two encrypted containers
//! (SEIPD version 1, RFC 9580 §5.13.1). The subject stays readable on the way, as in every such mail.

use anyhow::Result;
use mail_builder::mime::make_boundary;
use pgp::composed::{ArmorOptions, DetachedSignature, MessageBuilder};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::Password;
use rand::{CryptoRng, Rng};

use super::keys::OurKey;
use super::message::Unsealed;
use super::recipient::{Recipient, Target};

/// A signed mail, ready to be handed over: CRLF lines, seven bit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Sealed {
    bytes: Vec<u8>,
    encrypted: bool,
}

impl Sealed {
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn encrypted(&self) -> bool {
        self.encrypted
    }
}

/// With a checksum: GnuPG 2.2 does not find the end of the message without it.
fn armour() -> ArmorOptions<'static> {
    ArmorOptions { headers: None, include_checksum: true }
}

/// Signs (RFC 3156 §5): anybody can read it, and check who wrote it.
///
/// # Errors
/// When the key cannot sign.
pub(crate) fn sign(mail: &Unsealed, key: &OurKey, mut random: impl CryptoRng + Rng) -> Result<Sealed> {
    let signature = DetachedSignature::sign_binary_data(
        &mut random,
        &key.secret.primary_key,
        &Password::empty(),
        HashAlgorithm::Sha512,
        &mail.entity[..],
    )?;
    let boundary = make_boundary("-");
    let mut bytes = Vec::with_capacity(mail.header.len() + mail.entity.len() + 1200);
    bytes.extend_from_slice(&mail.header);
    bytes.extend_from_slice(
        format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/signed; micalg=pgp-sha512;\r\n protocol=\"application/pgp-signature\";\r\n \
             boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n"
        )
        .as_bytes(),
    );
    bytes.extend_from_slice(&mail.entity);
    bytes.extend_from_slice(
        format!(
            "\r\n--{boundary}\r\nContent-Type: application/pgp-signature; name=\"signature.asc\"\r\n\
             Content-Description: OpenPGP digital signature\r\n\r\n"
        )
        .as_bytes(),
    );
    crlf(&signature.to_armored_bytes(armour())?, &mut bytes);
    bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    Ok(Sealed { bytes, encrypted: false })
}

/// Signs and encrypts in one (RFC 3156 §6.2): who signed is inside.
///
/// # Errors
/// When the key cannot sign or the recipient's key is of a kind that cannot be encrypted to.
pub(crate) fn sign_and_encrypt(mail: &Unsealed, key: &OurKey, recipient: &Recipient, mut random: impl CryptoRng + Rng) -> Result<Sealed> {
    let mut builder = MessageBuilder::from_bytes("", mail.entity.clone()).seipd_v1(&mut random, SymmetricKeyAlgorithm::AES256);
    builder.sign(&key.secret.primary_key, Password::empty(), HashAlgorithm::Sha512);
    match recipient.target {
        Target::Primary => builder.encrypt_to_key(&mut random, &recipient.key.primary_key)?,
        Target::Subkey(at) => builder.encrypt_to_key(&mut random, &recipient.key.public_subkeys[at])?,
    };
    let armoured = builder.to_armored_string(&mut random, armour())?;
    let boundary = make_boundary("-");
    let mut bytes = Vec::with_capacity(mail.header.len() + armoured.len() + 1000);
    bytes.extend_from_slice(&mail.header);
    bytes.extend_from_slice(
        format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/encrypted;\r\n protocol=\"application/pgp-encrypted\";\r\n boundary=\"{boundary}\"\r\n\r\n\
             --{boundary}\r\nContent-Type: application/pgp-encrypted\r\nContent-Description: PGP/MIME version identification\r\n\r\nVersion: 1\r\n\r\n\
             --{boundary}\r\nContent-Type: application/octet-stream; name=\"encrypted.asc\"\r\nContent-Description: OpenPGP encrypted message\r\n\
             Content-Disposition: inline; filename=\"encrypted.asc\"\r\n\r\n"
        )
        .as_bytes(),
    );
    crlf(armoured.as_bytes(), &mut bytes);
    bytes.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    Ok(Sealed { bytes, encrypted: true })
}

/// Armour as lines of a mail.
fn crlf(armour: &[u8], out: &mut Vec<u8>) {
    for line in armour.split(|&c| c == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    // the text ends in a line end, after which there is no other line
    if armour.ends_with(b"\n") {
        out.truncate(out.len() - 2);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::deliver::message::tests::{Names, address, letter};
    use crate::deliver::message::well_formed;
    use crate::deliver::open::open;
    use crate::deliver::recipient::tests::{armoured, key_with};
    use formats::mail::Mail;
    use pgp::composed::{EncryptionCaps, KeyType, SubkeyParamsBuilder};
    use pgp::crypto::ecc_curve::ECCCurve;
    use rand::rngs::OsRng;

    pub(crate) fn our_key() -> OurKey {
        OurKey::make("Example CSIRT", &address("csirt@csirt.example")).unwrap()
    }

    fn their_key() -> pgp::composed::SignedSecretKey {
        let subkey = SubkeyParamsBuilder::default()
            .key_type(KeyType::ECDH(ECCCurve::Curve25519Legacy))
            .can_encrypt(EncryptionCaps::All)
            .build()
            .unwrap();
        key_with(vec![subkey])
    }

    #[test]
    fn a_signed_mail_is_readable_and_any_change_is_seen() {
        let (key, names) = (our_key(), Names::default());
        let sealed = sign(&Unsealed::write(&letter(&names)).unwrap(), &key, OsRng).unwrap();
        well_formed(sealed.bytes()).unwrap();
        assert!(!sealed.encrypted());
        assert!(Mail::read(sealed.bytes()).parts[0].text().contains("感染した機器があります。"));
        let now = crate::pipeline::now();
        let opened = open(sealed.bytes(), &key, &[key.public()], now).unwrap();
        assert_eq!(opened.signed_by, Some(key.fingerprint()));
        assert!(Mail::read(&opened.mail).parts[0].text().contains("感染した機器があります。"));
        let at = sealed.bytes().windows(8).position(|w| w == b"44GX44Gf").expect("the text in base64");
        let mut changed = sealed.bytes().to_vec();
        changed[at] = b'5';
        assert_eq!(open(&changed, &key, &[key.public()], now).unwrap().signed_by, None);
        assert_eq!(open(sealed.bytes(), &key, &[our_key().public()], now).unwrap().signed_by, None);
    }

    #[test]
    fn an_encrypted_mail_says_nothing_but_its_header_to_others() {
        let (ours, theirs, names) = (our_key(), their_key(), Names::default());
        let recipient = Recipient::read(&armoured(&theirs.to_public_key()), crate::pipeline::now()).unwrap();
        let sealed = sign_and_encrypt(&Unsealed::write(&letter(&names)).unwrap(), &ours, &recipient, OsRng).unwrap();
        well_formed(sealed.bytes()).unwrap();
        assert!(sealed.encrypted());
        let text = String::from_utf8_lossy(sealed.bytes());
        for part in ["events.csv", "xarf.json", "text/csv", "44GX44Gf"] {
            assert!(!text.contains(part), "{part}");
        }
        let now = crate::pipeline::now();
        let opened = open(sealed.bytes(), &OurKey { secret: theirs }, &[ours.public()], now).unwrap();
        assert!(opened.encrypted);
        assert_eq!(opened.signed_by, Some(ours.fingerprint()));
        let mail = Mail::read(&opened.mail);
        assert_eq!(mail.parts.len(), 3);
        assert!(mail.parts[0].text().starts_with("感染した機器があります。"));
        assert!(open(sealed.bytes(), &ours, &[ours.public()], now).is_err(), "it is not for us");
    }

    /// `cargo test --release --workspace --bin musubi measure_seal -- --ignored --nocapture`
    #[test]
    #[ignore = "a measurement: it prints mails a CPU-second, and asserts none"]
    fn measure_seal() {
        let (ours, names) = (our_key(), Names::default());
        let recipient = Recipient::read(&armoured(&their_key().to_public_key()), crate::pipeline::now()).unwrap();
        let unsealed = Unsealed::write(&letter(&names)).unwrap();
        let mut random = rand::thread_rng();
        let mut measured = serde_json::Map::new();
        for (name, count) in [("sign", 20_000), ("sign_and_encrypt", 10_000)] {
            let began = crate::deliver::smtp::tests::cpu_seconds();
            for _ in 0..count {
                let sealed = if name == "sign" {
                    sign(&unsealed, &ours, &mut random)
                } else {
                    sign_and_encrypt(&unsealed, &ours, &recipient, &mut random)
                };
                assert!(!sealed.unwrap().bytes().is_empty());
            }
            let seconds = crate::deliver::smtp::tests::cpu_seconds() - began;
            measured.insert(format!("{name}_per_core_second"), (f64::from(count) / seconds).round().into());
        }
        measured.insert("entity_bytes".into(), unsealed.entity.len().into());
        eprintln!("{}", serde_json::Value::Object(measured));
    }
}
