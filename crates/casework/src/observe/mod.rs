//! What does this record say happened? Foreign records become events.
//!
//! One file per source. A [`Source`] recognises its reports from name and first bytes, reads them as a stream and
//! hands each event (or the reason why a row is none) to a [`Sink`] at once, so memory never grows with the report.

mod abusech_bazaar;
mod abusech_bazaar_csv;
mod abusech_feodo;
mod abusech_feodo_csv;
mod abusech_threatfox;
mod abusech_threatfox_csv;
mod abusech_urlhaus;
mod abusech_urlhaus_csv;
mod alienvault_otx;
mod alienvault_reputation;
mod anubis;
pub mod arf;
mod bambenek;
mod blocklistde;
mod breached_accounts;
mod cert_eu;
mod certstream;
mod cins;
mod cleanmx;
mod columns;
pub mod csv;
mod dataplane;
pub mod delivery;
mod dshield;
mod dshield_block;
mod dshield_sources;
mod fraunhofer_dga;
pub mod intelmq;
mod json;
mod json_record;
mod key_value;
mod list;
mod malwareurl;
mod mapped_rows;
pub mod mapping;
pub mod mapping_explain;
mod mcafee_atd;
mod microsoft_bing;
mod microsoft_ctip;
mod misp;
mod n6;
mod netlab_360;
mod openphish;
mod page;
mod phishtank;
mod phishtank_csv;
mod reading;
pub mod shadowserver;
mod shodan;
pub mod sources;
mod spamhaus_cert;
mod spamhaus_drop;
mod spamhaus_drop_text;
mod stix_bundle;
mod sucuri;
mod surbl;
mod team_cymru;
mod tor_exits;
mod turris;
mod vxvault;
mod webinspektor;
mod xarf;
pub mod xarf_mail;
mod zoneh;

use std::borrow::Cow;
use std::io::Read;

use jiff::Timestamp;

use crate::model::event::Event;

/// How sure a source is that a report is its own. The surest wins; of equals, the first in [`sources::SOURCES`].
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Likelihood {
    /// Not ours.
    No,
    /// The general readers: some events could be read from it.
    Possible,
    /// The layout fits, and nothing more telling was seen.
    Likely,
    /// Name or content say so in words.
    Certain,
}

/// What is known of a report before it is read.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// File name, inside containers the path (`mail.eml/report.zip/2026-03-23-event_sinkhole.csv`); may be a URL of origin.
    pub name: &'a str,
    /// The first bytes, at most 64 KiB.
    pub bytes: &'a [u8],
    /// `bytes` is all there is.
    pub whole: bool,
    /// Media type when a mail named one (`application/json`).
    pub media_type: Option<&'a str>,
}

impl Head<'_> {
    /// The first bytes as text, cut at the first byte that is not UTF-8; a byte order mark is skipped.
    pub fn text(&self) -> &str {
        let bytes = self.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(self.bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        }
    }

    /// The last component of the name, lower case.
    pub fn file_name(&self) -> String {
        self.name.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase()
    }

    /// The whole name, lower case: for origins such as `lists.blocklist.de/lists/ssh.txt`.
    pub fn origin(&self) -> String {
        self.name.to_ascii_lowercase()
    }
}

/// What a source may use while reading besides the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub head: Head<'a>,
    /// The feed the user named, if any.
    pub feed: Option<&'a str>,
    /// When the evidence was received. A list without any time in it says what was so on that day.
    pub received: Timestamp,
    /// Tables and mappings the user may replace without a new release.
    pub knowledge: &'a Knowledge,
}

/// What users may bring to reading: newer tables, their own mappings.
#[derive(Debug, Default)]
pub struct Knowledge {
    /// Rows of a newer Shadowserver type table; they win over the built-in ones.
    pub shadowserver: Option<formats::shadowserver::Types>,
    /// Mappings for CSV of any layout, tried in order.
    pub mappings: Vec<mapping::Mapping>,
}

/// Where in a report a record stands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Position {
    /// Number of the record in the report, from 1; a header line counts, so that it is the line an editor shows where records are lines.
    pub row: u64,
    /// Offset of the record's first byte in the decoded report.
    pub offset: u64,
}

/// Something about a report's layout that this program's tables do not know yet; reading goes on.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Drift {
    /// A Shadowserver report type that is not in the type table.
    UnknownType(String),
    /// A column that no known report of this source has.
    UnknownColumn { report: String, column: String },
}

/// The sink wants no more (it failed, or the user stopped it); the reader returns at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stop;

/// Why reading a report ended early. What came before it has been handed over.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("stopped")]
    Stopped,
    /// The report as a whole is not what its source reads.
    #[error("{0}")]
    Malformed(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<Stop> for ReadError {
    fn from(_: Stop) -> Self {
        Self::Stopped
    }
}

/// Takes what a source reads, in order.
pub trait Sink {
    /// # Errors
    /// [`Stop`] when reading should end.
    fn event(&mut self, at: Position, event: &mut Event<'_>) -> Result<(), Stop>;

    /// A record that is no event, and why; the text names the field and value.
    ///
    /// # Errors
    /// [`Stop`] when reading should end.
    fn reject(&mut self, at: Position, reason: String) -> Result<(), Stop>;

    fn drift(&mut self, drift: Drift);
}

/// A kind of report and how to read it.
pub trait Source: Sync {
    /// The name for `--format`, lower case with hyphens: `abusech-feodo`.
    fn name(&self) -> &'static str;

    /// One line for the list of formats.
    fn about(&self) -> &'static str;

    fn recognise(&self, head: &Head<'_>) -> Likelihood;

    /// As [`Source::recognise`], for sources whose answer depends on what the user brought.
    fn recognise_with(&self, head: &Head<'_>, _knowledge: &Knowledge) -> Likelihood {
        self.recognise(head)
    }

    /// It reads mails or archives whole; they are not opened first.
    fn takes_containers(&self) -> bool {
        false
    }

    /// The feed its events belong to when neither the user nor the record names one.
    fn feed(&self, _head: &Head<'_>) -> Cow<'static, str> {
        Cow::Borrowed(self.name())
    }

    /// Its records may name a feed of their own.
    fn names_feeds(&self) -> bool {
        false
    }

    /// Reads the whole report.
    ///
    /// # Errors
    /// [`ReadError`] when the rest cannot be read; single bad records go to [`Sink::reject`] instead.
    fn read(&self, input: &mut dyn Read, context: &Context<'_>, sink: &mut dyn Sink) -> Result<(), ReadError>;
}
