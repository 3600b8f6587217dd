//! The program itself as a process of its own: started, killed, stopped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Failure, broken};
use crate::clock;

/// How long a start may take.
const START: Duration = Duration::from_secs(60);
/// How long an end may take before it is made.
const END: Duration = Duration::from_secs(60);
/// How many lines of the log are told.
const LAST: usize = 5;

/// The daemon over one home; killed when it is dropped.
pub(super) struct Daemon {
    home: PathBuf,
    pub(super) intake: String,
    pub(super) admin: String,
    child: Option<Child>,
}

impl Daemon {
    pub(super) fn new(home: &Path, intake: String, admin: String) -> Self {
        Self { home: home.to_owned(), intake, admin, child: None }
    }

    /// Starts it and waits until it is ready; returns how long that took.
    pub(super) async fn start(&mut self) -> Result<Duration, Failure> {
        let began = clock::instant();
        let program = std::env::current_exe()
            .map_err(|error| broken("the program cannot find itself", &error))?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.home.join("daemon.log"))
            .map_err(|error| broken("no log file", &error))?;
        let also = log.try_clone().map_err(|error| broken("no log file", &error))?;
        let child = Command::new(program)
            .args(["--log-format", "json", "--config"])
            .arg(self.home.join("config.toml"))
            .arg("run")
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(also)
            .spawn()
            .map_err(|error| broken("the daemon cannot be started", &error))?;
        let child = self.child.insert(child);
        while !answers(&self.admin).await {
            let ended = child.try_wait().ok().flatten();
            if ended.is_some() || began.elapsed() > START {
                return Err(self.failed("the daemon did not come up"));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(began.elapsed())
    }

    /// SIGKILL, at once.
    pub(super) async fn kill(&mut self) -> Result<(), Failure> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill().map_err(|error| broken("the daemon cannot be killed", &error))?;
        ended(child).await
    }

    /// What is wrong, with the last lines of the log, which goes with its folder.
    pub(super) fn failed(&self, what: &str) -> Failure {
        let log = std::fs::read(self.home.join("daemon.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let mut last: Vec<&str> = log.lines().rev().take(LAST).collect();
        last.reverse();
        Failure::Broken(format!("{what}; the last that it logged:\n{}", last.join("\n")))
    }

    /// SIGTERM, and waits for the end, which comes by SIGKILL if it does not come by itself.
    pub(super) async fn stop(&mut self) -> Result<(), Failure> {
        let Some(child) = self.child.take() else { return Ok(()) };
        let pid = child.id().to_string();
        Command::new("kill")
            .args(["-s", "TERM", &pid])
            .status()
            .map_err(|error| broken("the daemon cannot be stopped", &error))?;
        ended(child).await
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

async fn ended(mut child: Child) -> Result<(), Failure> {
    let lost = |error| broken("the daemon was lost sight of", &error);
    let began = clock::instant();
    while child.try_wait().map_err(lost)?.is_none() {
        if began.elapsed() > END {
            child.kill().map_err(lost)?;
            return child.wait().map(drop).map_err(lost);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Whether the health check is answered there.
async fn answers(admin: &str) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(admin).await?;
        stream
            .write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer.starts_with(b"HTTP/1.1 200"))
    };
    tokio::time::timeout(Duration::from_secs(1), ask)
        .await
        .is_ok_and(|answer| answer.unwrap_or(false))
}
