//! The built daemon as a process, with its usual log thrown away.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use tempfile::TempDir;

use super::load::{CONNECT_KEY, KEY, cpu_micros, micros};

/// `servicenow.max_in_flight`.
pub(super) const IN_FLIGHT: usize = 64;

/// How calls to ServiceNow may go.
pub(super) enum Pace {
    /// One a second: what counts is the intake.
    Slow,
    /// As fast as they come, to that address.
    Fast(SocketAddr),
}

pub(super) struct Daemon {
    child: Child,
    pub(super) intake: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) ready_after: Duration,
    pub(super) directory: TempDir,
}

impl Daemon {
    /// Over a store of its own, or one in that directory (`state.sled`).
    pub(super) fn start(pace: &Pace, store: Option<TempDir>) -> Self {
        Self::over(pace, store.unwrap_or_else(|| tempfile::tempdir().unwrap()), "")
    }

    /// Over a store of its own with these keys of `[store]`.
    pub(super) fn remembering(pace: &Pace, store: &str) -> Self {
        Self::over(pace, tempfile::tempdir().unwrap(), store)
    }

    /// With these keys of `[store]`, after the store in that directory (`state.sled`) was moved there.
    pub(super) fn with_store_moved(pace: &Pace, directory: TempDir, store: &str) -> Self {
        let config = directory.path().join("config.toml");
        let text = configuration(directory.path(), pace, free_port(), free_port(), store);
        std::fs::write(&config, text).unwrap();
        let mut moves = Command::new(program());
        moves.arg("--config").arg(config).args(["migrate", "--from"]);
        assert!(moves.arg(directory.path().join("state.sled")).status().unwrap().success());
        Self::over(pace, directory, store)
    }

    fn over(pace: &Pace, directory: TempDir, store: &str) -> Self {
        let (intake, admin) = (free_port(), free_port());
        let config = directory.path().join("config.toml");
        std::fs::write(&config, configuration(directory.path(), pace, intake, admin, store))
            .unwrap();
        let began = micros();
        let mut child = Command::new(program())
            .args(["--log-format", "json", "--config"])
            .arg(config)
            .arg("run")
            .env_remove("RUST_LOG")
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        while TcpStream::connect(admin).is_err() || !is_ready(admin) {
            assert!(child.try_wait().unwrap().is_none(), "the daemon did not come up");
            std::thread::sleep(Duration::from_millis(2));
        }
        let ready_after = Duration::from_micros(micros() - began);
        Self { child, intake, admin, ready_after, directory }
    }

    pub(super) fn cpu_micros(&self) -> f64 {
        cpu_micros(self.child.id())
    }

    /// Resident memory.
    pub(super) fn rss_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
    }

    /// How many events were delivered so far, as the page of metrics tells; none may have ended otherwise.
    pub(super) fn delivered(&self) -> u64 {
        let page = get(self.admin, "/metrics").unwrap();
        let mut delivered = 0;
        for line in page.lines().filter(|line| line.starts_with("awa_bridge_events_total{")) {
            let count: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            if line.contains("state=\"delivered\"") {
                delivered += count;
            }
            let failed = ["dead", "expired", "superseded"];
            let failed = failed.iter().any(|state| line.contains(&format!("\"{state}\"")));
            assert!(!failed || count == 0, "{line}");
        }
        delivered
    }

    /// How many events wait for a table, as the page of metrics tells.
    pub(super) fn parked(&self) -> u64 {
        let page = get(self.admin, "/metrics").unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix("awa_bridge_parked_events "));
        line.map_or(0, |count| count.parse().unwrap())
    }

    pub(super) fn disk_mib(&self) -> u64 {
        let files = std::fs::read_dir(self.directory.path().join("state.sled")).unwrap();
        let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
        bytes / 1_048_576
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The program that is measured: the one that was built with the bench, unless `BENCH_PROGRAM` names another.
fn program() -> std::ffi::OsString {
    std::env::var_os("BENCH_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_awa-bridge").into())
}

fn is_ready(admin: SocketAddr) -> bool {
    get(admin, "/livez").is_some_and(|answer| answer.contains("200"))
}

fn get(admin: SocketAddr, path: &str) -> Option<String> {
    use std::io::{Read as _, Write as _};
    let mut stream = TcpStream::connect(admin).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn free_port() -> SocketAddr {
    awa_bridge::testing::sandbox::stable_port().unwrap().local_addr().unwrap()
}

fn configuration(
    home: &Path,
    pace: &Pace,
    intake: SocketAddr,
    admin: SocketAddr,
    store: &str,
) -> String {
    let secret = base64::engine::general_purpose::STANDARD.encode(KEY);
    let tables = home.join("mappings/sources");
    std::fs::create_dir_all(&tables).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    for (source, of) in [("native", "demo"), ("connect", "demo-connect")] {
        let link = tables.join(source);
        if !link.exists() {
            std::os::unix::fs::symlink(shipped.join("sources").join(of), link).unwrap();
        }
    }
    let vendors = home.join("mappings/vendors");
    if !vendors.exists() {
        std::os::unix::fs::symlink(shipped.join("vendors"), vendors).unwrap();
    }
    let (instance, rate) = match pace {
        Pace::Slow => (free_port(), "per_second = 1\nburst = 1"),
        Pace::Fast(awa) => (*awa, "per_second = 10000\nburst = 10000"),
    };
    format!(
        "[intake]\nlisten = \"{intake}\"\nmax_pending = 10000000\nmax_pending_per_conversation = 100000\n\
         [admin]\nlisten = \"{admin}\"\n\
         [servicenow]\ninstance = \"http://{instance}\"\nmax_in_flight = {IN_FLIGHT}\n\
         auth = {{ kind = \"basic\", username = \"bridge\", password = \"change-me\" }}\n\
         [rate_limit]\n{rate}\n[offer]\ntimeout = \"1h\"\n[store]\npath = {:?}\n{store}\n[mappings]\ndirectory = {:?}\n\
         [sources.native]\nvendor = \"native\"\nsecrets = [\"whsec_{secret}\"]\n\
         [sources.connect]\nvendor = \"amazon-connect\"\nsecrets = [\"{CONNECT_KEY}\"]\n",
        home.join("state.sled"),
        home.join("mappings")
    )
}
