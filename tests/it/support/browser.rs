//! A real browser without a window: chromium, spoken to over WebDriver.
//!
//! The few requests of it that tests need are made here: the crates for it would have the program under test built with
//! other features of its own dependencies, or have a licence that is not allowed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, Method};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use super::bridge::http_client;
use super::eventually;
use super::program::skipped;

/// One browser after the other: each takes a processor and half a gigabyte.
static TURN: Mutex<()> = Mutex::const_new(());

/// The name under which WebDriver hands out an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys that have no letter.
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const ESCAPE: &str = "\u{e00c}";

/// What a page's own name for an element is, as far as tests go by it.
const NAME: &str = "const name = (of) => of.getAttribute('aria-label') || of.innerText.trim();";

/// A browser with one window; closed when it is dropped.
pub(crate) struct Browser {
    http: Client,
    session: String,
    chromedriver: Child,
    _profile: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// With a window of that size in pixels; none where chromium or its driver is not installed, which is said.
    pub(crate) async fn start(width: u32, height: u32) -> Option<Self> {
        let turn = TURN.lock().await;
        let there = |command: &str| {
            Command::new(command).arg("--version").output().is_ok_and(|run| run.status.success())
        };
        if !there("chromium") || !there("chromedriver") {
            skipped("chromium or its driver is not installed (Debian: chromium, chromium-driver)");
            return None;
        }
        let mut chromedriver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut lines = BufReader::new(chromedriver.stdout.take().expect("its stdout")).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        // It must not wait for a reader of what else it says.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let port = port.expect("chromedriver says on which port it listens");
        let profile = tempfile::tempdir().expect("a temporary directory");
        let arguments = json!([
            "--headless=new",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            "--hide-scrollbars",
            "--lang=en",
            // As root, and in containers, chromium has no sandbox.
            "--no-sandbox",
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.path().display()),
        ]);
        let mut browser = Self {
            http: http_client(),
            session: format!("http://127.0.0.1:{port}/session"),
            chromedriver,
            _profile: profile,
            _turn: turn,
        };
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": { "args": arguments },
        } } });
        let session = browser.tell(Method::POST, "", wanted).await.expect("chromium starts");
        browser.session += &format!("/{}", session["sessionId"].as_str().expect("a session"));
        Some(browser)
    }

    /// One request of WebDriver's; its answer, or what is wrong.
    async fn tell(&self, method: Method, path: &str, body: Value) -> Result<Value, Value> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.session));
        if method == Method::POST {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("chromedriver answers");
        let is_well = answer.status().is_success();
        let value = answer.json::<Value>().await.expect("JSON")["value"].take();
        if is_well { Ok(value) } else { Err(value) }
    }

    pub(crate) async fn goto(&self, url: &str) {
        self.tell(Method::POST, "/url", json!({ "url": url })).await.expect("it can be opened");
    }

    /// What a script returns.
    pub(crate) async fn script<T: DeserializeOwned>(&self, script: &str) -> T {
        let script = json!({ "script": script, "args": [] });
        let returned = self.tell(Method::POST, "/execute/sync", script.clone()).await;
        let returned = returned.unwrap_or_else(|error| panic!("{script}: {error}"));
        serde_json::from_value(returned).expect("what the script returns")
    }

    /// Runs a script for what it does.
    pub(crate) async fn execute(&self, script: &str) {
        self.script::<Value>(&format!("{script}; return null")).await;
    }

    /// What a script finds, once it finds an element that is shown; clicks and keys come to it as from a person.
    async fn found(&self, what: &str, script: &str) -> String {
        let script = json!({ "script": script, "args": [] });
        eventually(what, async || {
            let found = self.tell(Method::POST, "/execute/sync", script.clone()).await.ok()?;
            Some(found.get(ELEMENT)?.as_str()?.to_owned())
        })
        .await
    }

    /// The first element of that selector that is shown, once there is one.
    pub(crate) async fn element(&self, css: &str) -> String {
        let css = json!(css);
        let shown = "(of) => of.checkVisibility()";
        let script = format!("return [...document.querySelectorAll({css})].find({shown})");
        self.found(&format!("{css} on the page"), &script).await
    }

    /// Clicks on the first element of that selector that is shown.
    pub(crate) async fn click_on(&self, css: &str) {
        let element = self.element(css).await;
        let clicked =
            self.tell(Method::POST, &format!("/element/{element}/click"), json!({})).await;
        clicked.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Clicks on the first button or link that is shown and has this name.
    pub(crate) async fn click(&self, name: &str) {
        let is_it = format!("(of) => name(of) === {} && of.checkVisibility()", json!(name));
        let all = "[...document.querySelectorAll('dialog[open] button, button, a, summary')]";
        // What lies behind a dialog cannot be clicked on.
        let reached = "const open = document.querySelector('dialog[open]'); \
                       const within = (of) => !open || open.contains(of);";
        let script = format!("{NAME} {reached} return {all}.filter(within).find({is_it})");
        let script = json!({ "script": script, "args": [] });
        eventually(&format!("a button {name}"), async || {
            let found = self.tell(Method::POST, "/execute/sync", script.clone()).await.ok()?;
            let element = found.get(ELEMENT)?.as_str()?;
            // It may be drawn anew just now.
            let path = format!("/element/{element}/click");
            self.tell(Method::POST, &path, json!({})).await.ok()
        })
        .await;
    }

    /// Empties a field and types.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let element = self.element(css).await;
        let clear = self.tell(Method::POST, &format!("/element/{element}/clear"), json!({})).await;
        clear.expect("a field");
        let keys = json!({ "text": text });
        let typed = self.tell(Method::POST, &format!("/element/{element}/value"), keys).await;
        typed.expect("a field");
    }

    /// Types into what has the focus.
    pub(crate) async fn keys(&self, keys: &str) {
        let press = |key: char| {
            ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() }))
        };
        let keys: Vec<_> = keys.chars().flat_map(press).collect();
        let actions = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": keys }] });
        self.tell(Method::POST, "/actions", actions).await.expect("keys");
    }

    /// The text of an element as it is shown, once it says this.
    pub(crate) async fn says(&self, css: &str, words: &str) -> String {
        let mut last = String::new();
        for _ in 0..1_500 {
            last = self.text(css).await;
            if last.contains(words) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{css} does not say {words:?}, but {last:?}");
    }

    /// The text of an element as it is shown; empty where it is not there.
    pub(crate) async fn text(&self, css: &str) -> String {
        let css = json!(css);
        self.script(&format!(
            "const of = document.querySelector({css}); return of && of.checkVisibility() ? of.innerText : ''"
        ))
        .await
    }

    /// Another size of the window.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height });
        self.tell(Method::POST, "/window/rect", size).await.expect("a window");
    }

    /// A picture of what the window shows, as PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        use base64::Engine as _;
        let picture = self.tell(Method::GET, "/screenshot", Value::Null).await.expect("a picture");
        let picture = picture.as_str().expect("base64");
        base64::engine::general_purpose::STANDARD.decode(picture).expect("base64")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The end of the session is chromium's; chromedriver alone would leave it behind.
        let end = || {
            let at = self.session.strip_prefix("http://")?;
            let (host, path) = at.split_once('/')?;
            let mut stream = TcpStream::connect(host).ok()?;
            let request =
                format!("DELETE /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
            stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
            stream.write_all(request.as_bytes()).ok()?;
            // The first bytes of the answer come when chromium has gone.
            stream.read(&mut [0; 64]).ok()
        };
        end();
        drop(self.chromedriver.kill());
        drop(self.chromedriver.wait());
    }
}
