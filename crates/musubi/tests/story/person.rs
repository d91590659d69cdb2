//! Somebody at a browser: comes by a link or signs in, follows links by their words, fills in forms, reads what the page says.

use std::time::{Duration, Instant};

use serde_json::Value;
use thirtyfour::prelude::*;

use crate::browser::Browser;
use crate::story::server::Server;
use crate::story::visitor::PASSWORD;

/// How long a page may take to say something.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody, at the page that their browser shows.
pub(crate) struct Person {
    pub(crate) browser: Browser,
    base: String,
}

impl Person {
    pub(crate) fn at(browser: Browser, server: &Server) -> Self {
        let mut person = Self { browser, base: String::new() };
        person.moves_to(server);
        person
    }

    /// The same browser at another server: of another day.
    pub(crate) fn moves_to(&mut self, server: &Server) {
        self.base = format!("http://localhost:{}", server.address.port());
    }

    pub(crate) async fn goes(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.base)).await;
    }

    /// Makes an account by a link that somebody gave.
    pub(crate) async fn comes_by(&self, link: &str, name: &str, shown: &str) {
        let key = link.split_once("key=").expect("a link with a key").1;
        self.goes(&format!("/welcome?key={key}")).await;
        self.browser.fill("name", name).await;
        self.browser.fill("shown", shown).await;
        self.browser.fill("password", PASSWORD).await;
        self.browser.press("button.first").await;
        self.browser.leaves("/welcome").await;
    }

    pub(crate) async fn signs_in(&self, name: &str) {
        self.goes("/sign-in").await;
        self.browser.fill("name", name).await;
        self.browser.fill("password", PASSWORD).await;
        self.browser.press("form[action='/sign-in'] button").await;
        self.browser.leaves("/sign-in").await;
    }

    pub(crate) async fn signs_out(&self) {
        self.browser.press("details.person summary").await;
        self.browser.press("details.person form button").await;
        self.browser.shows("the sign-in page", "form[action='/sign-in']").await;
    }

    /// Follows the first link of the page's own part with these words in it.
    pub(crate) async fn follows(&self, words: &str) {
        let before = self.address().await;
        self.clicks(&format!("//main//a[contains(., {})]", quoted(words))).await;
        self.until(&format!("somewhere else than {before} after {words:?}"), async || self.address().await != before).await;
    }

    /// Presses the button with these words, opening what it is folded into.
    pub(crate) async fn presses(&self, words: &str) {
        let folded = format!("//main//details[not(@open)][.//button[contains(., {})]]/summary", quoted(words));
        if let Ok(summary) = self.browser.page.find(By::XPath(folded)).await {
            summary.click().await.unwrap();
        }
        self.sends(async || self.clicks(&format!("//main//button[contains(., {})]", quoted(words))).await).await;
    }

    /// Does what sends a form, and waits for the page that answers.
    async fn sends(&self, act: impl AsyncFn()) {
        self.browser.page.execute("document.documentElement.dataset.before = '1'", vec![]).await.unwrap();
        act().await;
        self.browser.shows("the answer to a form", "html:not([data-before]) footer").await;
    }

    async fn clicks(&self, xpath: &str) {
        let began = Instant::now();
        loop {
            let found = self.browser.page.find(By::XPath(xpath)).await;
            let done = match found {
                Ok(found) => found.click().await,
                Err(error) => Err(error),
            };
            let Err(error) = done else { return };
            assert!(began.elapsed() < PATIENCE, "{xpath} cannot be clicked: {error}\n{}", self.browser.text().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Writes into the field with this selector.
    pub(crate) async fn writes(&self, selector: &str, text: &str) {
        self.unfolds(selector).await;
        let field = self.browser.page.find(By::Css(selector)).await.unwrap_or_else(|error| panic!("{selector}: {error}"));
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Chooses an option of a list.
    pub(crate) async fn chooses(&self, selector: &str, value: &str) {
        self.unfolds(selector).await;
        self.browser.press(&format!("{selector} option[value='{value}']")).await;
    }

    /// Opens what a field is folded into.
    async fn unfolds(&self, selector: &str) {
        let open = "document.querySelector(arguments[0])?.closest('details:not([open])')?.querySelector('summary').click()";
        self.browser.page.execute(open, vec![Value::from(selector)]).await.unwrap();
    }

    /// Gives files to a form, as if they were chosen.
    pub(crate) async fn gives(&self, selector: &str, paths: &[std::path::PathBuf]) {
        let paths: Vec<String> = paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        self.browser.page.find(By::Css(selector)).await.unwrap().send_keys(paths.join("\n")).await.unwrap();
    }

    /// Waits until the page says something.
    pub(crate) async fn reads(&self, words: &str) {
        self.until(&format!("{words:?} on the page"), async || self.browser.text().await.contains(words)).await;
    }

    /// The page is there and does not say it.
    pub(crate) async fn misses(&self, words: &str) {
        self.browser.shows("a page", "footer").await;
        let text = self.browser.text().await;
        assert!(!text.contains(words), "{words:?} in {text}");
    }

    /// The text of what a selector names.
    pub(crate) async fn text_of(&self, selector: &str) -> String {
        self.browser.shows(selector, selector).await;
        let read = "return document.querySelector(arguments[0]).textContent";
        let text = self.browser.page.execute(read, vec![Value::from(selector)]).await.unwrap();
        text.json().as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn counts(&self, selector: &str) -> u64 {
        let count = "return document.querySelectorAll(arguments[0]).length";
        self.browser.page.execute(count, vec![Value::from(selector)]).await.unwrap().json().as_u64().unwrap()
    }

    /// Path and query of the page.
    pub(crate) async fn address(&self) -> String {
        let url = self.browser.page.current_url().await.unwrap();
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// The status of a request that a page of ours makes.
    pub(crate) async fn asks(&self, method: &str, path: &str, form: &str) -> u64 {
        let ask = "const done = arguments[arguments.length - 1]; const [method, path, form] = arguments; fetch(path, {method, redirect: 'manual', \
                   body: method === 'GET' ? undefined : new URLSearchParams(form)}).then(answer => done(answer.status), error => done(String(error)))";
        let told = self.browser.page.execute_async(ask, [method, path, form].map(Value::from).to_vec()).await.unwrap();
        told.json().as_u64().unwrap_or_else(|| panic!("{method} {path}: {}", told.json()))
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !is_so().await {
            assert!(began.elapsed() < PATIENCE, "not {what}: {} {}", self.address().await, self.browser.text().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    // By keys alone.

    async fn types(&self, keys: impl Into<thirtyfour::TypingData>) {
        self.browser.page.action_chain().send_keys(keys).perform().await.unwrap();
    }

    /// Goes on with the tabulator until this has the focus; whatever has it on the way can be seen to have it.
    pub(crate) async fn tabs_to(&self, selector: &str) {
        self.browser.shows(selector, selector).await;
        let stands = "const here = document.activeElement; const box = here.getBoundingClientRect(); const style = getComputedStyle(here); \
                      return [here.matches(arguments[0]), here.tagName === 'BODY' || style.outlineStyle !== 'none' || here.closest('svg') !== null, \
                      here.tagName === 'BODY' || (box.bottom > 0 && box.top < innerHeight), here.outerHTML.slice(0, 120)]";
        for _ in 0..400 {
            self.types(Key::Tab).await;
            let told = self.browser.page.execute(stands, vec![Value::from(selector)]).await.unwrap();
            let told = told.json();
            assert_eq!((&told[1], &told[2]), (&Value::Bool(true), &Value::Bool(true)), "the focus is not to be seen: {}", told[3]);
            if told[0] == true {
                return;
            }
        }
        panic!("no way by keys to {selector}: {}", self.browser.text().await);
    }

    /// Goes to a link by keys and follows it.
    pub(crate) async fn tabs_through(&self, selector: &str) {
        self.tabs_to(selector).await;
        self.sends(async || self.types(Key::Enter).await).await;
    }

    /// Goes to a field by keys and writes.
    pub(crate) async fn tabs_and_writes(&self, selector: &str, text: &str) {
        self.tabs_to(selector).await;
        self.types(text).await;
    }

    /// Sends the form of the field that has the focus.
    pub(crate) async fn enters(&self) {
        self.sends(async || self.types(Key::Enter).await).await;
    }

    /// Makes an account by a link, its address typed where addresses are typed, and by keys from there on.
    pub(crate) async fn comes_by_keys(&self, link: &str, name: &str, shown: &str) {
        let key = link.split_once("key=").expect("a link with a key").1;
        self.goes(&format!("/welcome?key={key}")).await;
        self.tabs_and_writes("#name", name).await;
        self.tabs_and_writes("#shown", shown).await;
        self.tabs_and_writes("#password", PASSWORD).await;
        self.tabs_through("main form[action='/welcome'] button").await;
        self.browser.leaves("/welcome").await;
    }

    /// Signs in by keys: the name, the password, the button.
    pub(crate) async fn signs_in_by_keys(&self, name: &str) {
        self.goes("/sign-in").await;
        self.tabs_and_writes("#name", name).await;
        self.tabs_and_writes("#password", PASSWORD).await;
        self.tabs_through("main form[action='/sign-in'] button").await;
        self.browser.leaves("/sign-in").await;
    }

    /// Opens the menu of the one who is signed in, and leaves by its button.
    pub(crate) async fn signs_out_by_keys(&self) {
        self.tabs_to("details.person summary").await;
        self.types(Key::Enter).await;
        self.browser.shows("the menu", "details.person[open]").await;
        self.tabs_through("details.person form[action='/sign-out'] button").await;
        self.browser.shows("the sign-in page", "form[action='/sign-in']").await;
    }

    /// The first stop of a page leads past everything that stands on all of them: what comes next belongs to this page.
    pub(crate) async fn skips_to_the_page(&self) {
        self.tabs_to("a.skip").await;
        self.types(Key::Enter).await;
        let arrived = "return document.activeElement.id === 'main' && location.hash === '#main'";
        self.until("in the page's own part", async || {
            self.browser.page.execute(arrived, vec![]).await.unwrap().json() == &Value::Bool(true)
        })
        .await;
        let next = "const own = document.querySelector('main a[href], main button, main input:not([type=hidden]), main select, main textarea, main summary'); \
                    return own === null || document.querySelector('main').contains(document.activeElement)";
        self.types(Key::Tab).await;
        assert!(
            self.browser.page.execute(next, vec![]).await.unwrap().json() == &Value::Bool(true),
            "{}: the link past the ways leads nowhere",
            self.address().await
        );
    }

    pub(crate) async fn ends(self) {
        self.browser.end().await;
    }
}

/// A text in an XPath.
fn quoted(words: &str) -> String {
    assert!(!words.contains('"'), "{words}");
    format!("\"{words}\"")
}
