//! A real browser: headless Chromium, driven by chromedriver on a port of its own and ended with its test.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;

/// A browser with one page.
pub(crate) struct Browser {
    pub(crate) page: WebDriver,
    driver: Child,
    _profile: TempDir,
}

/// What a page is looked at with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) name: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
}

pub(crate) const LOOKS: [Look; 4] = [
    Look { name: "desk", width: 1280, height: 900, dark: false },
    Look { name: "desk-dark", width: 1280, height: 900, dark: true },
    Look { name: "phone", width: 390, height: 844, dark: false },
    Look { name: "phone-dark", width: 390, height: 844, dark: true },
];

fn found(names: &[&str]) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).flat_map(|folder| names.iter().map(move |name| folder.join(name))).find(|path| path.is_file())
}

impl Browser {
    /// Starts one; none, with the reason printed, where no browser is installed.
    pub(crate) async fn start() -> Option<Self> {
        let (Some(driver), Some(chromium)) = (found(&["chromedriver"]), found(&["chromium", "chromium-browser", "google-chrome"])) else {
            eprintln!("skipped: chromium and chromedriver are not installed");
            return None;
        };
        // What drives it speaks HTTP in the clear to this machine, but is built to be told how TLS would go.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = Command::new(driver)
            .args([&format!("--port={port}"), "--allowed-ips=127.0.0.1", "--log-level=SEVERE"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "chromedriver does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        let profile = TempDir::new().unwrap();
        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_binary(&chromium.to_string_lossy()).unwrap();
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-default-apps",
            "--hide-scrollbars",
            "--window-size=1280,900",
        ] {
            wanted.add_arg(argument).unwrap();
        }
        wanted.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        let page = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await.unwrap();
        Some(Self { page, driver, _profile: profile })
    }

    /// Ends it.
    pub(crate) async fn end(mut self) {
        self.page.clone().quit().await.unwrap();
        self.driver.kill().unwrap();
        self.driver.wait().unwrap();
    }

    pub(crate) async fn open(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    /// Sets width and colours.
    pub(crate) async fn look(&self, look: Look) {
        let size = json!({"width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": look.width < 600});
        self.page.cdp().send_raw("Emulation.setDeviceMetricsOverride", size).await.unwrap();
        let scheme = if look.dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.page.cdp().send_raw("Emulation.setEmulatedMedia", media).await.unwrap();
    }

    /// Whether scripts of pages run.
    pub(crate) async fn scripts(&self, run: bool) {
        self.page.cdp().send_raw("Emulation.setScriptExecutionDisabled", json!({"value": !run})).await.unwrap();
    }

    /// The whole page as a picture.
    pub(crate) async fn picture(&self, path: &Path) {
        self.captured(path, true).await;
    }

    /// What the window shows of it.
    pub(crate) async fn window(&self, path: &Path) {
        self.captured(path, false).await;
    }

    async fn captured(&self, path: &Path, whole: bool) {
        let wanted = json!({"format": "png", "captureBeyondViewport": whole});
        let shot = self.page.cdp().send_raw("Page.captureScreenshot", wanted).await.unwrap();
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, shot["data"].as_str().unwrap()).unwrap();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) async fn fill(&self, name: &str, value: &str) {
        self.on(&format!("[name={name}]"), async |field| {
            field.clear().await?;
            field.send_keys(value).await
        })
        .await;
    }

    /// Presses what a CSS selector names.
    pub(crate) async fn press(&self, selector: &str) {
        self.on(selector, async |found| found.click().await).await;
    }

    /// Does something with what a CSS selector names; once more when the page went away under it.
    async fn on(&self, selector: &str, act: impl AsyncFn(WebElement) -> WebDriverResult<()>) {
        let began = Instant::now();
        loop {
            let done = match self.page.find(By::Css(selector)).await {
                Ok(found) => act(found).await,
                Err(error) => Err(error),
            };
            let Err(error) = done else { return };
            assert!(began.elapsed() < Duration::from_secs(30), "nothing can be done with {selector}: {error}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until something is on the page.
    pub(crate) async fn shows(&self, what: &str, selector: &str) {
        let began = Instant::now();
        while self.page.find(By::Css(selector)).await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "{what} is not there: {}", self.text().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the page is another one.
    pub(crate) async fn leaves(&self, path: &str) {
        let began = Instant::now();
        while self.path().await == path {
            assert!(began.elapsed() < Duration::from_secs(60), "still at {path}: {}", self.text().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn text(&self) -> String {
        let text = self.page.execute("return document.body ? document.body.innerText : ''", vec![]).await.unwrap();
        text.json().as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn path(&self) -> String {
        self.page.current_url().await.unwrap().path().to_owned()
    }

    /// Does it scroll sideways, or stand out of its window?
    pub(crate) async fn is_too_wide(&self) -> bool {
        let wide = self.page.execute("return document.documentElement.scrollWidth > window.innerWidth + 1", vec![]).await.unwrap();
        wide.json().as_bool().unwrap()
    }

    /// How far things moved after they were painted (W3C Layout Instability), and what moved.
    pub(crate) async fn shift(&self) -> (f64, String) {
        let watch = "const done = arguments[arguments.length - 1]; const seen = [0]; \
                     new PerformanceObserver(list => list.getEntries().forEach(entry => { seen[0] += entry.value; \
                     seen.push(...entry.sources.map(source => source.node?.outerHTML?.slice(0, 120) ?? '')); })).observe({type: 'layout-shift', buffered: true}); \
                     requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done([seen[0], seen.slice(1).join(' ')]), 50)));";
        let seen = self.page.execute_async(watch, vec![]).await.unwrap();
        let seen = seen.json();
        (seen[0].as_f64().unwrap(), seen[1].as_str().unwrap_or_default().to_owned())
    }

    /// What axe-core finds of serious or critical faults, as text; needs its source.
    pub(crate) async fn faults(&self, axe: &str) -> Vec<String> {
        self.page.execute(axe, vec![]).await.unwrap();
        let run = "const done = arguments[arguments.length - 1]; axe.run(document, {resultTypes: ['violations']}).then(done, e => done({violations: [{id: String(e), impact: 'critical', nodes: []}]}))";
        let found = self.page.execute_async(run, vec![]).await.unwrap();
        let violations = found.json()["violations"].as_array().cloned().unwrap_or_default();
        let serious = violations.iter().filter(|fault| matches!(fault["impact"].as_str(), Some("serious" | "critical")));
        serious
            .map(|fault| {
                let places: Vec<&Value> = fault["nodes"].as_array().unwrap().iter().take(3).map(|node| &node["html"]).collect();
                format!("{}: {} {places:?}", fault["id"], fault["help"])
            })
            .collect()
    }

    /// An authenticator as a device has it, which says yes at once.
    pub(crate) async fn authenticator(&self) {
        let cdp = self.page.cdp();
        cdp.send_raw("WebAuthn.enable", json!({"enableUI": false})).await.unwrap();
        let options = json!({"options": {"protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "automaticPresenceSimulation": true}});
        cdp.send_raw("WebAuthn.addVirtualAuthenticator", options).await.unwrap();
    }
}

impl Drop for Browser {
    /// Asked to end, chromedriver ends its browser too; killed, it would leave it.
    fn drop(&mut self) {
        if matches!(self.driver.try_wait(), Ok(Some(_))) {
            return;
        }
        let _ = Command::new("kill").args(["-TERM", &self.driver.id().to_string()]).status();
        let began = Instant::now();
        while matches!(self.driver.try_wait(), Ok(None)) && began.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The source of axe-core from npm, kept beside the built tests; none, with the reason printed, where npm has it not.
pub(crate) fn axe() -> Option<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe-core");
    let source = folder.join("node_modules/axe-core/axe.min.js");
    if !source.is_file() {
        std::fs::create_dir_all(&folder).unwrap();
        let done = Command::new("npm")
            .args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
            .arg(&folder)
            .arg("axe-core@4")
            .stdin(Stdio::null())
            .output();
        match done {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                eprintln!("skipped: axe-core: {}", String::from_utf8_lossy(&output.stderr));
                return None;
            }
            Err(error) => {
                eprintln!("skipped: npm: {error}");
                return None;
            }
        }
    }
    Some(std::fs::read_to_string(source).unwrap())
}
