//! A PostgreSQL server of the demonstration's own: its files in a temporary folder, reached by a socket in it, and gone
//! with it.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use secrecy::SecretString;

use super::{Failure, broken};

/// Who runs it where the demonstration is run as root, whom PostgreSQL refuses.
const USER: &str = "postgres";

/// A running server; stopped and removed when it is dropped.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    programs: PathBuf,
}

impl Server {
    /// Makes one, which nobody but this user (and root) can reach.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or does not start.
    pub(crate) fn start() -> Result<Self, Failure> {
        let programs = programs(Path::new("/"), std::env::var_os("PATH").as_deref())?;
        let folder = tempfile::Builder::new().prefix("awa-bridge-demo-").tempdir();
        let folder = folder.map_err(|error| broken("no temporary folder", &error))?;
        let server = Self { folder, programs };
        if is_root() {
            let given = Command::new("chown").arg(USER).arg(server.folder.path()).output();
            succeeded("give its folder to the user postgres", given)?;
        } else {
            let mode = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(server.folder.path(), mode)
                .map_err(|error| broken("no temporary folder", &error))?;
        }
        let data = server.data();
        let made = ["-D", &data, "-U", "bridge", "-A", "trust", "-E", "UTF8", "--no-sync"];
        succeeded("make a database", server.run("initdb", &made))?;
        let socket = server.folder.path().display();
        let settings = format!(
            "-c listen_addresses='' -c unix_socket_directories='{socket}' -c unix_socket_permissions=0700"
        );
        let log = format!("{socket}/log");
        let start = ["-D", &data, "-l", &log, "-o", &settings, "-w", "-t", "60", "start"];
        let started = server.run("pg_ctl", &start);
        if !started.as_ref().is_ok_and(|started| started.status.success()) {
            let log = std::fs::read_to_string(log).unwrap_or_default();
            let last = log.lines().last().unwrap_or("pg_ctl cannot be run").to_owned();
            return Err(broken("the database does not start", &last));
        }
        Ok(server)
    }

    /// How it is reached.
    pub(crate) fn url(&self) -> SecretString {
        let folder: String = self
            .folder
            .path()
            .to_string_lossy()
            .bytes()
            .map(|byte| match byte.is_ascii_alphanumeric() || byte == b'-' {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            })
            .collect();
        SecretString::from(format!("postgres://bridge@{folder}/postgres"))
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> std::io::Result<Output> {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).current_dir("/").stdin(Stdio::null());
        // What goes on in the background must not hold the pipe of its output.
        if arguments.contains(&"start") {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        command.output()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of it is kept, so nothing is written any more.
        drop(self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]));
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn succeeded(what: &str, done: std::io::Result<Output>) -> Result<(), Failure> {
    let done = done.map_err(|error| broken(&format!("cannot {what}"), &error))?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(broken(&format!("cannot {what}"), &said.trim()))
}

/// The folder of the newest server's programs: where Debian and the packages of postgresql.org have them, else of the
/// first on the path.
fn programs(root: &Path, path: Option<&OsStr>) -> Result<PathBuf, Failure> {
    let has = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file();
    let under = |folder: &str| std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
    let version = |name: &OsStr| -> Option<u32> {
        name.to_string_lossy().trim_start_matches("pgsql-").parse().ok()
    };
    let named = |folder: std::fs::DirEntry| {
        Some((version(&folder.file_name())?, folder.path().join("bin")))
    };
    let found = under("usr/lib/postgresql").chain(under("usr")).filter_map(named);
    let newest = found.filter(|(_, folder)| has(folder)).max().map(|(_, folder)| folder);
    newest.or_else(|| std::env::split_paths(path?).find(has)).ok_or_else(|| {
        Failure::Broken(
            "PostgreSQL's server is not installed here (package postgresql on Debian, postgresql-server on Fedora and RHEL); \
             install it, or give a database: --postgres postgres://user@host/database"
                .to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(root: &Path, folder: &str) {
        let folder = root.join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        for program in ["initdb", "pg_ctl"] {
            std::fs::write(folder.join(program), "").unwrap();
        }
    }

    #[test]
    fn the_newest_server_is_used_and_without_one_it_is_said_what_to_install() {
        let root = tempfile::tempdir().unwrap();
        let none = programs(root.path(), None).unwrap_err().to_string();
        assert!(none.contains("package postgresql") && none.contains("--postgres"), "{none}");
        installed(root.path(), "own");
        let path = root.path().join("own");
        assert_eq!(programs(root.path(), Some(path.as_os_str())).unwrap(), path);
        installed(root.path(), "usr/lib/postgresql/9/bin");
        installed(root.path(), "usr/lib/postgresql/15/bin");
        assert!(programs(root.path(), None).unwrap().ends_with("postgresql/15/bin"));
        installed(root.path(), "usr/pgsql-16/bin");
        assert!(programs(root.path(), None).unwrap().ends_with("pgsql-16/bin"));
    }
}
