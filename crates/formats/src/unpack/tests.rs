//! Every container, nested, cut, and hostile.

use std::io::{Cursor, Read, Write};

use super::*;

/// Notes what a walk finds, in order.
#[derive(Default)]
struct Notes {
    leaves: Vec<(String, Vec<u8>)>,
    refused: Vec<(String, Refusal)>,
    whole: Option<&'static str>,
    spools: usize,
    media: Vec<Option<String>>,
    mails: Vec<Option<MailHeader>>,
    transcoded: Vec<Option<&'static str>>,
}

impl Notes {
    fn of(name: &str, bytes: &[u8]) -> Self {
        Self::limited(name, bytes, &Limits::default())
    }

    fn limited(name: &str, bytes: &[u8], limits: &Limits) -> Self {
        let mut notes = Self::default();
        walk(name, &mut Cursor::new(bytes), limits, &mut notes).unwrap();
        notes
    }

    fn paths(&self) -> Vec<&str> {
        self.leaves.iter().map(|(path, _)| path.as_str()).collect()
    }

    fn reasons(&self) -> Vec<String> {
        self.refused.iter().map(|(path, reason)| format!("{path}: {reason}")).collect()
    }

    #[track_caller]
    fn found(&self, leaves: &[(&str, &[u8])]) {
        let mine: Vec<(&str, &[u8])> = self.leaves.iter().map(|(path, bytes)| (path.as_str(), &bytes[..])).collect();
        assert_eq!((mine, self.reasons()), (leaves.to_vec(), vec![]));
    }
}

impl Visitor for Notes {
    fn wants_whole(&mut self, path: &str, _head: &[u8]) -> bool {
        self.whole.is_some_and(|end| path.ends_with(end))
    }

    fn part(&mut self, part: &Part<'_>, input: &mut dyn Read) -> io::Result<Next> {
        let mut bytes = Vec::new();
        let result = input.read_to_end(&mut bytes);
        assert!(bytes.starts_with(part.head), "the head is where the stream begins");
        assert!(!part.whole || bytes.len() == part.head.len(), "a whole head is all");
        self.leaves.push((part.path.to_owned(), bytes));
        self.media.push(part.media_type.map(str::to_owned));
        self.mails.push(part.mail.cloned());
        self.transcoded.push(part.transcoded);
        result.map(|_| Next::Continue)
    }

    fn refused(&mut self, path: &str, reason: Refusal) {
        self.refused.push((path.to_owned(), reason));
    }

    fn spool(&mut self) -> io::Result<Box<dyn Spool>> {
        self.spools += 1;
        Ok(Box::new(Cursor::new(Vec::new())))
    }
}

const CSV: &[u8] = b"timestamp,ip\n2026-03-23 07:01:02,192.0.2.1\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn xz_of(bytes: &[u8]) -> Vec<u8> {
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn zip_with(members: &[(&str, &[u8])], method: ::zip::CompressionMethod) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = ::zip::write::SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    zip_with(members, ::zip::CompressionMethod::Deflated)
}

/// A zip written without seeking: sizes stand behind the members.
fn zip_streamed(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new_stream(Vec::new());
    let options = ::zip::write::SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Deflated);
    for (name, bytes) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tar_header(name: &[u8], kind: u8, size: usize) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name);
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[148..156].copy_from_slice(b"        ");
    block[156] = kind;
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

/// A tar of old Unix (v7): no magic at all.
fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in members {
        out.extend(tar_header(name.as_bytes(), 0, bytes.len()));
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    text.as_bytes().chunks(76).map(|line| format!("{}\r\n", std::str::from_utf8(line).unwrap())).collect()
}

fn mail_with(name: &str, media_type: &str, bytes: &[u8]) -> Vec<u8> {
    let encoded = base64_of(bytes);
    format!(
        "From: Reports <reports@example.org>\r\nSubject: Your daily report\r\nDate: Mon, 23 Mar 2026 07:01:02 +0000\r\n\
         Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nSee the attachment.\r\n\
         --b\r\nContent-Type: {media_type}\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{encoded}--b--\r\n"
    )
    .into_bytes()
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn a_plain_file_is_a_leaf_read_from_its_start() {
    Notes::of("r.csv", CSV).found(&[("r.csv", CSV)]);
    Notes::of("empty", b"").found(&[("empty", b"")]);
    let long = noise(300_000);
    Notes::of("long", &long).found(&[("long", &long)]);
}

#[test]
fn each_compressed_stream_is_read_with_all_its_members() {
    for (end, pack) in [("gz", gzip as fn(&[u8]) -> Vec<u8>), ("zst", zstd_of), ("xz", xz_of)] {
        let twice = [pack(CSV), pack(b"198.51.100.7\n")].concat();
        let name = format!("r.csv.{end}");
        Notes::of(&name, &twice).found(&[(&format!("{name}/r.csv"), &[CSV, b"198.51.100.7\n"].concat())]);
    }
    Notes::of("r.gz", &[gzip(CSV), vec![0; 1000]].concat()).found(&[("r.gz/r", CSV)]);
    let garbage = Notes::of("r.gz", &[gzip(CSV), b"garbage".to_vec()].concat());
    assert_eq!(garbage.leaves[0].1, CSV);
    assert_eq!(garbage.reasons(), ["r.gz/r: gzip stream is damaged after 43 bytes: what follows the last member is not gzip"]);
}

#[test]
fn zip_members_come_in_order_stored_deflated_or_streamed() {
    let members: &[(&str, &[u8])] = &[("a.csv", CSV), ("b/c.txt", b"x"), ("empty", b"")];
    let want: &[(&str, &[u8])] = &[("r.zip/a.csv", CSV), ("r.zip/b/c.txt", b"x"), ("r.zip/empty", b"")];
    Notes::of("r.zip", &zip_of(members)).found(want);
    Notes::of("r.zip", &zip_with(members, ::zip::CompressionMethod::Stored)).found(want);
    Notes::of("r.zip", &zip_streamed(members)).found(want);
}

#[test]
fn tars_of_all_ages_are_read() {
    Notes::of("r.tar", &tar_of(&[("a.csv", CSV), ("b", b"")])).found(&[("r.tar/a.csv", CSV), ("r.tar/b", b"")]);
    let long = "folder/".repeat(30) + "name.csv";
    for mut header in [::tar::Header::new_ustar(), ::tar::Header::new_gnu(), ::tar::Header::new_old()] {
        let mut builder = ::tar::Builder::new(Vec::new());
        header.set_size(CSV.len() as u64);
        builder.append_data(&mut header, "short.csv", CSV).unwrap();
        if header.as_gnu().is_some() {
            builder.append_data(&mut header, &long, CSV).unwrap();
        } else {
            let records = [("path", long.as_bytes()), ("size", b"43")];
            builder.append_pax_extensions(records).unwrap();
            builder.append_data(&mut header, "other", CSV).unwrap();
        }
        let bytes = builder.into_inner().unwrap();
        Notes::of("r.tar", &bytes).found(&[("r.tar/short.csv", CSV), (&format!("r.tar/{long}"), CSV)]);
    }
    Notes::of("r.tgz", &gzip(&tar_of(&[("./a.csv", CSV)]))).found(&[("r.tgz/r.tar/a.csv", CSV)]);
}

#[test]
fn a_report_deep_inside_is_found_and_knows_its_mail() {
    let inner = zip_of(&[("r.csv.gz", &gzip(CSV))]);
    let mail = mail_with("r.zip", "application/zip", &inner);
    let notes = Notes::of("m.eml", &mail);
    notes.found(&[("m.eml/body.txt", b"See the attachment."), ("m.eml/r.zip/r.csv.gz/r.csv", CSV)]);
    let header = notes.mails[1].as_ref().unwrap();
    assert_eq!(header.subject.as_deref(), Some("Your daily report"));
    assert_eq!(header.date.unwrap().to_string(), "2026-03-23T07:01:02Z");
    let forwarded = mail_with("m.eml", "message/rfc822", &mail);
    Notes::of("f.eml", &forwarded).found(&[
        ("f.eml/body.txt", b"See the attachment."),
        ("f.eml/m.eml/body.txt", b"See the attachment."),
        ("f.eml/m.eml/r.zip/r.csv.gz/r.csv", CSV),
    ]);
}

#[test]
fn an_attachment_arrives_byte_for_byte_whatever_it_is_called() {
    let packed = gzip(CSV);
    let notes = Notes::of("m.eml", &mail_with("r.csv", "text/csv", &packed));
    assert_eq!(notes.leaves[1], ("m.eml/r.csv/r.csv".to_owned(), CSV.to_vec()));
    let notes = Notes::of("m.eml", &mail_with("xarf.json", "application/json", b"{\"xarf_version\":\"4.0.0\"}"));
    assert_eq!(notes.media[1].as_deref(), Some("application/json"));
    let twice = Notes::of("m.eml", &mail_with("r.zip.b64", "text/plain", base64_of(&zip_of(&[("r.csv", CSV)])).as_bytes()));
    assert_eq!(twice.paths()[1], "m.eml/r.zip.b64/r.zip/r.csv");
}

#[test]
fn a_source_may_have_a_container_whole() {
    let mail = mail_with("r.csv", "text/csv", CSV);
    let mut notes = Notes { whole: Some(".eml"), ..Notes::default() };
    walk("m.zip", &mut Cursor::new(zip_of(&[("m.eml", &mail)])), &Limits::default(), &mut notes).unwrap();
    notes.found(&[("m.zip/m.eml", &mail)]);
}

#[test]
fn a_visitor_ends_the_walk_by_its_word_or_its_failure() {
    struct Once(u32, Option<io::ErrorKind>);
    impl Visitor for Once {
        fn part(&mut self, _: &Part<'_>, _: &mut dyn Read) -> io::Result<Next> {
            self.0 += 1;
            self.1.map_or(Ok(Next::Stop), |kind| Err(kind.into()))
        }
        fn refused(&mut self, _: &str, _: Refusal) {
            panic!("nothing was refused");
        }
        fn spool(&mut self) -> io::Result<Box<dyn Spool>> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
    let bytes = zip_of(&[("1.tar", &tar_of(&[("a", CSV), ("b", CSV)])), ("2", CSV)]);
    for kind in [None, Some(io::ErrorKind::StorageFull)] {
        let mut once = Once(0, kind);
        let result = walk("r.zip", &mut Cursor::new(&bytes), &Limits::default(), &mut once);
        assert_eq!((once.0, result.err().map(|error| error.kind())), (1, kind));
    }
}

#[test]
fn utf_16_becomes_utf_8_and_says_so() {
    let text = "ip,name\r\n192.0.2.1,日本\r\n";
    let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let notes = Notes::of("r.zip", &zip_of(&[("r.csv", &bytes), ("s.csv", CSV)]));
    notes.found(&[("r.zip/r.csv", text.as_bytes()), ("r.zip/s.csv", CSV)]);
    assert_eq!(notes.transcoded, [Some("UTF-16LE"), None]);
}

#[test]
fn a_text_part_in_an_old_charset_becomes_utf_8() {
    let mail = b"From: a@example.jp\nSubject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=Shift_JIS\n\n\x93\xfa\x96{\n";
    let notes = Notes::of("m.eml", mail);
    notes.found(&[("m.eml/body.txt", "日本\n".as_bytes())]);
    assert_eq!(notes.transcoded, [Some("Shift_JIS")]);
}

#[test]
fn a_mailbox_is_many_mails_and_one_too_large_is_left_out() {
    let box_of = |middle: &str| {
        format!(
            "From a@example.org Mon Mar 23 07:01:02 2026\nFrom: a@example.org\nSubject: 1\n\none\n>From the start\n\n\
             From b@example.org Mon Mar 23 07:01:03 2026\nFrom: b@example.org\nSubject: 2\n\n{middle}\n\n\
             From c@example.org Mon Mar 23 07:01:04 2026\nFrom: c@example.org\nSubject: 3\n\nFrom here on: three\n"
        )
    };
    Notes::of("a.mbox", box_of("two").as_bytes()).found(&[
        ("a.mbox/1.eml/body.txt", b"one\nFrom the start\n\n"),
        ("a.mbox/2.eml/body.txt", b"two\n\n"),
        ("a.mbox/3.eml/body.txt", b"From here on: three\n"),
    ]);
    let limits = Limits { mail: 100_000, ..Limits::default() };
    let notes = Notes::limited("a.mbox", box_of(&"x".repeat(200_000)).as_bytes(), &limits);
    assert_eq!(notes.paths(), ["a.mbox/1.eml/body.txt", "a.mbox/3.eml/body.txt"]);
    assert_eq!(notes.reasons(), ["a.mbox/2.eml: mail is larger than 100000 bytes"]);
}

#[test]
fn other_texts_with_names_and_colons_are_no_mail() {
    for text in [
        "Date: 2026-03-23\nSource-IP: 192.0.2.1\nSubject: scan\n\nx",
        "Feedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\nArrival-Date: now\n",
        "From: a to b: a story\n",
        "---\nReported-From: a@example.org\nCategory: abuse\nReport-Type: login-attack\n",
        "HTTP/1.1 200 OK\nDate: x\nContent-Type: text/csv\n\nip\n",
        "to: 1\nfrom: 2\n",
    ] {
        Notes::of("t.txt", text.as_bytes()).found(&[("t.txt", text.as_bytes())]);
    }
    // what a person quotes at the start of a text stays with the text
    let quoting = b"Received: x\nFrom: a@example.org\nSubject: fwd\n\nFrom: b@example.org\nTo: a\nSubject: attack\nDate: x\n\n192.0.2.1\n";
    Notes::of("m.eml", quoting).found(&[("m.eml/body.txt", &quoting[memchr::memmem::find(quoting, b"From: b").unwrap()..])]);
}

#[test]
fn a_report_that_is_only_linked_is_named_with_its_link() {
    let mail = |subject: &str, body: &str| format!("From: a@example.org\nSubject: {subject}\nMIME-Version: 1.0\n\n{body}\n");
    let linked = mail(
        "[report] 2026-03-23",
        "New reports:\n<https://reports.example.org/get/2026-03-23-scan.csv?token=1>\n(http://www.example.org/)",
    );
    assert_eq!(
        Notes::of("m.eml", linked.as_bytes()).reasons(),
        ["m.eml: the report is only linked: https://reports.example.org/get/2026-03-23-scan.csv?token=1; download it and ingest the file"]
    );
    for text in [mail("hello", "see http://www.example.org/x.csv"), mail("report", "see http://www.example.org/about")] {
        assert_eq!(Notes::of("m.eml", text.as_bytes()).refused, []);
    }
}

#[test]
fn an_encrypted_mail_is_refused_and_a_signature_is_no_part() {
    let mail = |kind: &str, parts: &str| {
        format!("From: a@example.org\nMIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary=b\n\n{parts}--b--\n")
    };
    let encrypted = mail(
        "encrypted",
        "--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b\nContent-Type: application/octet-stream; name=e.asc\n\nxyz\n",
    );
    let notes = Notes::of("m.eml", encrypted.as_bytes());
    assert_eq!((notes.leaves.len(), &notes.reasons()[1][..]), (0, "m.eml/e.asc: mail is encrypted: password needed"));
    let signed = mail("signed", "--b\nContent-Type: text/plain\n\nx\n--b\nContent-Type: application/pgp-signature\n\nsig\n");
    Notes::of("m.eml", signed.as_bytes()).found(&[("m.eml/body.txt", b"x")]);
}

/// A zip whose bytes `from` were replaced, everywhere, by as many others.
fn patched(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, from).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
fn names_that_lead_out_of_an_archive_are_refused_and_the_rest_is_read() {
    for (name, why) in [
        ("../../etc/passwd", "climbs out of its folder"),
        ("a/../../b/c/d/ef", "climbs out of its folder"),
        ("..\\..\\windows.in", "climbs out of its folder"),
        ("/etc/passwd/1234", "is an absolute path"),
        ("\\\\host\\share\\abc", "is an absolute path"),
        ("C:\\windows\\123456", "names a drive"),
        ("a\0b/12345678.csv", "holds control characters"),
        ("a\x1b[2Jb/123456.csv", "holds control characters"),
    ] {
        let plain = "x".repeat(name.len());
        let zip = patched(zip_of(&[(&plain, CSV), ("good", CSV)]), plain.as_bytes(), name.as_bytes());
        let mut reasons = vec![];
        reasons.push((Notes::of("r", &zip), 0));
        if !name.contains('\0') {
            reasons.push((Notes::of("r", &tar_of(&[(name, CSV), ("good", CSV)])), 0));
        }
        // the same zip without its directory
        let directory = memchr::memmem::find(&zip, b"PK\x01\x02").unwrap();
        reasons.push((Notes::of("r", &zip[..directory]), 1));
        for (notes, more) in reasons {
            assert_eq!(notes.paths(), ["r/good"], "{name:?}");
            assert_eq!(notes.reasons()[0], format!("r/(unsafe name): name {name:?} {why}"));
            assert_eq!(notes.refused.len(), 1 + more);
        }
    }
}

#[test]
fn links_and_devices_in_archives_are_refused() {
    let mut tar = Vec::new();
    for (name, kind) in [("l", b'2'), ("h", b'1'), ("c", b'3'), ("b", b'4'), ("p", b'6')] {
        tar.extend(tar_header(name.as_bytes(), kind, 0));
    }
    tar.extend(tar_of(&[("good", CSV)]));
    let notes = Notes::of("r.tar", &tar);
    assert_eq!(notes.paths(), ["r.tar/good"]);
    assert_eq!(
        notes.reasons(),
        [
            "r.tar/l: symbolic link is not a file",
            "r.tar/h: hard link is not a file",
            "r.tar/c: character device is not a file",
            "r.tar/b: block device is not a file",
            "r.tar/p: pipe is not a file"
        ]
    );
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("l", "/etc/passwd", ::zip::write::SimpleFileOptions::default()).unwrap();
    let zip = writer.finish().unwrap().into_inner();
    assert_eq!(Notes::of("r.zip", &zip).reasons(), ["r.zip/l: symbolic link is not a file"]);
}

#[test]
fn what_cannot_be_decoded_is_refused_by_name() {
    let zip = zip_of(&[("r.csv", CSV)]);
    let mut encrypted = zip.clone();
    let directory = memchr::memmem::find(&zip, b"PK\x01\x02").unwrap();
    encrypted[6] |= 1;
    encrypted[directory + 8] |= 1;
    assert_eq!(Notes::of("r.zip", &encrypted).reasons(), ["r.zip/r.csv: zip member is encrypted: password needed"]);
    for (method, name) in [(12, "bzip2 (12)"), (9, "deflate64 (9)"), (14, "lzma (14)"), (77, "77")] {
        let mut other = zip.clone();
        other[8] = method;
        other[directory + 10] = method;
        assert_eq!(Notes::of("r.zip", &other).reasons(), [format!("r.zip/r.csv: compression method {name} is not supported")]);
    }
    for (bytes, what) in [
        (&b"BZh91AY&SY12345"[..], "bzip2 stream"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "7z archive"),
        (b"Rar!\x1a\x07\x01\0", "rar archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Microsoft compound file (old Office, Outlook .msg)"),
    ] {
        let notes = Notes::of("x", bytes);
        assert!(notes.leaves.is_empty() && notes.reasons()[0].starts_with(&format!("x: {what} is not opened: ")));
    }
    let office = zip_of(&[("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>")]);
    assert_eq!(Notes::of("t.xlsx", &office).reasons(), ["t.xlsx: Office document is not opened: save it as CSV or text"]);
}

#[test]
fn a_member_that_is_not_what_its_directory_says_is_named() {
    let zip = zip_with(&[("r.csv", CSV), ("s.csv", b"x")], ::zip::CompressionMethod::Stored);
    let notes = Notes::of("r.zip", &patched(zip.clone(), b"192.0.2.1", b"192.0.2.9"));
    assert_eq!(notes.reasons(), ["r.zip/r.csv: zip member is damaged after 43 bytes: its checksum differs"]);
    assert_eq!(notes.paths(), ["r.zip/r.csv", "r.zip/s.csv"], "what could be read is handed on, and the rest");
    let directory = memchr::memmem::find(&zip, b"PK\x01\x02").unwrap();
    for (size, reason) in [(42, "is damaged after 32 bytes: it is longer than the archive says"), (44, "ends early after 43 bytes")] {
        let mut other = zip.clone();
        other[directory + 24] = size;
        assert_eq!(Notes::of("r.zip", &other).reasons(), [format!("r.zip/r.csv: zip member {reason}")]);
    }
}

#[test]
fn overlapping_members_are_refused() {
    let zip = zip_of(&[("r.csv", CSV)]);
    let directory = memchr::memmem::find(&zip, b"PK\x01\x02").unwrap();
    let end = memchr::memmem::find(&zip, b"PK\x05\x06").unwrap();
    let (entry, mut tail) = (&zip[directory..end], zip[end..].to_vec());
    let size = u32::try_from(2 * entry.len()).unwrap();
    tail[8] = 2;
    tail[10] = 2;
    tail[12..16].copy_from_slice(&size.to_le_bytes());
    let twice = [&zip[..end], entry, &tail].concat();
    let notes = Notes::of("r.zip", &twice);
    assert!(notes.leaves.is_empty());
    assert_eq!(notes.reasons(), ["r.zip: zip entries overlap at byte 0: one piece of the archive is listed more than once"]);
    // a member that claims the directory as its content
    let mut long = zip.clone();
    long[directory + 20..directory + 24].copy_from_slice(&10_000_u32.to_le_bytes());
    assert!(matches!(Notes::of("r.zip", &long).refused[..], [(_, Refusal::Overlap { .. })]));
}

#[test]
fn a_bomb_is_stopped_by_its_ratio_and_the_rest_goes_on() {
    let zeros = vec![0; 40 << 20];
    for (what, bomb) in [("gzip stream", gzip(&zeros)), ("zstd stream", zstd_of(&zeros))] {
        let limits = Limits { ratio: 20, ..Limits::default() };
        let notes = Notes::limited("r.tar", &tar_of(&[("bomb", &bomb), ("good", CSV)]), &limits);
        assert_eq!(notes.leaves.last().unwrap().0, "r.tar/good");
        assert!(notes.leaves[0].1.len() < 18 << 20, "stopped soon after 16 MiB");
        assert!(matches!(&notes.refused[..], [(_, Refusal::Bomb { what: named, ratio: 20, .. })] if *named == what));
    }
    let notes = Notes::limited("r.zip", &zip_of(&[("bomb", &zeros), ("good", CSV)]), &Limits { ratio: 20, ..Limits::default() });
    assert_eq!(notes.paths(), ["r.zip/bomb", "r.zip/good"]);
    assert!(notes.reasons()[0].starts_with("r.zip/bomb: zip member grows to more than 20 times its size: stopped after 1"));
}

#[test]
fn the_limits_of_an_evidence_hold_over_all_its_members() {
    let members: Vec<(String, Vec<u8>)> = (0..10).map(|n| (format!("{n}"), noise(1000))).collect();
    let members: Vec<(&str, &[u8])> = members.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    let zip = zip_of(&members);
    let notes = Notes::limited("r.zip", &zip, &Limits { total: 3500, ..Limits::default() });
    assert_eq!(notes.paths(), ["r.zip/0", "r.zip/1", "r.zip/2", "r.zip/3"]);
    assert!(notes.leaves[3].1.len() <= 500);
    assert_eq!(notes.reasons(), ["r.zip/3: more than 3500 bytes come out of this evidence: the rest is left out"]);
    let notes = Notes::limited("r.zip", &zip, &Limits { members: 5, ..Limits::default() });
    assert_eq!(notes.paths(), ["r.zip/0", "r.zip/1", "r.zip/2", "r.zip/3"], "the archive counts too");
    assert_eq!(notes.reasons(), ["r.zip/4: there are more than 5 members in this evidence: the rest is left out"]);
    let mut nested = CSV.to_vec();
    for _ in 0..9 {
        nested = gzip(&nested);
    }
    let notes = Notes::of("r", &nested);
    assert!(notes.leaves.is_empty() && notes.reasons()[0].ends_with("/r: containers are nested more than 8 deep"));
    assert_eq!(Notes::limited("r", &nested, &Limits { depth: 9, ..Limits::default() }).leaves[0].1, CSV);
}

/// Whatever is cut: what is there is handed on in order, and a loss is never silent.
fn cut_everywhere(name: &str, bytes: &[u8]) {
    let full = Notes::of(name, bytes);
    assert_eq!(full.reasons(), Vec::<String>::new());
    for cut in 0..bytes.len() {
        let notes = Notes::of(name, &bytes[..cut]);
        // too short to be recognised
        if notes.leaves == [(name.to_owned(), bytes[..cut].to_vec())] {
            continue;
        }
        for ((path, leaf), (full_path, full_leaf)) in notes.leaves.iter().zip(&full.leaves) {
            // an inner container cut before it can be recognised is a leaf itself
            let fits = if path == full_path { full_leaf.starts_with(leaf) } else { full_path.starts_with(path.as_str()) };
            assert!(fits, "{name} cut at {cut}: {path}");
        }
        assert!(notes.leaves == full.leaves || !notes.refused.is_empty(), "{name} cut at {cut}: {:?}", notes.paths());
    }
}

#[test]
fn a_container_cut_at_any_byte_gives_what_it_has_and_says_so() {
    let members: &[(&str, &[u8])] = &[("a.csv", CSV), ("b.csv", &CSV.repeat(3))];
    cut_everywhere("r.gz", &gzip(CSV));
    cut_everywhere("r.zst", &zstd_of(CSV));
    cut_everywhere("r.xz", &xz_of(CSV));
    cut_everywhere("r.zip", &zip_of(members));
    cut_everywhere("r.zip", &zip_with(members, ::zip::CompressionMethod::Stored));
    cut_everywhere("r.zip", &zip_streamed(members));
    cut_everywhere("r.zip", &zip_with(&[("i.zip", &zip_of(members)), ("b", b"x")], ::zip::CompressionMethod::Stored));
    cut_everywhere("r.tar", &tar_of(members));
    cut_everywhere("r.tgz", &gzip(&tar_of(members)));
    cut_everywhere("r.zip.gz", &gzip(&zip_of(members)));
    let early = &gzip(CSV)[..20];
    let notes = Notes::of("r.csv.gz", early);
    assert!(notes.reasons()[0].starts_with("r.csv.gz/r.csv: gzip stream ends early after "), "{:?}", notes.reasons());
}

#[test]
fn a_cut_mail_gives_its_parts_so_far_and_says_so() {
    let mail = mail_with("r.csv", "text/csv", &CSV.repeat(5));
    let body_at = memchr::memmem::find(&mail, b"--b\r\n").unwrap() + 5;
    for cut in body_at..mail.len() - 4 {
        let notes = Notes::of("m.eml", &mail[..cut]);
        assert!(notes.refused.iter().any(|(_, reason)| matches!(reason, Refusal::EndsEarly { what: "mail", .. })), "cut at {cut}");
    }
}

#[test]
fn a_large_zip_that_cannot_be_sought_is_spooled() {
    let zip = zip_with(&[("a", &noise(17 << 20)), ("b", CSV)], ::zip::CompressionMethod::Stored);
    let mut notes = Notes::default();
    walk("r.tar", &mut Cursor::new(tar_of(&[("r.zip", &zip)])), &Limits::default(), &mut notes).unwrap();
    assert_eq!((notes.paths(), notes.spools), (vec!["r.tar/r.zip/a", "r.tar/r.zip/b"], 1));
}

#[test]
fn zip64_and_bytes_before_the_archive_are_understood() {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("r.csv", ::zip::write::SimpleFileOptions::default().large_file(true)).unwrap();
    writer.write_all(CSV).unwrap();
    let zip = writer.finish().unwrap().into_inner();
    Notes::of("r.zip", &zip).found(&[("r.zip/r.csv", CSV)]);
    // a spanned archive that fitted one disk begins with a mark
    Notes::of("r.zip", &[b"PK00", &zip[..]].concat()).found(&[("r.zip/r.csv", CSV)]);
}

#[test]
fn names_in_old_japanese_zips_are_readable() {
    let zip = patched(zip_of(&[("abcd.csv", CSV)]), b"abcd.csv", b"\x93\xfa\x96{.csv");
    Notes::of("r.zip", &zip).found(&[("r.zip/日本.csv", CSV)]);
}

/// Pieces, each repeated, as if they were one long file; notes the largest read that was asked of it.
struct Generated {
    pieces: Vec<(Vec<u8>, u64)>,
    at: u64,
    largest: usize,
}

impl Generated {
    fn new(pieces: Vec<(Vec<u8>, u64)>) -> Self {
        Self { pieces, at: 0, largest: 0 }
    }

    fn length(&self) -> u64 {
        self.pieces.iter().map(|(piece, times)| piece.len() as u64 * times).sum()
    }
}

impl Read for Generated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.largest = self.largest.max(buffer.len());
        let mut at = self.at;
        for (piece, times) in &self.pieces {
            let all = piece.len() as u64 * times;
            if at < all {
                let from = &piece[(at % piece.len() as u64) as usize..];
                let n = from.len().min(buffer.len());
                buffer[..n].copy_from_slice(&from[..n]);
                self.at += n as u64;
                return Ok(n);
            }
            at -= all;
        }
        Ok(0)
    }
}

impl Seek for Generated {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        }
        .ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Counts bytes and keeps none.
#[derive(Default)]
struct Count(u64);

impl Visitor for Count {
    fn part(&mut self, part: &Part<'_>, input: &mut dyn Read) -> io::Result<Next> {
        assert!(part.head.len() <= 64 << 10);
        let mut buffer = vec![0; 32 << 10];
        loop {
            match input.read(&mut buffer)? {
                0 => return Ok(Next::Continue),
                n => self.0 += n as u64,
            }
        }
    }

    fn refused(&mut self, path: &str, reason: Refusal) {
        panic!("{path}: {reason}");
    }

    fn spool(&mut self) -> io::Result<Box<dyn Spool>> {
        panic!("a stream that can be sought needs no spool");
    }
}

#[test]
fn long_streams_are_never_asked_for_more_than_a_piece() {
    const TIMES: u64 = 200;
    let unit: Vec<u8> = noise(1 << 18).into_iter().chain(CSV.iter().copied().cycle()).take(1 << 20).collect();
    let length = unit.len() as u64 * TIMES;

    let mut crc = flate2::Crc::new();
    (0..TIMES).for_each(|_| crc.update(&unit));
    let mut deflater = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    deflater.write_all(&unit).unwrap();
    // to a byte border, and nothing after it refers to what was before
    deflater.flush().unwrap();
    let deflated = deflater.get_ref().clone();
    let encoded = u32::try_from(deflated.len() as u64 * TIMES + 2).unwrap();
    let fields = [
        &8_u16.to_le_bytes()[..],
        &[0; 4],
        &crc.sum().to_le_bytes(),
        &encoded.to_le_bytes(),
        &(length as u32).to_le_bytes(),
        &[1, 0, 0, 0],
    ]
    .concat();
    let local = [b"PK\x03\x04\x14\0\0\0", &fields[..], b"a"].concat();
    let central = [b"PK\x01\x02\x14\0\x14\0\0\0", &fields[..], &[0; 14], b"a"].concat();
    let end = [
        b"PK\x05\x06\0\0\0\0\x01\0\x01\0",
        &(central.len() as u32).to_le_bytes()[..],
        &(encoded + local.len() as u32).to_le_bytes(),
        &[0, 0],
    ]
    .concat();
    let zip = vec![(local, 1), (deflated, TIMES), (vec![3, 0], 1), (central, 1), (end, 1)];

    let tar = vec![(tar_header(b"a", b'0', length as usize), 1), (unit.clone(), TIMES), (vec![0; 1024], 1)];
    for (name, pieces) in [
        ("plain", vec![(unit.clone(), TIMES)]),
        ("gzip", vec![(gzip(&unit), TIMES)]),
        ("zstd", vec![(zstd_of(&unit), TIMES)]),
        ("xz", vec![(xz_of(&unit), TIMES)]),
        ("tar", tar),
        ("zip", zip),
    ] {
        let (mut input, mut count) = (Generated::new(pieces), Count::default());
        walk(name, &mut input, &Limits::default(), &mut count).unwrap();
        assert_eq!(count.0, length, "{name}");
        assert!(input.largest <= 128 << 10, "{name} asked for {} bytes at once", input.largest);
    }
}

#[test]
fn a_hostile_header_costs_little() {
    for piece in ["(", "<", ",", "\"", "a@b,", "=?utf-8?q?", "=?utf-8?b?AAAA?= ", ";a*0*=x", "\r\n ", "\\", ":", "a:;"] {
        let long = piece.repeat(300_000 / piece.len());
        for field in ["From", "Subject", "Date", "Message-ID", "List-Id", "Content-Type: multipart/mixed", "Content-Disposition"] {
            let separator = if field.contains(':') { ";" } else { ":" };
            Notes::of("m.eml", format!("Received: x\nMIME-Version: 1.0\n{field}{separator} {long}\n\nx\n").as_bytes());
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_behind_any_magic_come_to_an_end(
        magic in proptest::sample::select(vec![
            &b""[..], b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"PK\x03\x04", b"PK\x05\x06", b"From: a\nReceived: b\nContent-Type: multipart/mixed; boundary=a\n\n--a\n",
            b"From a@b 00:00\na: b\n", b"H4sIAAAAAAAAA", b"\xff\xfe",
        ]),
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600),
    ) {
        let bytes = [magic, &bytes].concat();
        Notes::of("x", &bytes);
    }

    #[test]
    fn a_container_with_any_bytes_changed_comes_to_an_end(
        which in 0_usize..7,
        changes in proptest::collection::vec((proptest::num::u16::ANY, proptest::num::u8::ANY), 1..8),
    ) {
        let members: &[(&str, &[u8])] = &[("a.csv", CSV), ("b.gz", &gzip(CSV))];
        let mut bytes = match which {
            0 => gzip(CSV),
            1 => zstd_of(CSV),
            2 => xz_of(CSV),
            3 => zip_of(members),
            4 => zip_streamed(members),
            5 => tar_of(members),
            _ => mail_with("r.zip", "application/zip", &zip_of(members)),
        };
        for (at, byte) in changes {
            let at = usize::from(at) % bytes.len();
            bytes[at] = byte;
        }
        Notes::of("x", &bytes);
    }
}
