//! Where else: is every value found where it was filed, once, also after files were merged and things have changed?

use casework::correlate::filing::Relation;
use casework::model::observable::{Kind, Observable};
use store::home::Home;
use store::places::{Filed, Places};
use store::register::Register;

fn read(kind: Kind, value: &str) -> Observable {
    Observable::read(kind, value).unwrap()
}

fn thing(name: &str, values: &[(Kind, &str)]) -> Filed {
    Filed { kind: "misp", name: name.to_owned(), terms: 1, values: values.iter().map(|(kind, value)| read(*kind, value)).collect() }
}

/// Relation, thing and value of all that is found.
async fn found(home: &Home, register: &Register, asked: Observable) -> Vec<(Relation, String, String)> {
    let places = Places::open(home, register).await.unwrap();
    let seen = places.of(&asked, 100).await.unwrap().seen;
    seen.into_iter().map(|one| (one.relation, one.name, one.observable.value().to_owned())).collect()
}

async fn home() -> (tempfile::TempDir, Home, Register) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let register = Register::create(&home).await.unwrap();
    (folder, home, register)
}

#[tokio::test]
async fn a_thing_that_has_changed_is_found_by_what_it_says_now() {
    let (_folder, home, register) = home().await;
    let first = thing("e1", &[(Kind::Address, "9.0.0.5"), (Kind::Domain, "www.evil.example")]);
    assert_eq!(register.file_places(&home, std::slice::from_ref(&first), 1).await.unwrap(), 1);
    assert_eq!(register.file_places(&home, &[first], 2).await.unwrap(), 0, "nothing has changed");
    let asked = || read(Kind::Address, "9.0.0.5");
    assert_eq!(found(&home, &register, asked()).await, [(Relation::Same, "e1".into(), "9.0.0.5".into())]);
    register.file_places(&home, &[thing("e1", &[(Kind::Address, "9.0.0.6")])], 3).await.unwrap();
    assert_eq!(found(&home, &register, asked()).await, [(Relation::Near, "e1".into(), "9.0.0.6".into())]);
    assert!(found(&home, &register, read(Kind::Domain, "mail.evil.example")).await.is_empty());
}

#[tokio::test]
async fn many_small_files_become_one_and_lose_nothing() {
    let (_folder, home, register) = home().await;
    for number in 0..30 {
        let name = format!("e{number:02}");
        let values = [
            (Kind::Address, format!("9.0.{number}.1")),
            (Kind::Url, format!("http://w{number}.evil.example/x")),
            (Kind::Address, "9.9.9.9".to_owned()),
        ];
        let values: Vec<(Kind, &str)> = values.iter().map(|(kind, value)| (*kind, value.as_str())).collect();
        register.file_places(&home, &[thing(&name, &values)], number).await.unwrap();
    }
    let files: Vec<_> = std::fs::read_dir(home.places()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert!(files.iter().filter(|name| name.ends_with(".values")).count() == 30);
    for number in [0, 15, 29] {
        let asked = read(Kind::Address, &format!("9.0.{number}.1"));
        assert_eq!(found(&home, &register, asked).await, [(Relation::Same, format!("e{number:02}"), format!("9.0.{number}.1"))]);
    }
    assert_eq!(found(&home, &register, read(Kind::Address, "9.9.9.9")).await.len(), 30);
    assert_eq!(found(&home, &register, read(Kind::Domain, "evil.example")).await.len(), 30);
    // The places stay readable beside the files that were merged, and a copy has all that counts.
    let copy = tempfile::tempdir().unwrap();
    let target = copy.path().join("copy");
    store::copy::backup(&home, &register, &target, &mut |_| {}).await.unwrap();
    let copied = Home::at(&target);
    let register = Register::open(&copied).await.unwrap();
    assert_eq!(found(&copied, &register, read(Kind::Address, "9.9.9.9")).await.len(), 30);
    assert!(store::check::check(&copied, &register, true, &mut |_| {}).await.unwrap().faults.is_empty());
}

#[tokio::test]
async fn common_values_are_counted_and_similar_files_compared() {
    let (_folder, home, register) = home().await;
    let many: Vec<Filed> = (0..1_500).map(|number| thing(&format!("m{number}"), &[(Kind::Domain, "popular.example")])).collect();
    register.file_places(&home, &many, 1).await.unwrap();
    let (one, like, unlike) =
        ("3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C", "3:AXGBicFlIHBGcL6wCrFQEv:AXGH6xLsr2Cx", "3:zzzzzzzyyyyyyxxxxxx:wwwwwwvvvvvv");
    register.file_places(&home, &[thing("f1", &[(Kind::Ssdeep, like)]), thing("f2", &[(Kind::Ssdeep, unlike)])], 2).await.unwrap();
    let places = Places::open(&home, &register).await.unwrap();
    let popular = places.of(&read(Kind::Domain, "popular.example"), 10).await.unwrap();
    assert!(popular.common.contains(&(Relation::Same, 1_500)), "{:?}", popular.common);
    assert_eq!(popular.seen.iter().filter(|one| one.relation == Relation::Same).count(), 10);
    let similar = places.of(&read(Kind::Ssdeep, one), 10).await.unwrap().seen;
    assert_eq!((similar.len(), similar[0].name.as_str(), similar[0].closeness), (1, "f1", Some(22)));
}
