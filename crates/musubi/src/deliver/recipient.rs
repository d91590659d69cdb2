//! To which key is a notice encrypted, and whose signature is believed?
//!
//! A public key is a collection of claims, each with its own signature. Only what the primary key itself signed counts:
//! the newest valid self-signature says when the key expires, the newest valid binding what a subkey is for. What cannot
//! be verified (foreign certifications, damaged packets) is passed over, except that any valid revocation ends all.

use jiff::Timestamp;
use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{PublicKey, PublicSubkey, Signature, SignatureType, SubpacketData};
use pgp::types::{KeyDetails, Tag, VerifyingKey};

/// A key that we can encrypt to now.
#[derive(Clone, Debug)]
pub(crate) struct Recipient {
    pub(super) key: SignedPublicKey,
    pub(super) target: Target,
    read_at: Timestamp,
}

/// Which part of the key is encrypted to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Target {
    Primary,
    Subkey(usize),
}

/// Why nothing can be encrypted to a key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum UnusableKey {
    #[error("it is no OpenPGP public key: {0}")]
    Unreadable(String),
    #[error("key {0} has no valid signature of its owner")]
    Unbound(String),
    #[error("key {0} was revoked")]
    Revoked(String),
    #[error("key {0} expired on {1}")]
    Expired(String, Timestamp),
    #[error("key {0} has no part to encrypt to that is neither expired nor revoked")]
    NoneForEncryption(String),
}

/// A key is at most so many characters.
const LENGTH: usize = 4 << 20;

/// Reads a public key, armoured or not; nothing is checked yet.
pub(crate) fn read_key(text: &str) -> Result<SignedPublicKey, UnusableKey> {
    if text.len() > LENGTH {
        return Err(UnusableKey::Unreadable("longer than 4 MiB".to_owned()));
    }
    SignedPublicKey::from_string(text).map(|(key, _)| key).map_err(|error| UnusableKey::Unreadable(error.to_string()))
}

impl Recipient {
    /// Chooses the newest subkey for encryption that holds at `now`, else a primary key that is for encryption itself.
    ///
    /// # Errors
    /// When there is none; a revoked or expired primary key ends all of its subkeys.
    pub(crate) fn read(text: &str, now: Timestamp) -> Result<Self, UnusableKey> {
        let key = read_key(text)?;
        let name = key.fingerprint().to_string().to_ascii_uppercase();
        let own = standing(&key, now)?;
        let subkeys = key
            .public_subkeys
            .iter()
            .enumerate()
            .filter(|(_, subkey)| subkey.algorithm().can_encrypt() && binding(&key, subkey, now).is_some_and(for_encryption));
        let newest = subkeys.max_by_key(|(_, subkey)| subkey.created_at().as_secs()).map(|(at, _)| Target::Subkey(at));
        let primary = || (key.algorithm().can_encrypt() && for_encryption(own)).then_some(Target::Primary);
        let target = newest.or_else(primary).ok_or(UnusableKey::NoneForEncryption(name))?;
        Ok(Self { key, target, read_at: now })
    }

    /// Forty or more hexadecimal digits, upper case, of the key.
    pub(crate) fn fingerprint(&self) -> String {
        self.key.fingerprint().to_string().to_ascii_uppercase()
    }

    /// When nothing can be encrypted to it any more, by what its signatures say.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        let now = self.read_at;
        let own = standing(&self.key, now).ok().and_then(|own| expires(own, self.key.created_at().as_secs()));
        let part = match self.target {
            Target::Primary => None,
            Target::Subkey(at) => {
                let subkey = &self.key.public_subkeys[at];
                binding(&self.key, subkey, now).and_then(|bound| expires(bound, subkey.created_at().as_secs()))
            }
        };
        own.into_iter().chain(part).min()
    }

    /// Forty or more hexadecimal digits, upper case, of the part that is encrypted to.
    #[cfg(test)]
    pub(crate) fn target_fingerprint(&self) -> String {
        let fingerprint = match self.target {
            Target::Primary => self.key.fingerprint(),
            Target::Subkey(at) => self.key.public_subkeys[at].fingerprint(),
        };
        fingerprint.to_string().to_ascii_uppercase()
    }
}

/// The newest valid self-signature of a primary key that holds now.
fn standing(key: &SignedPublicKey, now: Timestamp) -> Result<&Signature, UnusableKey> {
    let name = || key.fingerprint().to_string().to_ascii_uppercase();
    if key.details.revocation_signatures.iter().any(|revocation| revocation.verify_key(&key.primary_key).is_ok()) {
        return Err(UnusableKey::Revoked(name()));
    }
    let users = key.details.users.iter().flat_map(|user| {
        // a user id that its owner took back says nothing any more
        let revoked = user.signatures.iter().any(|s| s.typ() == Some(SignatureType::CertRevocation) && certifies(key, s, &user.id));
        user.signatures.iter().filter(move |s| !revoked && s.typ() != Some(SignatureType::CertRevocation) && certifies(key, s, &user.id))
    });
    let direct = key.details.direct_signatures.iter().filter(|signature| signature.verify_key(&key.primary_key).is_ok());
    let newest = users.chain(direct).filter(|s| in_force(s, now)).max_by_key(|s| seconds(s)).ok_or_else(|| UnusableKey::Unbound(name()))?;
    match expires(newest, key.created_at().as_secs()) {
        Some(end) if end <= now => Err(UnusableKey::Expired(name(), end)),
        _ => Ok(newest),
    }
}

fn certifies(key: &SignedPublicKey, signature: &Signature, user: &pgp::packet::UserId) -> bool {
    signature.verify_certification(&key.primary_key, Tag::UserId, user).is_ok()
}

/// The newest binding of a subkey that holds now; `None` when it is revoked, expired or not bound.
fn binding<'k>(key: &SignedPublicKey, subkey: &'k SignedPublicSubKey, now: Timestamp) -> Option<&'k Signature> {
    let valid: Vec<&Signature> =
        subkey.signatures.iter().filter(|s| s.verify_subkey_binding(&key.primary_key, &subkey.key).is_ok()).collect();
    if valid.iter().any(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation)) {
        return None;
    }
    let bound =
        valid.into_iter().filter(|s| s.typ() == Some(SignatureType::SubkeyBinding) && in_force(s, now)).max_by_key(|s| seconds(s))?;
    expires(bound, subkey.created_at().as_secs()).is_none_or(|end| end > now).then_some(bound)
}

/// A part of a key that signs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signer<'k> {
    Primary(&'k PublicKey),
    Subkey(&'k PublicSubkey),
}

impl<'k> Signer<'k> {
    pub(super) fn key(self) -> &'k dyn VerifyingKey {
        match self {
            Self::Primary(key) => key,
            Self::Subkey(key) => key,
        }
    }

    pub(super) fn verifies(self, signature: &DetachedSignature, content: &[u8]) -> bool {
        match self {
            Self::Primary(key) => signature.verify(key, content).is_ok(),
            Self::Subkey(key) => signature.verify(key, content).is_ok(),
        }
    }
}

/// The parts of a key whose signatures are believed now: a primary key or subkeys that are for signing and bound both ways.
pub(super) fn signers(key: &SignedPublicKey, now: Timestamp) -> Vec<Signer<'_>> {
    let Ok(own) = standing(key, now) else { return Vec::new() };
    let mut parts = Vec::new();
    if key.algorithm().can_sign() && (own.key_flags().sign() || !says_what_for(own)) {
        parts.push(Signer::Primary(&key.primary_key));
    }
    for subkey in &key.public_subkeys {
        let Some(bound) = binding(key, subkey, now) else { continue };
        // RFC 9580 §5.2.1.8: the subkey must agree, else anybody could claim it
        let agreed = bound.embedded_signature().is_some_and(|back| back.verify_primary_key_binding(&subkey.key, &key.primary_key).is_ok());
        if bound.key_flags().sign() && agreed {
            parts.push(Signer::Subkey(&subkey.key));
        }
    }
    parts
}

fn seconds(signature: &Signature) -> u32 {
    signature.created().map_or(0, |created| created.as_secs())
}

/// Made before now, and not itself expired (RFC 9580 §5.2.3.18).
fn in_force(signature: &Signature, now: Timestamp) -> bool {
    let created = i64::from(seconds(signature));
    let length = signature.signature_expiration_time().map_or(0, |length| i64::from(length.as_secs()));
    // a clock that is a little ahead of ours is no reason to refuse
    created > 0 && created <= now.as_second() + 600 && (length == 0 || created + length > now.as_second())
}

/// When a key ends: its creation plus what its signature says (RFC 9580 §5.2.3.13).
fn expires(signature: &Signature, created: u32) -> Option<Timestamp> {
    let length = signature.key_expiration_time().map(|length| i64::from(length.as_secs())).filter(|length| *length > 0)?;
    Timestamp::from_second(i64::from(created) + length).ok()
}

fn says_what_for(signature: &Signature) -> bool {
    signature.config().is_some_and(|config| config.hashed_subpackets().any(|packet| matches!(packet.data, SubpacketData::KeyFlags(_))))
}

/// Old keys do not say what they are for: then the algorithm does.
fn for_encryption(signature: &Signature) -> bool {
    let flags = signature.key_flags();
    flags.encrypt_comms() || flags.encrypt_storage() || !says_what_for(signature)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use pgp::composed::{
        ArmorOptions, EncryptionCaps, KeyType, SecretKeyParamsBuilder, SignedSecretKey, SubkeyParams, SubkeyParamsBuilder,
    };
    use pgp::crypto::ecc_curve::ECCCurve;
    use pgp::packet::{SignatureConfig, Subpacket};
    use pgp::types::Password;
    use rand::rngs::OsRng;

    const DAY: u32 = 86_400;

    fn now() -> Timestamp {
        crate::pipeline::now()
    }

    fn ago(days: u32) -> pgp::types::Timestamp {
        pgp::types::Timestamp::from_secs(pgp::types::Timestamp::now().as_secs() - days * DAY)
    }

    fn subkey(kind: KeyType, days_old: u32) -> SubkeyParams {
        let encrypts = matches!(kind, KeyType::ECDH(_));
        let caps = if encrypts { EncryptionCaps::All } else { EncryptionCaps::None };
        SubkeyParamsBuilder::default().key_type(kind).can_encrypt(caps).can_sign(!encrypts).created_at(ago(days_old)).build().unwrap()
    }

    fn curve(days_old: u32) -> SubkeyParams {
        subkey(KeyType::ECDH(ECCCurve::Curve25519Legacy), days_old)
    }

    pub(crate) fn key_with(subkeys: Vec<SubkeyParams>) -> SignedSecretKey {
        let mut parameters = SecretKeyParamsBuilder::default();
        parameters.key_type(KeyType::Ed25519Legacy).can_certify(true).can_sign(true).created_at(ago(100));
        parameters.primary_user_id("Abuse desk <abuse@isp.example>".to_owned()).subkeys(subkeys);
        parameters.build().unwrap().generate(OsRng).unwrap()
    }

    pub(crate) fn armoured(key: &SignedPublicKey) -> String {
        key.to_armored_string(ArmorOptions::default()).unwrap()
    }

    /// A self-signature of this kind with these additions.
    fn config(key: &SignedSecretKey, kind: SignatureType, made: pgp::types::Timestamp, more: Vec<SubpacketData>) -> SignatureConfig {
        let mut config = SignatureConfig::from_key(OsRng, &key.primary_key, kind).unwrap();
        let fixed = [SubpacketData::SignatureCreationTime(made), SubpacketData::IssuerFingerprint(key.primary_key.fingerprint())];
        config.hashed_subpackets = fixed.into_iter().chain(more).map(|data| Subpacket::regular(data).unwrap()).collect();
        config
    }

    fn encryption_flags() -> SubpacketData {
        let mut flags = pgp::packet::KeyFlags::default();
        flags.set_encrypt_comms(true);
        SubpacketData::KeyFlags(flags)
    }

    fn for_days(days: u32) -> SubpacketData {
        SubpacketData::KeyExpirationTime(std::time::Duration::from_secs(u64::from(days * DAY)).try_into().unwrap())
    }

    fn rebind(
        secret: &SignedSecretKey,
        public: &mut SignedPublicKey,
        at: usize,
        kind: SignatureType,
        days_ago: u32,
        more: Vec<SubpacketData>,
    ) {
        let signature = config(secret, kind, ago(days_ago), more)
            .sign_subkey_binding(&secret.primary_key, &secret.primary_key.public_key(), &Password::empty(), &public.public_subkeys[at].key)
            .unwrap();
        public.public_subkeys[at].signatures.push(signature);
    }

    #[test]
    fn the_newest_of_two_subkeys_is_taken() {
        let key = key_with(vec![curve(10), curve(3), curve(50)]).to_public_key();
        let chosen = Recipient::read(&armoured(&key), now()).unwrap();
        assert_eq!(chosen.target, Target::Subkey(1));
        assert_eq!(chosen.target_fingerprint(), key.public_subkeys[1].fingerprint().to_string().to_ascii_uppercase());
    }

    #[test]
    fn a_key_that_only_signs_cannot_be_encrypted_to() {
        let key = key_with(vec![subkey(KeyType::Ed25519Legacy, 5)]).to_public_key();
        assert!(matches!(Recipient::read(&armoured(&key), now()), Err(UnusableKey::NoneForEncryption(_))));
        assert_eq!(signers(&key, now()).len(), 2);
    }

    #[test]
    fn an_expired_subkey_is_passed_over() {
        let secret = key_with(vec![curve(50), curve(20)]);
        let mut key = secret.to_public_key();
        key.public_subkeys[1].signatures.clear();
        rebind(&secret, &mut key, 1, SignatureType::SubkeyBinding, 5, vec![encryption_flags(), for_days(19)]);
        assert_eq!(Recipient::read(&armoured(&key), now()).unwrap().target, Target::Subkey(0));
        // a newer binding prolongs it
        rebind(&secret, &mut key, 1, SignatureType::SubkeyBinding, 2, vec![encryption_flags(), for_days(60)]);
        assert_eq!(Recipient::read(&armoured(&key), now()).unwrap().target, Target::Subkey(1));
    }

    #[test]
    fn a_revoked_subkey_is_passed_over_even_when_bound_again_later() {
        let secret = key_with(vec![curve(50), curve(20)]);
        let mut key = secret.to_public_key();
        rebind(&secret, &mut key, 1, SignatureType::SubkeyRevocation, 10, vec![]);
        rebind(&secret, &mut key, 1, SignatureType::SubkeyBinding, 2, vec![encryption_flags()]);
        assert_eq!(Recipient::read(&armoured(&key), now()).unwrap().target, Target::Subkey(0));
        rebind(&secret, &mut key, 0, SignatureType::SubkeyRevocation, 1, vec![]);
        assert!(matches!(Recipient::read(&armoured(&key), now()), Err(UnusableKey::NoneForEncryption(_))));
    }

    #[test]
    fn a_revoked_primary_key_ends_its_subkeys_and_its_signatures() {
        let secret = key_with(vec![curve(20)]);
        let mut key = secret.to_public_key();
        let revocation = config(&secret, SignatureType::KeyRevocation, ago(1), vec![])
            .sign_key(&secret.primary_key, &Password::empty(), secret.primary_key.public_key())
            .unwrap();
        key.details.revocation_signatures.push(revocation.clone());
        assert!(matches!(Recipient::read(&armoured(&key), now()), Err(UnusableKey::Revoked(_))));
        assert!(signers(&key, now()).is_empty());
        // a revocation that somebody else made revokes nothing
        let mut other = key_with(vec![curve(20)]).to_public_key();
        other.details.revocation_signatures.push(revocation);
        assert!(Recipient::read(&armoured(&other), now()).is_ok());
    }

    #[test]
    fn an_expired_primary_key_ends_its_subkeys() {
        let secret = key_with(vec![curve(20)]);
        let mut key = secret.to_public_key();
        let direct = config(&secret, SignatureType::Key, ago(5), vec![for_days(99)])
            .sign_key(&secret.primary_key, &Password::empty(), secret.primary_key.public_key())
            .unwrap();
        key.details.users.clear();
        rebind(&secret, &mut key, 0, SignatureType::SubkeyBinding, 10, vec![encryption_flags()]);
        key.details.direct_signatures.push(direct);
        assert!(matches!(Recipient::read(&armoured(&key), now()), Err(UnusableKey::Expired(..))));
        assert!(signers(&key, now()).is_empty());
        let before = now().checked_sub(jiff::SignedDuration::from_hours(48)).unwrap();
        assert!(Recipient::read(&armoured(&key), before).is_ok());
    }

    #[test]
    fn a_subkey_that_the_owner_did_not_bind_is_not_used() {
        let mine = key_with(vec![curve(20)]);
        let attackers = key_with(vec![curve(1)]).to_public_key();
        let mut key = mine.to_public_key();
        key.public_subkeys.push(attackers.public_subkeys[0].clone());
        assert_eq!(Recipient::read(&armoured(&key), now()).unwrap().target, Target::Subkey(0));
        key.public_subkeys.remove(0);
        assert!(matches!(Recipient::read(&armoured(&key), now()), Err(UnusableKey::NoneForEncryption(_))));
        key.details.users.clone_from(&attackers.details.users);
        assert!(matches!(Recipient::read(&armoured(&key), now()), Err(UnusableKey::Unbound(_))));
    }

    #[test]
    fn what_is_no_key_says_so() {
        for text in ["", "hello", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n"] {
            assert!(matches!(Recipient::read(text, now()), Err(UnusableKey::Unreadable(_))), "{text}");
        }
    }
}
