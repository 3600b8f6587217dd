//! A PostgreSQL server of a test's own: in a temporary folder, on a free port of loopback, gone with the test.

use std::fs;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// Who runs the server where the test runs as root, whom PostgreSQL refuses.
const USER: &str = "postgres";

/// A running server.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

impl Server {
    /// Starts one with `settings` beside what a test needs; none, and says so, where PostgreSQL is not installed. With
    /// `CI=true` that is a failure.
    pub(crate) fn start(settings: &[&str]) -> Option<Self> {
        let server = Self::planned()?;
        let (data, port) = (server.data(), server.port);
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

    fn planned() -> Option<Self> {
        let Some(programs) = programs() else {
            lacks("PostgreSQL", "postgresql");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("a mode");
        Some(Self { folder, programs, port: free_port() })
    }

    /// A standby of this server; the first is `standby` in `synchronous_standby_names`. Not started yet.
    #[allow(dead_code, reason = "one of the two programs of tests uses it")]
    pub(crate) fn standby(&self) -> Self {
        let standby = Self::planned().expect("PostgreSQL is installed");
        let data = standby.data();
        let from = format!("host=127.0.0.1 port={} user=bridge", self.port);
        let copied =
            self.run("pg_basebackup", &["-D", &data, "-d", &from, "-R", "-c", "fast", "--no-sync"]);
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        let own = Path::new(&data).join("postgresql.auto.conf");
        let mut settings = fs::read_to_string(&own).expect("settings");
        settings += &format!(
            "port = {}\nunix_socket_directories = '{data}'\nsynchronous_standby_names = ''\n\
             primary_conninfo = '{from} application_name=standby'\n",
            standby.port
        );
        fs::write(own, settings).expect("settings");
        standby
    }

    /// Makes a standby the server that takes writes.
    #[allow(dead_code, reason = "one of the two programs of tests uses it")]
    pub(crate) fn promote(&self) {
        let promoted = self.run("pg_ctl", &["-D", &self.data(), "-w", "promote"]);
        assert!(promoted.status.success(), "{}", String::from_utf8_lossy(&promoted.stderr));
    }

    /// `kill -9` of its first process; the others end with it.
    #[allow(dead_code, reason = "one of the two programs of tests uses it")]
    pub(crate) fn kill(&self) {
        let file = fs::read_to_string(Path::new(&self.data()).join("postmaster.pid"));
        let file = file.expect("it runs");
        let pid = file.lines().next().expect("its process id").to_owned();
        let killed = Command::new("kill").args(["-9", &pid]).status().expect("kill runs");
        assert!(killed.success());
    }

    /// pgbouncer before it, in transaction mode; none, and says so, where it is not installed.
    #[allow(dead_code, reason = "one of the two programs of tests uses it")]
    pub(crate) fn pooled(&self) -> Option<Pooler> {
        let program = Path::new("/usr/sbin/pgbouncer");
        if !program.exists() {
            lacks("pgbouncer", "pgbouncer");
            return None;
        }
        let port = free_port();
        let settings = format!(
            "[databases]\npostgres = host=127.0.0.1 port={} user=bridge\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 12\n\
             max_client_conn = 500\n",
            self.port
        );
        let ini = self.folder.path().join("pgbouncer.ini");
        fs::write(&ini, settings).expect("settings");
        let mut command = self.command(program);
        let log = fs::File::create(self.folder.path().join("pgbouncer.log")).expect("a log");
        let child = command.arg("-q").arg(ini).stdout(Stdio::null()).stderr(log).spawn();
        let pooler = Pooler { child: child.expect("pgbouncer runs"), port };
        for _ in 0..500 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(pooler);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let log = fs::read_to_string(self.folder.path().join("pgbouncer.log"));
        panic!("pgbouncer does not listen: {}", log.unwrap_or_default());
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

    /// Its host and port.
    #[allow(dead_code, reason = "one of the two programs of tests uses it")]
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Runs a statement, and gives what psql prints of it.
    pub(crate) fn sql(&self, statement: &str) -> String {
        let url = self.url();
        let done = self.run("psql", &[&url, "-X", "-A", "-t", "-c", statement]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// A dump of the bridge's tables, as the documents say.
    #[allow(dead_code, reason = "one of the two programs of tests uses it")]
    pub(crate) fn dumped(&self) -> String {
        let file = format!("{}/bridge.dump", self.data());
        let url = self.url();
        let schema = ["--schema", "awa_bridge", "--format", "custom", "--file", &file, &url];
        let dumped = self.run("pg_dump", &schema);
        assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
        file
    }

    /// Takes in a dump, as the documents say.
    #[allow(dead_code, reason = "one of the two programs of tests uses it")]
    pub(crate) fn restore(&self, dump: &str) {
        let restored = self.run("pg_restore", &["--dbname", &self.url(), dump]);
        assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    }

    /// The folder of its files.
    pub(crate) fn data(&self) -> String {
        format!("{}/data", self.folder.path().display())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = self.command(&self.programs.join(program));
        command.args(arguments);
        // What goes on in the background must not hold the pipe of its output.
        if arguments.contains(&"start") {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        command.output().expect("PostgreSQL's programs can be run")
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/").stdin(Stdio::null()).env_remove("PGHOST");
        command
    }
}

/// A running pgbouncer.
pub(crate) struct Pooler {
    child: Child,
    port: u16,
}

impl Pooler {
    /// How a bridge reaches the server through it.
    #[allow(dead_code, reason = "one of the two programs of tests uses it")]
    pub(crate) fn url(&self) -> String {
        format!("postgres://bridge@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Says that something is not installed here. With `CI=true` that is a failure.
#[expect(clippy::print_stdout, reason = "shown of tests that fail")]
fn lacks(what: &str, package: &str) {
    println!("not run: {what} is not installed (Debian: {package})");
    let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!ci, "{what} must be installed here");
}

/// None of those that the system gives to whoever connects: until the server listens, one of them may be taken again.
fn free_port() -> u16 {
    let random = || std::hash::RandomState::new().build_hasher().finish();
    (0..100)
        .filter_map(|_| u16::try_from(10_000 + random() % 22_000).ok())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
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
