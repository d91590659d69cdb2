//! Does a register made before terms were kept in full say the same afterwards?

use std::borrow::Cow;

use store::home::Home;
use store::register::Register;

#[tokio::test]
async fn a_register_that_knew_labels_only_knows_them_as_terms() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    home.create().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(home.register()).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let mut first = sqlx::migrate!("./migrations");
    first.migrations = Cow::Owned(first.iter().filter(|m| m.version == 1).cloned().collect());
    first.run(&pool).await.unwrap();
    for sql in [
        "INSERT INTO terms (id, tlp) VALUES (1, 'AMBER+STRICT'), (2, 'GREEN')",
        "INSERT INTO evidence VALUES ('e', 'e0', 'a.csv', 1, 1, NULL, NULL, 2, '', '0', 0, 0, 0, 0)",
    ] {
        sqlx::query(sql).execute(&pool).await.unwrap();
    }
    pool.close().await;
    let register = Register::create(&home).await.unwrap();
    let all: Vec<_> = register.all_terms().await.unwrap().into_iter().map(|k| (k.id, k.terms.to_string(), k.evidence)).collect();
    assert_eq!(all, [(1, "tlp:amber+strict".to_owned(), 0), (2, "tlp:green".to_owned(), 1)]);
    assert_eq!(register.terms(&"tlp:green".parse().unwrap()).await.unwrap(), 2);
    assert_eq!(register.terms(&"tlp:green pap:red".parse().unwrap()).await.unwrap(), 3);
    let evidence = register.evidence("e0").await.unwrap().unwrap();
    // What was said of old evidence counts as stated: labels in its records only tighten, as they did.
    assert_eq!((evidence.tlp.as_str(), evidence.terms.as_str(), evidence.terms_stated), ("GREEN", "tlp:green", 1));
}
