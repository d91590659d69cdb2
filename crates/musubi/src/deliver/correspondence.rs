//! The whole way with real parts: our mail through Postfix to Dovecot, read with GnuPG, answered, and the answers understood.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use casework::act::answer::{About, Answer, Delivery, Reply, Says};
use casework::act::token::{FoundIn, Token};
use casework::model::party::Language;
use formats::mail::{Mail, pieces};
use rand::rngs::OsRng;

use super::keys::OurKey;
use super::message::tests::address;
use super::message::{Attachment, Letter, Unsealed};
use super::open::{keys, open};
use super::post_office::{Gnupg, PASSWORD, PostOffice, USER};
use super::recipient::Recipient;
use super::seal::{Sealed, sign, sign_and_encrypt};
use super::sink::Sink;
use super::smtp::{Envelope, Outcome, Outgoing, Relay};
use crate::config::{Config, Imap};
use crate::receive::imap::{self, Cursor};
use crate::receive::maildir::{self, Received};

fn config(office: &PostOffice, user: &str) -> Config {
    let password = office.path("password");
    std::fs::write(&password, PASSWORD).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "[mail]\nfrom = \"csirt@csirt.example\"\norganisation = \"例示CSIRT\"\nreply_to = \"{USER}@csirt.example\"\n\
         [smtp]\nhost = \"localhost\"\nport = {}\ntls = \"starttls\"\nca = \"cert.pem\"\ntimeout_seconds = 20\n\
         [answers.imap]\nhost = \"localhost\"\nport = {}\ntls = \"implicit\"\nca = \"cert.pem\"\nuser = \"{user}\"\npassword_file = \"password\"\ntimeout_seconds = 20\n",
        office.smtp, office.imaps
    );
    Config::read(&text, &office.path("")).unwrap()
}

/// Mails of a mailbox after the cursor, waited for until there are so many.
async fn fetch(settings: &Imap, cursor: &mut Cursor, count: usize, office: &PostOffice) -> Vec<Received> {
    let mails = Arc::new(Mutex::new(Vec::new()));
    let began = Instant::now();
    while mails.lock().unwrap().len() < count {
        assert!(began.elapsed() < Duration::from_secs(40), "{} of {count} mails came\n{}", mails.lock().unwrap().len(), office.log());
        let at = Arc::new(Mutex::new(*cursor));
        imap::take(settings, *cursor, 1 << 20, 100, |mail, after| {
            mails.lock().unwrap().push(mail);
            *at.lock().unwrap() = after;
            std::future::ready(Ok(()))
        })
        .await
        .unwrap();
        *cursor = *at.lock().unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Arc::try_unwrap(mails).unwrap().into_inner().unwrap()
}

fn outgoing(from: &str, to: &str, id: &str, mail: Vec<u8>) -> Outgoing {
    let envelope = Envelope { from: address(from), to: address(to), id: id.into(), report_success: true };
    Outgoing::new(envelope, super::smtp::tests::logged(mail)).unwrap()
}

async fn must_go(relay: &Relay, mail: Outgoing, office: &PostOffice) {
    let outcome = relay.hand_over(&mail).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}\n{}", office.log());
}

const TEXT: &str = "感染した機器があります。\n\nFrom this table: see below.  \n.\n";

fn notice(token: &Token, to: &str, write: impl FnOnce(&Unsealed) -> Sealed) -> Vec<u8> {
    let desk = address(&format!("{USER}@csirt.example"));
    let (from, to, reply_to) = (address("csirt@csirt.example"), address(to), token.reply_to(&desk).unwrap());
    let message_id = token.message_id(1, &desk);
    let subject = format!("感染機器のお知らせ {}", token.subject_tag());
    let csv = Attachment { name: "events.csv", media_type: "text/csv", bytes: b"ip\r\n192.0.2.1\r\n" };
    let letter = Letter {
        from: &from,
        from_name: "例示CSIRT",
        to: &to,
        reply_to: &reply_to,
        subject: &subject,
        message_id: &message_id,
        follows: None,
        date: crate::pipeline::now(),
        language: Language::Ja,
        text: TEXT,
        attachments: vec![csv],
    };
    write(&Unsealed::write(&letter).unwrap()).into_bytes()
}

#[tokio::test]
async fn a_notice_goes_out_is_read_with_gnupg_and_every_kind_of_answer_comes_back() {
    let refusing = Sink::open(true).await;
    let Some(office) = PostOffice::open(refusing.port) else { return };
    let home = tempfile::tempdir().unwrap();
    let ours = OurKey::of(home.path(), "例示CSIRT", &address("csirt@csirt.example")).unwrap();
    let theirs = Gnupg::with_key("abuse@isp.example");
    theirs.run(&["--import"], ours.armoured().unwrap().as_bytes());
    let their_key = String::from_utf8(theirs.run(&["--armor", "--export", "abuse@isp.example"], b"").0).unwrap();
    let recipient = Recipient::read(&their_key, crate::pipeline::now()).unwrap();

    let settings = config(&office, "abuse");
    let desk_settings = config(&office, USER);
    let relay = Relay::new(settings.mail.as_ref().unwrap(), settings.smtp.as_ref().unwrap()).unwrap();
    relay.try_out().await.unwrap();
    let isp_box = settings.answers.unwrap().imap.unwrap();
    let our_box = desk_settings.answers.unwrap().imap.unwrap();

    // out: one signed and encrypted, one signed, one to a mailbox that does not exist
    let [encrypted, signed, lost] = [1, 2, 3].map(|n| Token::from_random([n; 10]));
    let mail = notice(&encrypted, "abuse@isp.example", |mail| sign_and_encrypt(mail, &ours, &recipient, OsRng).unwrap());
    must_go(&relay, outgoing("csirt@csirt.example", "abuse@isp.example", &encrypted.envelope_id(1), mail), &office).await;
    let mail = notice(&signed, "abuse@isp.example", |mail| sign(mail, &ours, OsRng).unwrap());
    must_go(&relay, outgoing("csirt@csirt.example", "abuse@isp.example", &signed.envelope_id(1), mail), &office).await;
    // reports go to the sender of the envelope: the desk
    let mail = notice(&lost, "gone@gone.example", |mail| sign(mail, &ours, OsRng).unwrap());
    let desk = format!("{USER}@csirt.example");
    must_go(&relay, outgoing(&desk, "gone@gone.example", &lost.envelope_id(1), mail), &office).await;

    // there: GnuPG decrypts and verifies
    let mut cursor = Cursor::default();
    let mut came = fetch(&isp_box, &mut cursor, 2, &office).await;
    came.sort_by_key(|mail| !String::from_utf8_lossy(&mail.bytes).contains("multipart/encrypted"));
    let armour = Mail::read(&came[0].bytes).parts[1].bytes().into_owned();
    let (plain, status) = theirs.run(&["--decrypt"], &armour);
    for word in ["DECRYPTION_OKAY", "GOODMDC", "GOODSIG", &format!("VALIDSIG {}", ours.fingerprint())] {
        assert!(status.contains(word), "{word}: {status}");
    }
    let inside = Mail::read(&plain);
    assert_eq!(inside.parts[0].text(), TEXT.replace('\n', "\r\n"));
    assert_eq!(inside.parts[1].name, "events.csv");
    let [content, signature] = pieces(&came[1].bytes).unwrap()[..] else { panic!("no two parts") };
    let signature_file = home.path().join("signature.asc");
    std::fs::write(&signature_file, Mail::read(signature).parts[0].bytes()).unwrap();
    let (_, status) = theirs.run(&["--verify", &signature_file.display().to_string(), "-"], content);
    assert!(status.contains("GOODSIG"), "{status}");
    let read = async |from: Cursor, largest: u32, at_most: usize| {
        imap::take(&isp_box, from, largest, at_most, |_, _| std::future::ready(Ok(()))).await.unwrap()
    };
    assert_eq!(read(cursor, 1 << 20, 10).await.mails, 0, "nothing is read twice");
    let renumbered = Cursor { validity: cursor.validity.wrapping_add(1), last: 1000 };
    assert_eq!(read(renumbered, 1 << 20, 10).await.mails, 2, "a mailbox numbered anew is read anew");
    let one = read(Cursor::default(), 1 << 20, 1).await;
    assert!(one.mails == 1 && one.more);
    let none = read(Cursor::default(), 100, 10).await;
    assert!(none.mails == 0 && none.left.len() == 2 && none.left[0].1.contains("more than the 100"), "{none:?}");
    let locked = |_, _| std::future::ready(Err(anyhow::anyhow!("the register is locked")));
    assert!(imap::take(&isp_box, Cursor::default(), 1 << 20, 10, locked).await.is_err());

    // back: encrypted and signed by GnuPG, in plain words, automatic
    let inner = "Content-Type: text/plain; charset=utf-8\r\n\r\n修正済みです。\r\n> 192.0.2.1\r\n";
    let (armour, _) =
        theirs.run(&["--armor", "--sign", "--encrypt", "-u", "abuse@isp.example", "-r", "csirt@csirt.example"], inner.as_bytes());
    let armour = String::from_utf8(armour).unwrap().replace('\n', "\r\n");
    let reply = |token: &Token| {
        format!("From: abuse@isp.example\r\nTo: {}\r\nMessage-ID: <{token}@isp.example>\r\n", token.reply_to(&address(&desk)).unwrap())
    };
    let sealed = format!(
        "{}MIME-Version: 1.0\r\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n--b\r\n\
         Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n{armour}\r\n--b--\r\n",
        reply(&encrypted)
    );
    let plain = format!("{}Subject: Re: notice\r\n\r\nNOT OURS\r\n\r\n> FIXED\r\n", reply(&signed));
    let away = format!("{}Auto-Submitted: auto-replied\r\n\r\nFIXED\r\n", reply(&lost));
    for mail in [sealed, plain, away] {
        let to = Mail::read(mail.as_bytes());
        let to = formats::mail_fields::Fields::read(mail.as_bytes()).addresses("To").pop().unwrap_or_else(|| panic!("{to:?}"));
        must_go(&relay, outgoing("abuse@isp.example", &to, "answer-1", mail.into_bytes()), &office).await;
    }
    let mut cursor = Cursor::default();
    let came = fetch(&our_box, &mut cursor, 4, &office).await;
    let known = keys([their_key.as_str()]);
    let mut understood = Vec::new();
    for mail in &came {
        let opened = open(&mail.bytes, &ours, &known, crate::pipeline::now()).unwrap();
        let answer = Answer::read(&opened.mail, &address(&desk));
        understood.push((answer.about, answer.says, opened.encrypted, opened.signed_by));
    }
    let of = |token: &Token, place| About::Notice(token.clone(), place);
    let theirs = Some(theirs.fingerprint("abuse@isp.example"));
    let has = |about: &About, says: &dyn Fn(&Says) -> bool, encrypted: bool, by: &Option<String>| {
        assert!(understood.iter().any(|u| u.0 == *about && says(&u.1) && u.2 == encrypted && u.3 == *by), "{about:?}: {understood:#?}");
    };
    let to_desk = FoundIn::ReplyAddress;
    has(&of(&encrypted, to_desk), &|says| *says == Says::Reply(Reply::Fixed), true, &theirs);
    has(&of(&signed, to_desk), &|says| *says == Says::Reply(Reply::NotOurs), false, &None);
    has(&of(&lost, to_desk), &|says| matches!(says, Says::Automatic(_)), false, &None);
    let failed = |says: &Says| matches!(says, Says::Delivery(Delivery::Failed, who) if who[0].address == "gone@gone.example" && who[0].status.is_some_and(|s| s.no_such_address()));
    has(&of(&lost, FoundIn::EnvelopeId), &failed, false, &None);

    // the same mailbox as a Maildir
    let mut count = 0;
    let folder = office.path("mail").join("maildir-user");
    must_go(&relay, outgoing(&desk, "maildir-user@csirt.example", "x-1", b"Subject: x\r\n\r\nx\r\n".to_vec()), &office).await;
    let began = Instant::now();
    while count == 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", office.log());
        if Path::new(&folder.join("new")).is_dir() {
            maildir::take(&folder, 1 << 20, 10, |_| {
                count += 1;
                Ok(())
            })
            .unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(maildir::take(&folder, 1 << 20, 10, |_| panic!("twice")).unwrap().mails, 0);
}

#[tokio::test]
async fn a_certificate_that_is_not_the_named_one_is_refused() {
    let Some(office) = PostOffice::open(1) else { return };
    let other = office.path("other.pem");
    let (key, certificate) = (office.path("other.key").display().to_string(), other.display().to_string());
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ])
        .output()
        .unwrap();
    assert!(made.status.success());
    let mut settings = config(&office, "abuse");
    let smtp = settings.smtp.as_mut().unwrap();
    smtp.ca = Some(other.clone());
    let relay = Relay::new(settings.mail.as_ref().unwrap(), settings.smtp.as_ref().unwrap()).unwrap();
    let words = relay.try_out().await.unwrap_err();
    assert_eq!(words.stage, super::smtp::Stage::Tls, "{words}");
    let mut imap = settings.answers.unwrap().imap.unwrap();
    imap::try_out(&imap).await.unwrap();
    imap.ca = Some(other);
    assert!(imap::try_out(&imap).await.is_err());
}
