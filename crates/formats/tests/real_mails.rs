//! Mails that others wrote, when they are at hand: each is recognised and taken apart, none fails.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout, reason = "the mails are files")]

use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use formats::unpack::{Limits, Next, Part, Refusal, Spool, Visitor, walk};

#[derive(Default)]
struct Tally {
    leaves: usize,
    refused: Vec<String>,
}

impl Visitor for Tally {
    fn part(&mut self, part: &Part<'_>, input: &mut dyn Read) -> io::Result<Next> {
        assert!(part.mail.is_some(), "{} was not taken for a mail", part.path);
        io::copy(input, &mut io::sink())?;
        self.leaves += 1;
        Ok(Next::Continue)
    }

    fn refused(&mut self, path: &str, reason: Refusal) {
        self.refused.push(format!("{path}: {reason}"));
    }

    fn spool(&mut self) -> io::Result<Box<dyn Spool>> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }
}

fn mails_under(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            mails_under(&path, found);
        } else if path.extension().is_some_and(|end| end == "eml") {
            found.push(path);
        }
    }
}

fn shared() -> PathBuf {
    let folder = std::env::var_os("MUSUBI_SHARED");
    folder.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from).join("data")
}

#[test]
fn every_real_mail_is_taken_apart() {
    let shared = shared();
    let mut mails = Vec::new();
    mails_under(&shared.join("mail/dev"), &mut mails);
    mails_under(&shared.join("mail/charset"), &mut mails);
    mails_under(&shared.join("trust/dsn"), &mut mails);
    if mails.is_empty() {
        println!("skipped: no mails under {}", shared.display());
        return;
    }
    let mut tally = Tally::default();
    for path in &mails {
        let (leaves, refused) = (tally.leaves, tally.refused.len());
        let name = path.file_name().unwrap().to_string_lossy();
        walk(&name, &mut File::open(path).unwrap(), &Limits::default(), &mut tally).unwrap();
        assert!(tally.leaves > leaves || tally.refused.len() > refused, "{name} gave nothing");
    }
    println!("{} mails, {} leaves, {} refusals", mails.len(), tally.leaves, tally.refused.len());
    for line in &tally.refused {
        println!("{line}");
    }
}

#[test]
fn what_postfix_reports_of_a_mail_is_read() {
    use formats::delivery_status::{Action, DeliveryStatus};

    let folder = shared().join("trust/dsn");
    for (name, envelope, address, action, status) in [
        ("postfix-dsn-failed.eml", "n-3", "x@outside.example", Action::Failed, "5.1.1"),
        ("postfix-dsn-success-relayed.eml", "n-1", "abuse@isp.test", Action::Relayed, "2.0.0"),
    ] {
        let Ok(mail) = fs::read(folder.join(name)) else {
            println!("skipped: no {name} in {}", folder.display());
            return;
        };
        let report = DeliveryStatus::read(&mail).unwrap();
        assert_eq!(report.envelope_id.as_deref(), Some(envelope));
        let [recipient] = &report.recipients[..] else { panic!("{report:?}") };
        assert_eq!((recipient.address.as_str(), recipient.action), (address, action));
        assert_eq!(recipient.status.unwrap().to_string(), status);
        assert!(!report.original.unwrap().message_ids("Message-ID").is_empty());
    }
}
