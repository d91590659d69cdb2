//! Are tasks of cases that an older program wrote found in the tables of this one, as their histories tell?

use std::borrow::Cow;

use casework::model::case::{Closing, Did, replay};
use jiff::{SignedDuration, Timestamp};
use store::home::Home;
use store::register::Register;

#[tokio::test]
async fn tasks_that_an_older_program_wrote_are_as_their_histories_tell() {
    let folder = tempfile::tempdir().unwrap();
    let newer = Home::at(folder.path().join("newer"));
    let register = Register::create(&newer).await.unwrap();
    let at: Timestamp = "2026-03-23T10:00:00.000001Z".parse().unwrap();
    let added = |number: u32, due: Option<&str>| Did::TaskAdded {
        number,
        title: format!("'{number}' \"結び\""),
        assignee: (number == 2).then(|| "hana".to_owned()),
        due: due.map(|due| due.parse().unwrap()),
    };
    let closed = Did::Closed { closing: Closing::GivenUp, why: String::new(), into: None };
    let stories = [
        vec![],
        vec![added(1, Some("2026-03-24T00:00:00Z")), added(2, Some("2026-03-24T00:00:00.5Z")), added(3, None)],
        vec![added(1, Some("1969-12-31T23:59:59.25Z")), Did::TaskDone { number: 1 }, added(2, Some("2026-03-24T00:00:00.000001Z"))],
        vec![added(1, None), Did::TaskDone { number: 1 }, Did::TaskReopened { number: 1 }, added(2, None), Did::TaskDone { number: 2 }],
        vec![added(1, Some("2026-03-24T00:00:00Z")), closed],
    ];
    for (n, story) in stories.into_iter().enumerate() {
        let id = register.open_case(&format!("case {n}"), None, at, "hana").await.unwrap();
        for (n, did) in story.into_iter().enumerate() {
            let at = at + SignedDuration::from_secs(1 + n as i64);
            register.change_case(&id, at, "hana", |_| Ok(vec![did])).await.unwrap();
        }
        let (_, entries) = register.case(&id).await.unwrap();
        assert!(register.tasks_are_as_told(&id, &replay(&entries)).await.unwrap(), "{id} as it was written");
    }
    register.close().await;

    let home = Home::at(folder.path().join("older"));
    home.create().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(home.register()).create_if_missing(true);
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let mut older = sqlx::migrate!("./migrations");
    older.migrations = Cow::Owned(older.iter().filter(|m| m.version < 22).cloned().collect());
    older.run(&pool).await.unwrap();
    sqlx::query("ATTACH $1 AS newer").bind(newer.register().to_str().unwrap()).execute(&pool).await.unwrap();
    for table in ["case_file", "case_entry"] {
        let sql = format!("INSERT INTO {table} SELECT * FROM newer.{table}");
        assert!(sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap().rows_affected() > 0, "{table}");
    }
    pool.close().await;

    let register = Register::open(&home).await.unwrap();
    for id in register.case_ids().await.unwrap() {
        let (_, entries) = register.case(&id).await.unwrap();
        assert!(register.tasks_are_as_told(&id, &replay(&entries)).await.unwrap(), "{id} as it was found");
    }
    let now = "2026-03-25T00:00:00Z".parse::<Timestamp>().unwrap().as_microsecond();
    assert_eq!(register.task_counts(now, None).await.unwrap(), (5, 3));
    assert_eq!(register.task_counts(now, Some("hana")).await.unwrap(), (2, 2));
}
