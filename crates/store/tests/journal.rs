//! Pages that were given before their leaves were made: does each enter the log once, whatever ends between?

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use casework::model::agreement::{Channel, Purpose};
use casework::model::release::{Basis, Release};
use formats::tlog::{KeyKind, Signer};
use jiff::Timestamp;
use proptest::prelude::*;
use store::StoreError;
use store::copy;
use store::home::Home;
use store::journal::Journal;
use store::register::Register;
use store::releases::{Content, LogKey, Released};
use store::shared_releases::PageGiven;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn key() -> LogKey {
    LogKey::new(Signer::new("home.example/log", KeyKind::Note, &[3; 32]).unwrap())
}

fn page_with(n: u64, reason: &str) -> PageGiven {
    let body = Content::new(format!("page {n}").into_bytes());
    let release = Release {
        id: format!("page-{n}"),
        recipient: format!("party-{}", n % 2).parse().unwrap(),
        purpose: Purpose::Defend,
        channel: Channel::Taxii,
        content: body.sha256(),
        at: Timestamp::from_microsecond(1_764_000_000_000_001 + n as i64).unwrap(),
        basis: Basis { decision: "allow".into(), terms: vec![1, n as i64], reasons: vec!["結び \"quoted\"".into(), reason.into()] },
    };
    PageGiven::new(release, body, 1, "objects", &[(7, 70), (9, 90)])
}

fn page(n: u64) -> PageGiven {
    page_with(n, "terms 1: agreement")
}

async fn home() -> (tempfile::TempDir, Home, Register) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let register = Register::create(&home).await.unwrap();
    (folder, home, register)
}

fn write(journal: &mut Journal, pages: impl Iterator<Item = u64>) -> Vec<Released<Content>> {
    journal.write(pages.map(page).collect()).unwrap().unwrap()
}

async fn bring_in(home: &Home, register: &Register) -> usize {
    register.bring_in(home, || Ok::<_, StoreError>(key()), NOW).await.unwrap()
}

/// The releases of the log in their order, after a check of all of it.
async fn log(register: &Register) -> Vec<String> {
    assert_eq!(register.audit_log(None, &mut |_| ()).await.unwrap().faults, Vec::<String>::new());
    let mut ids: Vec<String> = register.releases(None, 100_000).await.unwrap().into_iter().map(|one| one.release.id).collect();
    ids.reverse();
    ids
}

fn names(pages: impl Iterator<Item = u64>) -> Vec<String> {
    pages.map(|n| format!("page-{n}")).collect()
}

fn file(home: &Home) -> PathBuf {
    let mut files = fs::read_dir(home.root().join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let found = files.next().unwrap();
    assert_eq!(files.next(), None);
    found
}

/// A server dies: its lock goes, its file stays.
fn die(home: &Home, journal: Journal) {
    let path = file(home);
    let kept = fs::read(&path).unwrap();
    drop(journal);
    fs::write(path, kept).unwrap();
}

#[tokio::test]
async fn what_a_dead_server_gave_enters_the_log_in_its_order_and_once() {
    let (_folder, home, register) = home().await;
    let mut journal = Journal::begin(&home, "a").unwrap();
    assert!(write(&mut journal, 0..3).iter().all(|released| released.number().is_none()));
    write(&mut journal, 3..5);
    // The first half is on its way in when the second is begun.
    let turn = journal.turn();
    assert_eq!((turn.generation, turn.pages.len()), (1, 5));
    write(&mut journal, 5..9);
    // While its writer lives, the journal is its own affair.
    assert_eq!(bring_in(&home, &register).await, 0);
    // It got as far as part of the first half.
    register.enter(&key(), &turn.pages[..2], NOW).await.unwrap();
    die(&home, journal);
    assert_eq!(bring_in(&home, &register).await, 7);
    assert_eq!(log(&register).await, names(0..9));
    assert_eq!(bring_in(&home, &register).await, 0);
    let logged = register.logged("page-4").await.unwrap().unwrap();
    assert_eq!(logged.release, page(4).release().clone());
    assert_eq!(fs::read_dir(home.root().join("journal")).unwrap().count(), 0);
}

#[tokio::test]
async fn pages_of_a_half_that_is_used_again_do_not_come_back() {
    let (_folder, home, register) = home().await;
    let mut journal = Journal::begin(&home, "a").unwrap();
    for generation in 0..5_u64 {
        // Each time fewer, so that old frames lie behind the new ones.
        write(&mut journal, generation * 100..generation * 100 + 50 - generation * 10);
        let turn = journal.turn();
        register.enter(&key(), &turn.pages, NOW).await.unwrap();
        journal.entered(turn.generation).unwrap();
    }
    write(&mut journal, 900..901);
    let before = (0..5_u64).flat_map(|generation| names(generation * 100..generation * 100 + 50 - generation * 10)).collect::<Vec<_>>();
    die(&home, journal);
    assert_eq!(bring_in(&home, &register).await, 1);
    assert_eq!(log(&register).await, [before, names(900..901)].concat());
}

#[tokio::test]
async fn a_frame_that_is_not_whole_was_never_given() {
    for cut in [1, 19, 20, 60] {
        let (_folder, home, register) = home().await;
        let mut journal = Journal::begin(&home, "a").unwrap();
        write(&mut journal, 0..2);
        let end = end_of_frames(&file(&home));
        write(&mut journal, 2..3);
        let last = end_of_frames(&file(&home));
        let path = file(&home);
        // Power went while the third was written.
        fs::File::options().write(true).open(&path).unwrap().write_all_at(&vec![0; (last - end - cut) as usize], end + cut).unwrap();
        die(&home, journal);
        assert_eq!(bring_in(&home, &register).await, 2, "cut {cut}");
        assert_eq!(log(&register).await, names(0..2));
    }
}

/// Where the frames of the first generation end: behind the last byte that is not zero.
fn end_of_frames(path: &PathBuf) -> u64 {
    fs::read(path).unwrap().iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1
}

#[tokio::test]
async fn a_full_half_gives_the_pages_back_until_the_other_is_free() {
    let (_folder, home, register) = home().await;
    let mut journal = Journal::begin(&home, "a").unwrap();
    let long = "x".repeat(100_000);
    let mut given = 0;
    let back = loop {
        match journal.write(vec![page_with(given, &long)]).unwrap() {
            Ok(released) => given += released.len() as u64,
            Err(back) => break back,
        }
    };
    assert!(given > 30 && back.len() == 1, "{given}");
    let turn = journal.turn();
    assert_eq!(journal.write(back).unwrap().unwrap().len(), 1);
    register.enter(&key(), &turn.pages, NOW).await.unwrap();
    journal.entered(turn.generation).unwrap();
    die(&home, journal);
    assert_eq!(bring_in(&home, &register).await, 1);
    assert_eq!(log(&register).await, names(0..=given));
}

#[tokio::test]
async fn what_is_not_what_its_release_says_is_not_written() {
    let (_folder, home, register) = home().await;
    let mut journal = Journal::begin(&home, "a").unwrap();
    let other = PageGiven::new(page(1).release().clone(), Content::new(b"another page".to_vec()), 1, "objects", &[]);
    assert!(journal.write(vec![page(0), other]).unwrap_err().to_string().contains("content"));
    assert!(journal.write(vec![page_with(1, "two\nlines")]).unwrap_err().to_string().contains("one line"));
    write(&mut journal, 2..3);
    die(&home, journal);
    assert_eq!(bring_in(&home, &register).await, 1);
    assert_eq!(log(&register).await, names(2..3));
}

#[tokio::test]
async fn who_reads_the_log_waits_for_what_was_given_before() {
    let (_folder, home, register) = home().await;
    let mut journal = Journal::begin(&home, "a").unwrap();
    write(&mut journal, 0..4);
    let writer = register.clone();
    let entering = tokio::spawn(async move {
        // Told by the reader that somebody waits.
        writer.hurried().await;
        let turn = journal.turn();
        writer.enter(&key(), &turn.pages, NOW).await.unwrap();
        journal.entered(turn.generation).unwrap();
        journal
    });
    assert_eq!(log(&register).await, names(0..4));
    let journal = entering.await.unwrap();
    assert!(file(&home).exists());
    // One that ends in order, with all of it in the log, leaves nothing behind.
    drop(journal);
    assert_eq!(fs::read_dir(home.root().join("journal")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_copy_has_what_was_given_before_it() {
    let (folder, home, register) = home().await;
    let mut journal = Journal::begin(&home, "a").unwrap();
    write(&mut journal, 0..4);
    let (backup, back) = (folder.path().join("backup"), Home::at(folder.path().join("back")));
    copy::backup(&home, &register, &backup, &mut |_| ()).await.unwrap();
    drop(journal);
    assert!(copy::restore(&backup, &back, &mut |_| ()).await.unwrap().faults.is_empty());
    let restored = Register::open(&back).await.unwrap();
    assert_eq!(bring_in(&back, &restored).await, 4);
    assert_eq!(log(&restored).await, names(0..4));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever stands in the file: what was whole before the damage is brought in, and nothing that nobody gave.
    #[test]
    fn damage_loses_nothing_before_it_and_invents_nothing(at in 0_usize..4_000, byte: u8) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_folder, home, register) = home().await;
            let mut journal = Journal::begin(&home, "a").unwrap();
            let mut ends = Vec::new();
            for n in 0..6 {
                write(&mut journal, n..n + 1);
                ends.push(end_of_frames(&file(&home)));
            }
            let path = file(&home);
            let first = 4096 + (4 << 20);
            let place = first + at as u64 % (ends[5] - first);
            let mut before = [0];
            let opened = fs::File::options().read(true).write(true).open(&path).unwrap();
            opened.read_exact_at(&mut before, place).unwrap();
            opened.write_all_at(&[byte], place).unwrap();
            die(&home, journal);
            let whole = if before[0] == byte { 6 } else { ends.iter().filter(|end| **end <= place).count() };
            assert_eq!(bring_in(&home, &register).await, whole);
            assert_eq!(log(&register).await, names(0..whole as u64));
        });
    }
}
