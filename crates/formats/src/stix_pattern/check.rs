//! What is wrong with a pattern that follows the grammar? Rules the grammar cannot say (errors), and what is likely a slip (hints).

use super::pattern::{Comparison, Constant, ObjectPath, ObservationExpression, Operation, Pattern, PropertyTest, Qualifier, Step};

/// One thing found in a pattern.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Finding {
    #[error("the qualifier {0} stands twice at one observation expression")]
    DuplicateQualifier(&'static str),
    #[error("the qualifier {0} asks for less than is possible")]
    EmptyQualifier(String),
    #[error("{0}: {1:?} is not a hash of that kind")]
    NotAHash(ObjectPath, String),
    #[error("{0}: the set holds constants of different kinds")]
    MixedSet(ObjectPath),
    #[error("hint: {0:?} is no object type of STIX 2.1")]
    UnknownObjectType(String),
    #[error("hint: {0} is no property that STIX 2.1 defines")]
    UnknownProperty(ObjectPath),
    #[error("hint: {0} names no hash algorithm of STIX 2.1")]
    UnknownHashAlgorithm(ObjectPath),
    #[error("hint: {0} asks for a list element before the first")]
    NegativeIndex(ObjectPath),
    #[error("hint: {0} and {1} are joined by AND but are not properties of one object")]
    DifferentObjects(ObjectPath, ObjectPath),
}

impl Finding {
    /// Breaks a rule of the standard; otherwise it is a hint.
    ///
    /// ```
    /// let pattern = formats::stix_pattern::Pattern::parse("[ipv4address:value = '192.0.2.1']").unwrap();
    /// assert!(pattern.findings().iter().all(|finding| !finding.is_error()));
    /// ```
    pub fn is_error(&self) -> bool {
        matches!(self, Self::DuplicateQualifier(_) | Self::EmptyQualifier(_) | Self::NotAHash(..) | Self::MixedSet(_))
    }
}

/// The cyber-observable objects of STIX 2.1 §6 with their properties.
const OBJECTS: [(&str, &[&str]); 18] = [
    ("artifact", &["mime_type", "payload_bin", "url", "hashes", "encryption_algorithm", "decryption_key"]),
    ("autonomous-system", &["number", "name", "rir"]),
    ("directory", &["path", "path_enc", "ctime", "mtime", "atime", "contains_refs"]),
    ("domain-name", &["value", "resolves_to_refs"]),
    ("email-addr", &["value", "display_name", "belongs_to_ref"]),
    (
        "email-message",
        &[
            "is_multipart",
            "date",
            "content_type",
            "from_ref",
            "sender_ref",
            "to_refs",
            "cc_refs",
            "bcc_refs",
            "message_id",
            "subject",
            "received_lines",
            "additional_header_fields",
            "body",
            "body_multipart",
            "raw_email_ref",
        ],
    ),
    (
        "file",
        &[
            "hashes",
            "size",
            "name",
            "name_enc",
            "magic_number_hex",
            "mime_type",
            "ctime",
            "mtime",
            "atime",
            "parent_directory_ref",
            "contains_refs",
            "content_ref",
        ],
    ),
    ("ipv4-addr", &["value", "resolves_to_refs", "belongs_to_refs"]),
    ("ipv6-addr", &["value", "resolves_to_refs", "belongs_to_refs"]),
    ("mac-addr", &["value"]),
    ("mutex", &["name"]),
    (
        "network-traffic",
        &[
            "start",
            "end",
            "is_active",
            "src_ref",
            "dst_ref",
            "src_port",
            "dst_port",
            "protocols",
            "src_byte_count",
            "dst_byte_count",
            "src_packets",
            "dst_packets",
            "ipfix",
            "src_payload_ref",
            "dst_payload_ref",
            "encapsulates_refs",
            "encapsulated_by_ref",
        ],
    ),
    (
        "process",
        &[
            "is_hidden",
            "pid",
            "created_time",
            "cwd",
            "command_line",
            "environment_variables",
            "opened_connection_refs",
            "creator_user_ref",
            "image_ref",
            "parent_ref",
            "child_refs",
        ],
    ),
    ("software", &["name", "cpe", "swid", "languages", "vendor", "version"]),
    ("url", &["value"]),
    (
        "user-account",
        &[
            "user_id",
            "credential",
            "account_login",
            "account_type",
            "display_name",
            "is_service_account",
            "is_privileged",
            "can_escalate_privs",
            "is_disabled",
            "account_created",
            "account_expires",
            "credential_last_changed",
            "account_first_login",
            "account_last_login",
        ],
    ),
    ("windows-registry-key", &["key", "values", "modified_time", "creator_user_ref", "number_of_subkeys"]),
    (
        "x509-certificate",
        &[
            "is_self_signed",
            "hashes",
            "version",
            "serial_number",
            "signature_algorithm",
            "issuer",
            "validity_not_before",
            "validity_not_after",
            "subject",
            "subject_public_key_algorithm",
            "subject_public_key_modulus",
            "subject_public_key_exponent",
            "x509_v3_extensions",
        ],
    ),
];

/// Algorithms with the number of hexadecimal digits, without hyphens; SSDEEP and TLSH are read loosely (§10.7).
const HASHES: [(&str, &[usize]); 15] = [
    ("MD5", &[32]),
    ("MD6", &[32, 40, 56, 64, 96, 128]),
    ("RIPEMD160", &[40]),
    ("SHA1", &[40]),
    ("SHA224", &[56]),
    ("SHA256", &[64]),
    ("SHA384", &[96]),
    ("SHA512", &[128]),
    ("SHA3224", &[56]),
    ("SHA3256", &[64]),
    ("SHA3384", &[96]),
    ("SHA3512", &[128]),
    ("WHIRLPOOL", &[128]),
    ("SSDEEP", &[]),
    ("TLSH", &[]),
];

impl Pattern {
    /// What the grammar does not say: twice the same qualifier, hashes that are none, sets of mixed kinds; and hints.
    ///
    /// ```
    /// use formats::stix_pattern::Pattern;
    /// let pattern = Pattern::parse("[file:hashes.MD5 = 'f00'] WITHIN 5 SECONDS WITHIN 6 SECONDS").unwrap();
    /// let found: Vec<_> = pattern.findings().iter().map(ToString::to_string).collect();
    /// assert_eq!(found, [
    ///     "the qualifier WITHIN stands twice at one observation expression",
    ///     "file:hashes.MD5: \"f00\" is not a hash of that kind",
    /// ]);
    /// ```
    pub fn findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        observed(&self.expression, &mut found);
        for test in self.tests() {
            values(test, &mut found);
            names(&test.path, &mut found);
        }
        found
    }
}

fn observed(expression: &ObservationExpression, found: &mut Vec<Finding>) {
    match expression {
        ObservationExpression::One(comparison) => joined(comparison, found),
        ObservationExpression::And(all) | ObservationExpression::Or(all) | ObservationExpression::FollowedBy(all) => {
            all.iter().for_each(|one| observed(one, found));
        }
        ObservationExpression::Qualified(of, qualifiers) => {
            observed(of, found);
            for (at, qualifier) in qualifiers.iter().enumerate() {
                let (name, empty) = match qualifier {
                    Qualifier::Repeats(times) => ("REPEATS", *times < 1),
                    Qualifier::Within(seconds) => ("WITHIN", *seconds <= 0.0),
                    // As texts these have the order of time only up to the fraction of the second, which is enough for a slip.
                    Qualifier::StartStop { start, stop } => ("START STOP", start.get(..19) > stop.get(..19)),
                };
                if empty {
                    found.push(Finding::EmptyQualifier(qualifier.to_string()));
                }
                let kind = std::mem::discriminant(qualifier);
                if qualifiers[..at].iter().any(|earlier| std::mem::discriminant(earlier) == kind) {
                    found.push(Finding::DuplicateQualifier(name));
                }
            }
        }
    }
}

/// AND holds for one object, so its operands have one type.
fn joined(comparison: &Comparison, found: &mut Vec<Finding>) {
    fn types<'a>(comparison: &'a Comparison, paths: &mut Vec<&'a ObjectPath>) {
        match comparison {
            Comparison::Test(test) => paths.push(&test.path),
            Comparison::And(all) | Comparison::Or(all) => all.iter().for_each(|one| types(one, paths)),
        }
    }
    match comparison {
        Comparison::Test(_) => {}
        Comparison::Or(all) => all.iter().for_each(|one| joined(one, found)),
        Comparison::And(all) => {
            let mut paths = Vec::new();
            all.iter().for_each(|one| types(one, &mut paths));
            if let Some(other) = paths.iter().find(|path| path.object_type != paths[0].object_type) {
                found.push(Finding::DifferentObjects(paths[0].clone(), (*other).clone()));
            }
        }
    }
}

fn values(test: &PropertyTest, found: &mut Vec<Finding>) {
    let constants: &[Constant] = match &test.operation {
        Operation::Equal(constant) | Operation::NotEqual(constant) => std::slice::from_ref(constant),
        Operation::In(constants) => constants,
        _ => return,
    };
    let mixed = constants.windows(2).any(|pair| kind(&pair[0]) != kind(&pair[1]));
    if mixed {
        found.push(Finding::MixedSet(test.path.clone()));
    }
    let is_hashes = |step: &Step| matches!(step, Step::Key(key) if key == "hashes");
    let Some(at) = test.path.steps.iter().position(is_hashes) else { return };
    let Some(Step::Key(name)) = test.path.steps[at + 1..].last() else { return };
    let plain = name.replace('-', "").to_uppercase();
    let Some((name, lengths)) = HASHES.iter().find(|(name, _)| *name == plain) else {
        found.push(Finding::UnknownHashAlgorithm(test.path.clone()));
        return;
    };
    for constant in constants {
        let Constant::Text(text) = constant else { continue };
        let good = match *name {
            "SSDEEP" => (1..=128).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"/+:.".contains(&c)),
            "TLSH" => text.bytes().all(|c| c.is_ascii_alphanumeric()),
            _ => lengths.contains(&text.len()) && text.bytes().all(|c| c.is_ascii_hexdigit()),
        };
        if !good {
            found.push(Finding::NotAHash(test.path.clone(), text.chars().take(140).collect()));
        }
    }
}

/// Constants of one kind can stand in one set: whole numbers and fractions are one kind, and so are bytes however they are written.
pub(super) fn kind(constant: &Constant) -> u8 {
    match constant {
        Constant::Int(_) | Constant::Float(_) => 0,
        Constant::Text(_) => 1,
        Constant::Bool(_) => 2,
        Constant::Timestamp(_) => 3,
        Constant::Hex(_) | Constant::Binary(_) => 4,
    }
}

fn names(path: &ObjectPath, found: &mut Vec<Finding>) {
    if path.steps.iter().any(|step| matches!(step, Step::Index(..0))) {
        found.push(Finding::NegativeIndex(path.clone()));
    }
    let own = |name: &str| name.starts_with("x-") || name.starts_with("x_");
    let Some((_, properties)) = OBJECTS.iter().find(|(name, _)| *name == path.object_type) else {
        if !own(&path.object_type) {
            found.push(Finding::UnknownObjectType(path.object_type.clone()));
        }
        return;
    };
    if let Some(Step::Key(key)) = path.steps.first()
        && !properties.contains(&key.as_str())
        && !["type", "id", "spec_version", "object_marking_refs", "granular_markings", "defanged", "extensions"].contains(&key.as_str())
        && !own(key)
    {
        found.push(Finding::UnknownProperty(path.clone()));
    }
}
