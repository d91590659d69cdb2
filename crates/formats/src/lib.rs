//! How others write it: foreign bytes to exact types, and back.
//!
//! Nothing here knows Musubi, opens a file, reads a clock or panics on what it is given.
//! Readers take `impl Read` or slices and stay in constant memory.

pub mod address_table;
pub mod arf;
pub mod automatic_mail;
pub mod block_list;
pub mod csv;
pub mod delivery_status;
pub mod first_teams;
pub mod html_text;
pub mod json;
pub mod lines;
pub mod mail;
pub mod mail_address;
pub mod mail_fields;
pub mod misp;
pub mod rdap;
pub mod rpsl;
pub mod rsit;
pub mod security_txt;
pub mod shadowserver;
pub mod stix;
pub mod stix_pattern;
pub mod taxii;
mod text;
pub mod time;
pub mod tlog;
pub mod tsig;
pub mod unpack;
pub mod value;
pub mod warning_list;
pub mod xarf;
