//! Our OpenPGP key: made on first use, kept at `keys/openpgp.asc`, readable by its owner only.
//!
//! Version 4, Ed25519 to sign and Curve25519 to be written to, because GnuPG 2.2 reads these and because signing
//! thousands of notices with RSA takes fifty times as long. The preferences are not decoration: without them GnuPG
//! answers with SHA-1, which is rightly refused.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use formats::mail_address::Address;
use pgp::composed::{
    ArmorOptions, Deserializable as _, EncryptionCaps, KeyType, SecretKeyParamsBuilder, SignedPublicKey, SignedSecretKey,
    SubkeyParamsBuilder,
};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::{CompressionAlgorithm, KeyDetails as _};
use rand::rngs::OsRng;

/// The key with which we sign, and with which we are written to.
#[derive(Clone, Debug)]
pub(crate) struct OurKey {
    pub(super) secret: SignedSecretKey,
}

impl OurKey {
    /// Where it lies in a home.
    pub(crate) fn path(home: &Path) -> PathBuf {
        home.join("keys").join("openpgp.asc")
    }

    /// The key of a home; made when there is none. Of several that make it at once the first wins, for all of them.
    ///
    /// # Errors
    /// When it cannot be read or made, others may read it, or it is no key to sign with.
    pub(crate) fn of(home: &Path, name: &str, address: &Address) -> Result<Self> {
        let path = Self::path(home);
        if let Some(key) = Self::read(&path)? {
            return Ok(key);
        }
        let folder = home.join("keys");
        private_folder(&folder)?;
        let key = Self::make(name, address)?;
        let mut temporary = tempfile::NamedTempFile::new_in(&folder).with_context(|| folder.display().to_string())?;
        temporary.write_all(&key.secret.to_armored_bytes(ArmorOptions::default())?)?;
        temporary.as_file().sync_all()?;
        match temporary.persist_noclobber(&path) {
            Ok(_) => File::open(&folder)?.sync_all()?,
            Err(lost) if lost.error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(lost) => return Err(lost.error).with_context(|| path.display().to_string()),
        }
        Self::read(&path)?.with_context(|| format!("{} is gone again", path.display()))
    }

    /// The key of a home that has one.
    ///
    /// # Errors
    /// As [`OurKey::of`].
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(path)?.permissions().mode();
            ensure!(mode & 0o077 == 0, "{}: others can read our secret key: chmod 600", path.display());
        }
        let (secret, _) = SignedSecretKey::from_string(&text).with_context(|| format!("{} is no OpenPGP secret key", path.display()))?;
        secret.verify_bindings().with_context(|| format!("{}: its parts do not belong together", path.display()))?;
        ensure!(
            secret.primary_key.algorithm().can_sign() && !secret.primary_key.secret_params().is_encrypted(),
            "{}: a key is needed that signs with its primary key and has no passphrase",
            path.display()
        );
        Ok(Some(Self { secret }))
    }

    /// A new key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub(crate) fn make(name: &str, address: &Address) -> Result<Self> {
        if name.chars().any(|c| c.is_control() || "<>".contains(c)) {
            bail!("{name:?} cannot stand in a key");
        }
        let subkey = SubkeyParamsBuilder::default()
            .key_type(KeyType::ECDH(ECCCurve::Curve25519Legacy))
            .can_encrypt(EncryptionCaps::All)
            .build()
            .context("the encryption subkey")?;
        let parameters = SecretKeyParamsBuilder::default()
            .key_type(KeyType::Ed25519Legacy)
            .can_certify(true)
            .can_sign(true)
            .primary_user_id(format!("{name} <{address}>"))
            .preferred_symmetric_algorithms([SymmetricKeyAlgorithm::AES256, SymmetricKeyAlgorithm::AES128].into_iter().collect())
            .preferred_hash_algorithms([HashAlgorithm::Sha512, HashAlgorithm::Sha256].into_iter().collect())
            .preferred_compression_algorithms([CompressionAlgorithm::ZLIB, CompressionAlgorithm::Uncompressed].into_iter().collect())
            .subkey(subkey)
            .build()
            .context("the key")?;
        Ok(Self { secret: parameters.generate(OsRng)? })
    }

    /// Forty hexadecimal digits, upper case.
    pub(crate) fn fingerprint(&self) -> String {
        self.secret.fingerprint().to_string().to_ascii_uppercase()
    }

    /// When nobody can write to us with it any more, if it ends.
    ///
    /// # Errors
    /// When it cannot be used as it is.
    pub(crate) fn expires(&self, now: jiff::Timestamp) -> Result<Option<jiff::Timestamp>> {
        Ok(super::recipient::Recipient::read(&self.armoured()?, now)?.expires())
    }

    /// What it says of whom it belongs to.
    pub(crate) fn user_ids(&self) -> Vec<String> {
        self.secret.details.users.iter().map(|user| user.id.as_str().map_or_else(String::new, str::to_owned)).collect()
    }

    pub(crate) fn public(&self) -> SignedPublicKey {
        self.secret.to_public_key()
    }

    /// The public part, armoured, to be published.
    ///
    /// # Errors
    /// Never for a key that was made or read here.
    pub(crate) fn armoured(&self) -> Result<String> {
        Ok(self.public().to_armored_string(ArmorOptions::default())?)
    }
}

fn private_folder(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).with_context(|| folder.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::message::tests::address;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_can_read_it() {
        let home = tempfile::tempdir().unwrap();
        let of = || OurKey::of(home.path(), "例示 CSIRT", &address("csirt@csirt.example"));
        let made: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| of().unwrap().fingerprint())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(made.iter().all(|fingerprint| *fingerprint == made[0] && fingerprint.len() == 40), "{made:?}");
        assert_eq!(of().unwrap().user_ids(), ["例示 CSIRT <csirt@csirt.example>"]);
        assert_eq!(fs::read_dir(home.path().join("keys")).unwrap().count(), 1, "nothing else is left lying about");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let path = OurKey::path(home.path());
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            assert!(of().unwrap_err().to_string().contains("chmod 600"));
        }
    }

    #[test]
    fn what_is_published_holds_no_secret() {
        let key = OurKey::make("Example", &address("csirt@csirt.example")).unwrap();
        let text = key.armoured().unwrap();
        assert!(text.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----") && !text.contains("PRIVATE"));
        let (public, _) = SignedPublicKey::from_string(&text).unwrap();
        public.verify_bindings().unwrap();
        assert_eq!(public.fingerprint(), key.secret.fingerprint());
        assert!(OurKey::make("a <b>", &address("a@b.example")).is_err());
    }
}
