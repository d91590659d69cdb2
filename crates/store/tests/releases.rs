//! The log of releases as its callers see it: nothing without a leaf, nothing rewritten, everything provable.

use casework::model::agreement::{Channel, Purpose};
use casework::model::release::{Basis, Release, Statement};
use formats::tlog::tree::{leaf, verify_consistency};
use formats::tlog::witness::Refusal;
use formats::tlog::{Checkpoint, KeyKind, Note, Policy, Signature, Signer, Tile};
use jiff::Timestamp;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use store::StoreError;
use store::check::check;
use store::copy;
use store::home::Home;
use store::register::Register;
use store::releases::{LogKey, Released};

fn key() -> LogKey {
    LogKey::new(Signer::new("home.example/log", KeyKind::Note, &[3; 32]).unwrap())
}

fn witness() -> Signer {
    Signer::new("w.example", KeyKind::Cosignature, &[4; 32]).unwrap()
}

fn now() -> Timestamp {
    "2026-11-23T09:30:00.5Z".parse().unwrap()
}

fn content(n: u64) -> Vec<u8> {
    format!("what was given, number {n}").into_bytes()
}

fn release(n: u64) -> Release {
    Release {
        id: format!("r-{n}"),
        recipient: format!("party-{}", n % 3).parse().unwrap(),
        purpose: Purpose::Notify,
        channel: Channel::Mail,
        content: Sha256::digest(content(n)).into(),
        at: now(),
        basis: Basis { decision: "allow".into(), terms: vec![1, 2], reasons: vec!["agreement a in force".into(), "TLP:AMBER".into()] },
    }
}

fn batch(numbers: std::ops::Range<u64>) -> Vec<(Release, Vec<u8>)> {
    numbers.map(|n| (release(n), content(n))).collect()
}

async fn home() -> (tempfile::TempDir, Home, Register) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let register = Register::create(&home).await.unwrap();
    (folder, home, register)
}

async fn size(register: &Register) -> u64 {
    register.log_checkpoint().await.unwrap().map_or(0, |note| Checkpoint::read(&note.text).unwrap().size)
}

/// Changes the register behind our back.
async fn tamper(home: &Home, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(home.register()).foreign_keys(false);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    assert!(sqlx::query(sql).execute(&pool).await.unwrap().rows_affected() > 0, "{sql}");
    pool.close().await;
}

async fn faults(register: &Register, before: Option<&Note>) -> Vec<String> {
    register.audit_log(before, &mut |_| ()).await.unwrap().faults
}

#[tokio::test]
async fn what_was_released_has_a_receipt_that_holds_without_us() {
    let (_folder, _home, register) = home().await;
    let released = register.release(&key(), batch(0..300), now()).await.unwrap();
    assert_eq!(released.iter().map(Released::number).collect::<Vec<_>>(), (0..300).map(Some).collect::<Vec<_>>());
    assert_eq!(released[7].content(), &content(7));
    register.release(&key(), batch(300..301), now()).await.unwrap();
    let policy = Policy::read(register.log_policy(0).await.unwrap().as_bytes()).unwrap();
    for n in [0, 7, 255, 256, 299, 300] {
        let proof = register.receipt(&format!("r-{n}")).await.unwrap().unwrap();
        let statement = Statement::read(std::str::from_utf8(proof.extra.as_ref().unwrap()).unwrap()).unwrap();
        assert_eq!((statement.id.as_str(), statement.content), (&*format!("r-{n}"), release(n).content));
        assert_eq!(proof.verify(leaf(&statement.entry()), &policy).unwrap().checkpoint.size, 301);
        let other = Statement { id: "r-8".into(), ..statement };
        assert!(proof.verify(leaf(&other.entry()), &policy).is_err());
    }
    assert_eq!(register.receipt("r-301").await.unwrap(), None);
    let audit = register.audit_log(None, &mut |_| ()).await.unwrap();
    assert_eq!((audit.entries, audit.checkpoints, audit.faults), (301, 2, vec![]));
}

#[tokio::test]
async fn a_release_is_remembered_as_it_was_made() {
    let (_folder, _home, register) = home().await;
    let mut made = release(5);
    made.basis = Basis { decision: "allow with redaction".into(), terms: vec![], reasons: vec![] };
    register.release(&key(), vec![(made.clone(), content(5)), (release(6), content(6))], now()).await.unwrap();
    assert_eq!(register.logged("r-5").await.unwrap().unwrap().release, made);
    assert_eq!(register.logged("r-6").await.unwrap().unwrap().release, release(6));
    let ids = |found: Vec<store::releases::Logged>| found.into_iter().map(|logged| logged.release.id).collect::<Vec<_>>();
    assert_eq!(ids(register.releases(None, 10).await.unwrap()), ["r-6", "r-5"]);
    assert_eq!(ids(register.releases(Some("party-0"), 10).await.unwrap()), ["r-6"]);
    assert_eq!(ids(register.releases(Some("party-9"), 10).await.unwrap()), [""; 0]);
}

#[tokio::test]
async fn what_one_party_was_given_is_found_among_many_releases() {
    let (_folder, _home, register) = home().await;
    register.release(&key(), batch(0..4_099), now()).await.unwrap();
    let mut rare = batch(4_099..4_100);
    rare[0].0.recipient = "rare".parse().unwrap();
    register.release(&key(), rare, now()).await.unwrap();
    let numbers =
        async |party, most| register.releases(Some(party), most).await.unwrap().into_iter().map(|logged| logged.number).collect::<Vec<_>>();
    assert_eq!(numbers("party-0", 3).await, [4_098, 4_095, 4_092]);
    assert_eq!(numbers("party-2", 5_000).await.len(), 1_366);
    assert_eq!(numbers("rare", 10).await, [4_099]);
}

#[tokio::test]
async fn nothing_is_delivered_that_is_not_what_was_logged() {
    let (_folder, _home, register) = home().await;
    let refused = register.release(&key(), vec![(release(1), content(2))], now()).await.unwrap_err();
    assert!(refused.to_string().contains("r-1: the content is not"), "{refused}");
    assert_eq!(size(&register).await, 0, "and nothing was logged");
    register.release(&key(), batch(1..2), now()).await.unwrap();
    assert!(register.released("r-1", content(2)).await.is_err());
    assert!(register.released("r-2", content(2)).await.unwrap().is_none());
    let again = register.released("r-1", content(1)).await.unwrap().unwrap();
    assert_eq!((again.number(), again.release(), again.content()), (Some(0), &release(1), &content(1)));
}

#[tokio::test]
async fn a_release_is_logged_once_and_a_batch_whole_or_not_at_all() {
    let (_folder, _home, register) = home().await;
    register.release(&key(), batch(0..5), now()).await.unwrap();
    let before = register.log_checkpoint().await.unwrap();
    for again in [batch(4..5), batch(3..300)] {
        let refused = register.release(&key(), again, now()).await.unwrap_err();
        assert!(refused.to_string().contains("in the log already"), "{refused}");
    }
    let mut two_lines = batch(10..12);
    two_lines[1].0.basis.reasons.push("one\ntwo".into());
    assert!(register.release(&key(), two_lines, now()).await.is_err());
    assert_eq!(register.log_checkpoint().await.unwrap(), before);
    assert_eq!(register.logged("r-10").await.unwrap(), None);
    register.release(&key(), Vec::<(Release, Vec<u8>)>::new(), now()).await.unwrap();
    assert_eq!(register.log_checkpoint().await.unwrap(), before, "nothing released signs nothing");
    register.release(&key(), batch(5..6), now()).await.unwrap();
    assert_eq!(faults(&register, before.as_ref()).await, [""; 0]);
}

#[tokio::test]
async fn nothing_is_signed_upon_a_damaged_tree_or_with_another_key() {
    let (_folder, home, register) = home().await;
    register.release(&key(), batch(0..300), now()).await.unwrap();
    let other = LogKey::new(Signer::new("home.example/log", KeyKind::Note, &[5; 32]).unwrap());
    let refused = register.release(&other, batch(300..301), now()).await.unwrap_err();
    assert!(refused.to_string().contains("another key"), "{refused}");
    tamper(&home, "UPDATE release_tile SET bytes = zeroblob(length(bytes)) WHERE level = 0 AND number = 1").await;
    let refused = register.release(&key(), batch(300..301), now()).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Refused(what) if what.contains("damaged")), "{refused}");
    assert_eq!(size(&register).await, 300);
}

#[tokio::test]
async fn every_change_behind_our_back_is_found() {
    for (sql, says) in [
        ("UPDATE release SET recipient = 'somebody-else' WHERE number = 17", "release r-17 (17) is remembered otherwise"),
        ("UPDATE release SET reasons = 'no reason' WHERE number = 299", "release r-299 (299) is remembered otherwise"),
        ("DELETE FROM release WHERE number = 20", "release 20 is in the log, but not remembered"),
        ("UPDATE release SET purpose = 'amuse' WHERE number = 3", "purpose is not readable"),
        ("UPDATE release_tile SET bytes = zeroblob(8192) WHERE level = 0 AND number = 0", "tile/0/000 is not what the entries give"),
        ("UPDATE release_tile SET bytes = zeroblob(9000) WHERE level = -1 AND number = 0", "bundle 0"),
        (
            "UPDATE release_checkpoint SET note = replace(note, char(10) || '200' || char(10), char(10) || '201' || char(10)) WHERE size = 200",
            "checkpoint 200",
        ),
        ("DELETE FROM release_checkpoint WHERE size = 300", "300 releases are remembered for 200 leaves"),
        ("INSERT INTO release_tile (level, number, bytes) VALUES (0, 99, zeroblob(32))", "1 tiles lie beyond"),
    ] {
        let (_folder, home, register) = home().await;
        register.release(&key(), batch(0..200), now()).await.unwrap();
        register.release(&key(), batch(200..300), now()).await.unwrap();
        assert_eq!(faults(&register, None).await, [""; 0]);
        tamper(&home, sql).await;
        let faults = faults(&register, None).await;
        assert!(faults.iter().any(|fault| fault.contains(says)), "{sql}: {faults:?}");
    }
}

/// What only a kept checkpoint can show: the whole log written anew with its own key, or cut off.
#[tokio::test]
async fn a_log_that_was_rewritten_or_rolled_back_is_found_by_an_older_checkpoint() {
    let (_folder, _home, register) = home().await;
    register.release(&key(), batch(0..10), now()).await.unwrap();
    let ten = register.log_checkpoint().await.unwrap().unwrap();
    let (_folder, _home, rewritten) = self::home().await;
    rewritten.release(&key(), batch(1..21), now()).await.unwrap();
    assert_eq!(faults(&rewritten, None).await, [""; 0]);
    assert!(faults(&rewritten, Some(&ten)).await[0].contains("it was rewritten"));
    let (_folder, _home, shorter) = self::home().await;
    shorter.release(&key(), batch(0..9), now()).await.unwrap();
    assert!(faults(&shorter, Some(&ten)).await[0].contains("it was rolled back"));
    shorter.release(&key(), batch(9..30), now()).await.unwrap();
    assert_eq!(faults(&shorter, Some(&ten)).await, [""; 0]);
    let stranger = Checkpoint::read(&ten.text).unwrap().sign(&Signer::new("home.example/log", KeyKind::Note, &[6; 32]).unwrap(), 0);
    assert!(faults(&shorter, Some(&stranger)).await[0].contains("no key that is trusted"));
}

#[tokio::test]
async fn a_copy_has_the_log_and_goes_on_with_it() {
    let (folder, home, register) = home().await;
    std::fs::create_dir_all(home.keys()).unwrap();
    std::fs::write(home.keys().join("log.ed25519"), "secret").unwrap();
    register.release(&key(), batch(0..260), now()).await.unwrap();
    assert_eq!(check(&home, &register, false, &mut |_| ()).await.unwrap().releases, 260);
    let copied = folder.path().join("copy");
    copy::backup(&home, &register, &copied, &mut |_| ()).await.unwrap();
    let restored = Home::at(folder.path().join("restored"));
    let findings = copy::restore(&copied, &restored, &mut |_| ()).await.unwrap();
    assert_eq!((findings.releases, findings.faults), (260, vec![]));
    assert_eq!(std::fs::read(restored.keys().join("log.ed25519")).unwrap(), b"secret");
    let before = register.log_checkpoint().await.unwrap().unwrap();
    let register = Register::open(&restored).await.unwrap();
    register.release(&key(), batch(260..600), now()).await.unwrap();
    assert_eq!(faults(&register, Some(&before)).await, [""; 0]);
    tamper(&restored, "UPDATE release_tile SET bytes = zeroblob(length(bytes)) WHERE level = 0 AND number = 2").await;
    let findings = check(&restored, &register, false, &mut |_| ()).await.unwrap();
    assert!(findings.faults.iter().any(|fault| fault.what.contains("root of checkpoint 600")), "{:?}", findings.faults);
}

#[tokio::test]
async fn tiles_are_served_for_every_size_that_was_signed() {
    let (_folder, _home, register) = home().await;
    let mut sizes = Vec::new();
    for step in [1, 255, 1, 44, 300] {
        let first = size(&register).await;
        register.release(&key(), batch(first..first + step), now()).await.unwrap();
        sizes.push(first + step);
    }
    for size in sizes {
        for tile in Tile::of(size) {
            let bytes = register.log_tile(tile).await.unwrap();
            assert!(bytes.is_some_and(|bytes| !bytes.is_empty()), "{} of {size}", tile.path());
        }
    }
    assert_eq!(register.log_tile(Tile::read("tile/0/002.p/90").unwrap()).await.unwrap(), None, "wider than the log");
}

#[tokio::test]
async fn a_witness_signs_what_grows_and_its_word_is_in_the_receipts() {
    let (_folder, _home, register) = home().await;
    let (_watching, _, watcher) = home().await;
    register.release(&key(), batch(0..5), now()).await.unwrap();
    register.add_witness("w", witness().verifier(), now()).await.unwrap();
    assert!(register.add_witness("w", witness().verifier(), now()).await.is_err());
    assert!(register.add_witness("none", witness().verifier(), now()).await.is_err());
    assert!(register.add_witness("l", key().verifier(), now()).await.is_err());

    let ask = async |old: u64| {
        watcher.add_checkpoint(register.witness_request(old).await.unwrap().to_string().as_bytes(), &witness(), now()).await.unwrap()
    };
    assert_eq!(ask(0).await, Err(Refusal::Unknown));
    watcher.watch_log(key().verifier(), now()).await.unwrap();
    let lines = ask(0).await.unwrap();
    assert_eq!(register.add_cosignatures(5, &Signature::read_lines(&lines).unwrap()).await.unwrap(), ["w"]);

    register.release(&key(), batch(5..9), now()).await.unwrap();
    assert_eq!(ask(0).await, Err(Refusal::Conflict(5)));
    let policy = Policy::read(register.log_policy(1).await.unwrap().as_bytes()).unwrap();
    let proof = register.receipt("r-2").await.unwrap().unwrap();
    let entry = release(2).statement(&register.logged("r-2").await.unwrap().unwrap().secret).entry();
    assert_eq!(proof.verify(leaf(&entry), &policy).unwrap().checkpoint.size, 5, "the checkpoint that was witnessed");
    let proof = register.receipt("r-7").await.unwrap().unwrap();
    let entry = release(7).statement(&register.logged("r-7").await.unwrap().unwrap().secret).entry();
    assert!(proof.verify(leaf(&entry), &policy).is_err(), "nobody has seen this one yet");

    let lines = ask(5).await.unwrap();
    assert!(register.add_cosignatures(5, &Signature::read_lines(&lines).unwrap()).await.is_err(), "that was for another checkpoint");
    register.add_cosignatures(9, &Signature::read_lines(&lines).unwrap()).await.unwrap();
    let proof = register.receipt("r-7").await.unwrap().unwrap();
    assert_eq!(proof.verify(leaf(&entry), &policy).unwrap().witnesses.len(), 1);
    assert_eq!(register.witnesses().await.unwrap()[0].signed, Some(9));
    let watched = watcher.watched_logs().await.unwrap();
    assert_eq!((watched.len(), watched[0].size), (1, Some(9)));
    let note = Note::read(watched[0].note.as_ref().unwrap().as_bytes()).unwrap();
    assert_eq!(note.signers(&[key().verifier().clone(), witness().verifier().clone()]), Ok(vec![0, 1]));
    let audit = register.audit_log(None, &mut |_| ()).await.unwrap();
    assert_eq!((audit.cosignatures, audit.faults), (2, vec![]));

    // Another tree of the same size, signed by the log: the witness has seen the first.
    let (_forked, _, fork) = home().await;
    fork.release(&key(), batch(100..109), now()).await.unwrap();
    let request = fork.witness_request(9).await.unwrap().to_string();
    let answer = watcher.add_checkpoint(request.as_bytes(), &witness(), now()).await.unwrap();
    assert!(matches!(answer, Err(Refusal::Inconsistent(_))), "{answer:?}");
}

#[tokio::test]
async fn of_two_that_ask_a_witness_at_once_the_second_is_measured_by_the_first() {
    let (_folder, _home, register) = home().await;
    let (_watching, watching, watcher) = home().await;
    watcher.watch_log(key().verifier(), now()).await.unwrap();
    register.release(&key(), batch(0..5), now()).await.unwrap();
    let (mut one, mut two) = (register.witness_request(0).await.unwrap(), register.witness_request(0).await.unwrap());
    register.release(&key(), batch(5..9), now()).await.unwrap();
    let (_forked, _, fork) = home().await;
    fork.release(&key(), batch(50..59), now()).await.unwrap();
    two = fork.witness_request(two.old).await.unwrap();
    one.old = 0;
    let second = Register::open(&watching).await.unwrap();
    let (one, two) = (one.to_string(), two.to_string());
    let signer = witness();
    let (a, b) =
        tokio::join!(watcher.add_checkpoint(one.as_bytes(), &signer, now()), second.add_checkpoint(two.as_bytes(), &signer, now()));
    let signed = [a.unwrap(), b.unwrap()].into_iter().filter(Result::is_ok).count();
    assert_eq!(signed, 1, "one of two trees");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn any_two_checkpoints_are_of_one_tree(steps in prop::collection::vec(1_u64..400, 2..6)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let (_folder, _home, register) = home().await;
            let mut heads = Vec::new();
            for step in steps {
                let first = size(&register).await;
                register.release(&key(), batch(first..first + step), now()).await.unwrap();
                heads.push(Checkpoint::read(&register.log_checkpoint().await.unwrap().unwrap().text).unwrap().head());
            }
            for (at, new) in heads.iter().enumerate() {
                for old in &heads[..=at] {
                    let proof = register.log_consistency(old.size, new.size).await.unwrap();
                    verify_consistency(*old, *new, &proof).unwrap();
                }
            }
            assert_eq!(faults(&register, None).await, [""; 0]);
            assert!(register.log_consistency(1, heads.last().unwrap().size + 1).await.is_err());
        });
    }
}
