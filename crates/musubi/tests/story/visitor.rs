//! A browser as the server sees it: keeps cookies, sends forms, follows nothing by itself.
#![allow(dead_code, reason = "each story uses what it needs")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use super::server::{Answer, request};

/// Good enough for every account of a story.
pub(crate) const PASSWORD: &str = "knot weaver lantern 7 tides";

/// One browser.
#[derive(Debug)]
pub(crate) struct Visitor {
    address: SocketAddr,
    pub(crate) cookies: RefCell<BTreeMap<String, String>>,
}

impl Visitor {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, cookies: RefCell::default() }
    }

    /// Somebody who comes by a link and makes an account of this name.
    pub(crate) fn welcomed(address: SocketAddr, link: &str, name: &str) -> Self {
        let visitor = Self::new(address);
        let key = link.split_once("key=").expect("a link with a key").1;
        let answer = visitor.post("/welcome", &[("key", key), ("name", name), ("shown", name), ("password", PASSWORD)]);
        assert_eq!(answer.status, 303, "{}", answer.text());
        visitor
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(name).cloned()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = form.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect::<Vec<_>>().join("&");
        self.send("POST", path, &[("Content-Type", "application/x-www-form-urlencoded")], body.as_bytes())
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    /// As a page of our own sends it.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send_from("same-origin", method, path, headers, body)
    }

    /// The same from a page of this site.
    pub(crate) fn send_from(&self, site: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let cookies: Vec<String> = self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let host = format!("localhost:{}", self.address.port());
        let mut all = vec![("Host", host.as_str()), ("Sec-Fetch-Site", site)];
        if !cookies.is_empty() {
            all.push(("Cookie", &cookies));
        }
        all.extend(headers);
        let answer = request(self.address, method, path, &all, body);
        for (_, value) in answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let (name, rest) = value.split_once('=').unwrap();
            let kept = rest.split(';').next().unwrap();
            if value.contains("Max-Age=0") {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.cookies.borrow_mut().insert(name.to_owned(), kept.to_owned());
            }
        }
        answer
    }

    /// Signed in, as far as the server is concerned.
    pub(crate) fn is_in(&self) -> bool {
        self.get("/account").status == 200
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn leads_to(&self) -> &str {
        self.header("location").unwrap_or_default()
    }
}

/// As a form encodes it.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
