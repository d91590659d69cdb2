//! Logs, proofs and notes that others made, when they are at hand; and a small log of our own that must stay as it is, byte for byte.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "the logs are files")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use formats::tlog::tile::{push_entry, read_hashes, write_hashes};
use formats::tlog::tree::{Head, consistency, inclusion, leaf, root, verify_consistency, verify_inclusion};
use formats::tlog::witness::Request;
use formats::tlog::{Checkpoint, Edge, Hash, KeyKind, Level, Note, Policy, Proof, Signer, Tile, Tiles, Verifier};
use serde_json::Value;

fn published(folder: &str) -> Option<PathBuf> {
    let shared =
        std::env::var_os("MUSUBI_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data/trust").join(folder);
    let there = folder.is_dir();
    if !there {
        println!("skipped: there is no {}", folder.display());
    }
    there.then_some(folder)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn hash(value: &Value) -> Option<Hash> {
    Hash::read(value.as_str().unwrap_or_default())
}

fn proof(value: &Value) -> Option<Vec<Hash>> {
    value.as_array().map_or(Some(Vec::new()), |hashes| hashes.iter().map(hash).collect())
}

/// The vectors of transparency-dev/merkle. A hash that has not 32 bytes cannot be written down here, which is a refusal too.
#[test]
fn published_proofs_are_believed_and_refused_as_their_authors_say() {
    let Some(folder) = published("transparency-dev-merkle/testdata") else { return };
    let mut counted = [0, 0];
    for (kind, count) in ["inclusion", "consistency"].iter().zip(&mut counted) {
        let mut cases = Vec::new();
        files(&folder.join(kind), &mut cases);
        for path in cases {
            let case: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let number = |name: &str| case[name].as_u64().unwrap_or_default();
            let believed = if *kind == "inclusion" {
                let parts = (hash(&case["leafHash"]), proof(&case["proof"]), hash(&case["root"]));
                matches!(parts, (Some(leaf), Some(proof), Some(root))
                    if verify_inclusion(number("leafIdx"), number("treeSize"), leaf, &proof, root).is_ok())
            } else {
                let (one, two) = (&case["root1"], &case["root2"]);
                // Where the roots are the same text of another length, what counts is that they are the same.
                let short = |root: &Value| hash(root).or_else(|| Some(leaf(root.as_str()?.as_bytes())));
                let head = |size: &str, root: &Value| Some(Head { size: number(size), root: short(root)? });
                matches!((head("size1", one), head("size2", two), proof(&case["proof"])), (Some(old), Some(new), Some(proof))
                    if verify_consistency(old, new, &proof).is_ok())
            };
            assert_eq!(believed, !case["wantErr"].as_bool().unwrap(), "{}: {case}", path.display());
            *count += 1;
        }
    }
    println!("{} proofs of inclusion and {} of consistency", counted[0], counted[1]);
    assert!(counted.iter().all(|n| *n > 50), "{counted:?}");
}

/// The tree of 300 entries in Sunlight's test data, and the checkpoints its witnesses signed.
#[test]
fn a_published_tree_has_the_root_that_its_witnesses_signed() {
    let Some(folder) = published("sunlight/cmd/skylight/testdata") else { return };
    let place = folder.join("witness/mirror/000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706");
    let note = Note::read(&fs::read(place.join("checkpoint")).unwrap()).unwrap();
    let checkpoint = Checkpoint::read(&note.text).unwrap();
    let file = |tile: Tile| read_hashes(&fs::read(place.join(tile.path())).ok()?);
    assert_eq!(Edge::open(300, file).map(|edge| edge.root()), Some(checkpoint.root));
    let leaves: Vec<Hash> = Tile::of(300).filter(|tile| tile.level == Level::Hashes(0)).flat_map(|tile| file(tile).unwrap()).collect();
    assert_eq!((leaves.len(), root(&leaves), checkpoint.size), (300, checkpoint.root, 300));
    let mut cosigned = 0;
    for (keys, checkpoint) in [
        ("witness/witness.v0.json", "witness/000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706/checkpoint"),
        ("witness2/witness.v0.json", "witness2/88ad7a28caeb0b2aa890fdf0304c2fcaf59fca2ee140134ff8c1300bac493482/checkpoint"),
        ("witness/mirror/mirror.v0.json", "witness/mirror/000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706/checkpoint"),
    ] {
        let keys: Value = serde_json::from_slice(&fs::read(folder.join(keys)).unwrap()).unwrap();
        let key: Verifier = keys["verifier_keys"][0].as_str().unwrap().parse().unwrap();
        let bytes = fs::read(folder.join(checkpoint)).unwrap();
        let mut note = Note::read(&bytes).unwrap();
        assert_eq!(note.to_string().as_bytes(), bytes, "written as it was read");
        assert_eq!(note.signers(std::slice::from_ref(&key)), Ok(vec![0]), "{checkpoint}");
        note.text = note.text.replace("300", "301");
        assert!(note.signers(&[key]).is_err());
        cosigned += 1;
    }
    assert_eq!(cosigned, 3);
    assert!(Note::read(&fs::read(folder.join("witness/checkpoint")).unwrap()).is_err(), "the decoy is no checkpoint");
}

/// A receipt that Go's checksum database code, Cloudflare's crates and a verifier in Python accepted.
#[test]
fn a_receipt_that_others_accepted_is_accepted_here() {
    let Some(folder) = published("tlog-ours") else { return };
    let bytes = fs::read(folder.join("musubi-61234-of-70000.tlog-proof")).unwrap();
    let proof = Proof::read(&bytes).unwrap();
    assert_eq!(proof.to_string().as_bytes(), bytes);
    let key = fs::read_to_string(folder.join("vkey.txt")).unwrap();
    let policy = Policy::read(format!("log {}\nquorum none\n", key.trim()).as_bytes()).unwrap();
    let entry = proof.extra.clone().unwrap();
    assert_eq!(proof.verify(leaf(&entry), &policy).unwrap().checkpoint.size, 70_000);
    assert!(proof.verify(leaf(b"another"), &policy).is_err());
}

/// Every `vkey`, note and checkpoint that the standards print whole is read.
#[test]
fn the_examples_that_the_standards_print_are_read() {
    let Some(folder) = published("c2sp") else { return };
    let text = fs::read_to_string(folder.join("signed-note.md")).unwrap();
    let key: Verifier = text.lines().map(str::trim).find_map(|line| line.parse().ok()).expect("a key");
    let body = text.split("```").find(|block| block.contains("This is an example message.")).expect("an example");
    let note = Note::read(body.trim_start().as_bytes()).unwrap();
    assert_eq!(note.signers(&[key]), Ok(vec![0]));
    let text = fs::read_to_string(folder.join("tlog-witness.md")).unwrap();
    let start = text.find("    old 20852014").expect("an example");
    let request: Vec<&str> =
        text[start..].lines().take_while(|line| line.is_empty() || line.starts_with("    ")).map(|l| l.get(4..).unwrap_or("")).collect();
    let request = Request::read(format!("{}\n", request.join("\n").trim_end()).as_bytes()).unwrap();
    assert_eq!((request.old, request.proof.len(), request.checkpoint.size), (20_852_014, 4, 20_852_163));
}

/// A log of 300 entries under a fixed key. `MUSUBI_BLESS=1` writes the files anew.
#[test]
fn our_own_small_log_is_the_same_bytes_every_day() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/tlog");
    let signer = Signer::new("log.example/small", KeyKind::Note, &[1; 32]).unwrap();
    let witness = Signer::new("witness.example", KeyKind::Cosignature, &[2; 32]).unwrap();
    let entries: Vec<String> = (0..300).map(|n| format!("entry {n}")).collect();
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf(entry.as_bytes())).collect();
    let (mut edge, mut tiles, mut written) = (Edge::default(), Tiles::default(), Vec::new());
    let mut keep = |tile: Tile, hashes: Vec<Hash>| {
        written.push((tile.path(), base64::engine::general_purpose::STANDARD.encode(write_hashes(&hashes)).into_bytes()));
        tiles.insert(tile, hashes);
    };
    leaves.iter().for_each(|leaf| edge.push(*leaf, &mut keep));
    edge.unfinished().for_each(|(tile, hashes)| keep(tile, hashes.to_vec()));
    let mut bundle = Vec::new();
    entries[256..].iter().for_each(|entry| assert!(push_entry(&mut bundle, entry.as_bytes())));
    let checkpoint = Checkpoint::new("log.example/small", Head { size: 300, root: edge.root() });
    let mut note = checkpoint.sign(&signer, 0);
    note.signatures.push(witness.sign(&note.text, 1_774_249_262));
    let proof = Proof {
        extra: Some(b"entry 77".to_vec()),
        index: 77,
        hashes: tiles.hashes(&inclusion(77, 300)).unwrap(),
        checkpoint: note.clone(),
    };
    let policy = format!(
        "# Who is believed about the small log.\nlog {}\nwitness W {} https://witness.example/\nquorum W\n",
        signer.verifier(),
        witness.verifier()
    );
    let old = Head { size: 200, root: root(&leaves[..200]) };
    let request = Request { old: 200, proof: tiles.hashes(&consistency(200, 300)).unwrap(), note: note.clone(), checkpoint };
    verify_consistency(old, request.checkpoint.head(), &request.proof).unwrap();
    let mut tree = String::new();
    written.iter().for_each(|(path, text)| writeln!(tree, "{path} {}", String::from_utf8_lossy(text)).unwrap());
    let golden = [
        ("small.checkpoint", note.to_string().into_bytes()),
        ("small.tlog-proof", proof.to_string().into_bytes()),
        ("small.tlog-policy", policy.clone().into_bytes()),
        ("small.add-checkpoint", request.to_string().into_bytes()),
        ("small.entries.p44", bundle),
        ("small.tiles", tree.into_bytes()),
    ];
    for (name, bytes) in &golden {
        let path = folder.join(name);
        if std::env::var_os("MUSUBI_BLESS").is_some() {
            fs::write(&path, bytes).unwrap();
        }
        assert!(fs::read(&path).unwrap_or_default() == *bytes, "{name} has changed");
    }
    let policy = Policy::read(policy.as_bytes()).unwrap();
    let read = Proof::read(&fs::read(folder.join("small.tlog-proof")).unwrap()).unwrap();
    assert_eq!(read.verify(leaf(b"entry 77"), &policy).unwrap().witnesses, [(0, 1_774_249_262)]);
}

#[test]
fn every_reader_of_the_log_has_a_fuzz_target() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for (target, reader) in [
        ("tlog_note", "Note::read"),
        ("tlog_key", "parse::<Verifier>"),
        ("tlog_checkpoint", "Checkpoint::read"),
        ("tlog_proof", "Proof::read"),
        ("tlog_policy", "Policy::read"),
        ("tlog_tile", "Tile::read"),
        ("tlog_witness", "Request::read"),
    ] {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "name {target} in fuzz/Cargo.toml");
        let text = fs::read_to_string(fuzz.join(format!("fuzz_targets/{target}.rs"))).unwrap_or_default();
        assert!(text.contains(reader), "fuzz/fuzz_targets/{target}.rs does not call {reader}");
    }
}
