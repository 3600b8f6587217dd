//! The operators' page in a real browser: what it shows, what it does, and what it lets nobody do.

mod actions;
mod picture;
mod safety;
mod views;

use std::collections::BTreeSet;

use serde_json::Value;

use super::support::bridge::{Setup, start_sandbox};
use super::support::browser::Browser;
use super::support::program::{Daemon, Home};

/// A daemon with its page open.
struct Opened {
    _sandbox: awa_bridge::testing::sandbox::Sandbox,
    home: Home,
    daemon: Daemon,
    browser: Browser,
}

impl Opened {
    /// Before anybody has signed in; none where there is no browser.
    async fn unsigned(config: &str) -> Option<Self> {
        let browser = Browser::start(1200, 1000).await?;
        let sandbox = start_sandbox(Setup::default().switches).await;
        let setup = Setup { config: config.to_owned(), ..Setup::default() };
        let home = Home::new(&sandbox.url(), &setup);
        let daemon = home.start().await;
        browser.goto(&format!("{}/", daemon.admin)).await;
        Some(Self { _sandbox: sandbox, home, daemon, browser })
    }

    /// With the token.
    async fn signed_in(config: &str) -> Option<Self> {
        let opened = Self::unsigned(config).await?;
        opened.sign_in().await;
        Some(opened)
    }

    async fn sign_in(&self) {
        self.browser.fill("#token", &self.daemon.token()).await;
        self.browser.click("Sign in").await;
        self.browser.says("#bridge", "State").await;
    }

    /// Goes on in the dialog that is open, under a name.
    async fn confirm(&self, button: &str, who: &str) {
        self.browser.fill("#confirm-who", who).await;
        self.browser.click(button).await;
    }

    /// Every address that this page has asked for.
    async fn asked(&self) -> BTreeSet<String> {
        let script = "return performance.getEntriesByType('resource').map((one) => one.name)";
        self.browser.script::<Vec<String>>(script).await.into_iter().collect()
    }

    /// How many bytes this page was answered.
    async fn fetched(&self) -> u64 {
        let script = "return performance.getEntriesByType('resource').reduce((sum, one) => sum + one.encodedBodySize, 0)";
        self.browser.script::<f64>(script).await as u64
    }
}

/// The log line with these words.
async fn logged(daemon: &Daemon, words: &str) -> Value {
    let log = daemon.says(words).await;
    let line = log.lines().find(|line| line.contains(words)).expect("it was just said");
    serde_json::from_str(line).expect("a line of JSON")
}
