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
