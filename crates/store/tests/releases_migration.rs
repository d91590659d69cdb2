//! Does a log of releases that an older program wrote hold, and go on, in the tables of this one?

use std::borrow::Cow;

use casework::model::agreement::{Channel, Purpose};
use casework::model::release::{Basis, Release};
use formats::tlog::{KeyKind, Signer};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use store::home::Home;
use store::register::Register;
use store::releases::{Content, LogKey};
use store::shared_releases::PageGiven;

fn key() -> LogKey {
    LogKey::new(Signer::new("home.example/log", KeyKind::Note, &[3; 32]).unwrap())
}

fn page(n: u64) -> PageGiven {
    let body = Content::new(format!("page {n}").into_bytes());
    let release = Release {
        id: format!("page-{n}"),
        recipient: format!("party-{}", n % 2).parse().unwrap(),
        purpose: Purpose::Defend,
        channel: Channel::Taxii,
        content: body.sha256(),
        at: Timestamp::UNIX_EPOCH,
        basis: Basis::default(),
    };
    PageGiven::new(release, body, 1, "objects", &[(7, 70)])
}

#[tokio::test]
async fn a_log_that_an_older_program_wrote_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let newer = Home::at(folder.path().join("newer"));
    let register = Register::create(&newer).await.unwrap();
    register.release_pages(&key(), (0..300).map(page).collect(), Timestamp::UNIX_EPOCH).await.unwrap();
    let witness = Signer::new("w.example", KeyKind::Cosignature, &[4; 32]).unwrap();
    register.add_witness("w", witness.verifier(), Timestamp::UNIX_EPOCH).await.unwrap();
    let signed = formats::tlog::Checkpoint::read(&register.log_checkpoint().await.unwrap().unwrap().text).unwrap().sign(&witness, 1);
    register.add_cosignatures(300, &signed.signatures).await.unwrap();
    let before = register.log_checkpoint().await.unwrap();
    register.close().await;

    let home = Home::at(folder.path().join("older"));
    home.create().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(home.register()).create_if_missing(true);
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let mut older = sqlx::migrate!("./migrations");
    older.migrations = Cow::Owned(older.iter().filter(|m| m.version < 14).cloned().collect());
    older.run(&pool).await.unwrap();
    sqlx::query("ATTACH $1 AS newer").bind(newer.register().to_str().unwrap()).execute(&pool).await.unwrap();
    for sql in [
        "INSERT INTO release_log SELECT * FROM newer.release_log",
        "INSERT INTO release_witness SELECT * FROM newer.release_witness",
        // As they may have come: not in their order.
        "INSERT INTO release SELECT * FROM newer.release ORDER BY id",
        "INSERT INTO release_tile SELECT * FROM newer.release_tile",
        "INSERT INTO release_checkpoint SELECT * FROM newer.release_checkpoint",
        "INSERT INTO release_cosignature SELECT * FROM newer.release_cosignature",
        "INSERT INTO collection (number, id, title, created_at) VALUES (1, 'c', 'C', 0)",
        "INSERT INTO terms (id, text) VALUES (99, 'tlp:clear')",
        "INSERT INTO shared_object (number, collection, date_added, id, type, version, spec, newest, twin, terms, giver, bytes) \
         VALUES (7, 1, 70, 'x--1', 'x', 5, 21, 1, 0, 99, 'g', x'7b7d')",
        "INSERT INTO shared_release SELECT release.id, collection, party, kind, first, last, objects FROM newer.shared_release \
         JOIN newer.release ON release.number = shared_release.release",
    ] {
        assert!(sqlx::query(sql).execute(&pool).await.unwrap().rows_affected() > 0, "{sql}");
    }
    pool.close().await;

    let register = Register::open(&home).await.unwrap();
    assert_eq!(register.log_checkpoint().await.unwrap(), before, "with its cosignature");
    let given = register.release_pages(&key(), vec![page(300)], Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(given[0].number(), Some(300));
    let audit = register.audit_log(before.as_ref(), &mut |_| ()).await.unwrap();
    assert_eq!((audit.entries, audit.cosignatures, audit.faults), (301, 1, vec![]));
    assert!(register.receipt("page-17").await.unwrap().is_some());
    let fetched = register.who_fetched(1, "x--1").await.unwrap();
    assert_eq!(fetched.len(), 301);
    assert_eq!((fetched[17].party.as_str(), fetched[17].release.as_str()), ("party-1", "page-17"));
    assert_eq!(register.releases(Some("party-1"), 2).await.unwrap().iter().map(|one| one.number).collect::<Vec<_>>(), [299, 297]);
    assert_eq!(Sha256::digest(b"page 17")[..], register.logged("page-17").await.unwrap().unwrap().release.content);
}
