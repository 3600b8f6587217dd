//! A PostgreSQL server of a test's own: in a temporary folder, on a free port of loopback, gone with the test.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Who runs the server where the test runs as root, whom PostgreSQL refuses.
const USER: &str = "postgres";

/// A running server.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

impl Server {
    /// Starts one with `settings` beside what a test needs; none, and says so, where PostgreSQL is not installed. With `CI=true`
    /// that is a failure.
    #[expect(clippy::print_stdout, reason = "shown of tests that fail")]
    pub(crate) fn start(settings: &[&str]) -> Option<Self> {
        let Some(programs) = programs() else {
            println!("not run: PostgreSQL is not installed (Debian: postgresql)");
            let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!ci, "PostgreSQL must be installed here");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("a mode");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr());
        let port = port.expect("a free port").port();
        let server = Self { folder, programs, port };
        let data = server.data();
        let made = server.run(
            "initdb",
            &["-D", &data, "-U", "bridge", "-A", "trust", "-E", "UTF8", "--no-sync"],
        );
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let own = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{data}'\n\
             shared_buffers = 32MB\nmax_connections = 200\nautovacuum_naptime = 5s\n{}\n",
            settings.join("\n")
        );
        fs::write(Path::new(&data).join("postgresql.auto.conf"), own).expect("settings");
        server.up();
        Some(server)
    }

    /// Starts it again.
    pub(crate) fn up(&self) {
        let (data, log) = (self.data(), format!("{}/log", self.data()));
        let started = self.run("pg_ctl", &["-D", &data, "-l", &log, "-w", "-t", "60", "start"]);
        let log = fs::read_to_string(log).unwrap_or_default();
        assert!(started.status.success(), "{log}");
    }

    /// Stops it as a power cut would: nothing is written any more.
    pub(crate) fn down(&self) {
        let data = self.data();
        self.run("pg_ctl", &["-D", &data, "-m", "immediate", "-w", "stop"]);
    }

    /// How a bridge reaches it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://bridge@127.0.0.1:{}/postgres", self.port)
    }

    /// Runs a statement, and gives what psql prints of it.
    pub(crate) fn sql(&self, statement: &str) -> String {
        let url = self.url();
        let done = self.run("psql", &[&url, "-X", "-A", "-t", "-c", statement]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    fn data(&self) -> String {
        format!("{}/data", self.folder.path().display())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let program = self.programs.join(program);
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).current_dir("/").stdin(Stdio::null()).env_remove("PGHOST");
        // What goes on in the background must not hold the pipe of its output.
        if arguments.contains(&"start") {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        command.output().expect("PostgreSQL's programs can be run")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.down();
    }
}

/// The folder of the newest PostgreSQL's programs.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}
