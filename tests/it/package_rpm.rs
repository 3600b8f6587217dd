//! The RPM package: where the tools are, it is built, asked what it holds, and installed over a changed configuration.
//! Its scriptlets are run with a systemctl that writes down what it is asked.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::package::{build_id, copy_tree, sections};
use super::support::program::{root, run, skipped};

/// A folder with the packages in it.
struct Built {
    folder: TempDir,
    package: PathBuf,
    debug: PathBuf,
}

#[test]
fn the_rpm_has_the_files_of_the_deb_and_keeps_what_an_operator_changes() {
    let Some(built) = build() else { return };
    let listed = query(&built.package, &["-l"]);
    let mut listed: BTreeSet<_> = listed.lines().map(str::to_owned).collect();
    for file in expected(built.folder.path()) {
        assert!(listed.remove(&file), "{file} is not in the package");
    }
    listed.retain(|path| Path::new(path).extension().is_some());
    let of_the_rpm = ["/usr/lib/sysusers.d/awa-bridge.conf"];
    listed.retain(|path| !of_the_rpm.contains(&path.as_str()));
    listed.retain(|path| !path.ends_with(".d") && !path.contains("/etc/awa-bridge/mappings"));
    listed.retain(|path| !path.ends_with(".service") && !path.ends_with(".socket"));
    listed.remove("/usr/share/doc/awa-bridge/.github");
    assert!(listed.is_empty(), "not in the .deb: {listed:?}");

    let flags = query(&built.package, &["--queryformat", "[%{FILENAMES} %{FILEFLAGS:fflags}\n]"]);
    for line in flags.lines().filter(|line| line.starts_with("/etc/awa-bridge/")) {
        let (path, flags) = line.split_once(' ').expect("a path and its flags");
        let is_file = Path::new(path).extension().is_some();
        assert_eq!(flags.trim() == "cn", is_file, "%config(noreplace) of the files alone: {line}");
    }
    let modes = query(&built.package, &["--queryformat", "[%{FILENAMES} %{FILEMODES:perms}\n]"]);
    assert!(modes.contains("/etc/awa-bridge/credentials drwx------"), "{modes}");
    assert!(modes.contains("/usr/bin/awa-bridge -rwxr-xr-x"), "{modes}");
    let needs = query(&built.package, &["--requires"]);
    for part in ["ca-certificates", "libc.so.6", "libgcc_s.so.1"] {
        assert!(needs.contains(part), "{part}: {needs}");
    }
    assert_eq!(query(&built.package, &["--queryformat", "%{LICENSE}"]), "Apache-2.0");
}

#[test]
fn the_program_in_the_rpm_is_stripped_and_its_debug_file_fits() {
    let Some(built) = build() else { return };
    let unpacked = built.folder.path().join("unpacked");
    unpack(&built.package, &unpacked);
    unpack(&built.debug, &unpacked);
    let program = unpacked.join("usr/bin/awa-bridge");
    let (code, shown, _) = run(Command::new(&program).arg("--version"));
    assert_eq!((code, shown.trim()), (0, concat!("awa-bridge ", env!("CARGO_PKG_VERSION"))));
    let shown = sections(&program);
    assert!(!shown.contains(".debug_info") && !shown.contains(".symtab"), "{shown}");
    let build = build_id(&program);
    let debug = format!("usr/lib/debug/.build-id/{}/{}.debug", &build[..2], &build[2..]);
    assert!(sections(&unpacked.join(debug)).contains(".debug_line"), "its debug file fits it");
    let (code, shown, errors) = run(Command::new(&program)
        .arg("--config")
        .arg(unpacked.join("etc/awa-bridge/config.toml"))
        .arg("check")
        .env("AWA_BRIDGE_MAPPINGS__DIRECTORY", unpacked.join("etc/awa-bridge/mappings")));
    assert_eq!(code, 0, "{shown}{errors}");
}

#[test]
fn the_scriptlets_start_nothing_on_installation_and_restart_the_service_alone_on_an_upgrade() {
    let Some(built) = build() else { return };
    let folder = built.folder.path();
    let ran = |scriptlet: &str, installed: &str| {
        let script = query(&built.package, &["--queryformat", &format!("%{{{scriptlet}}}")]);
        let calls = folder.join("calls");
        fs::write(&calls, "").expect("a file");
        let tools = folder.join("tools");
        fs::create_dir_all(&tools).expect("a folder");
        for tool in ["systemctl", "systemd-sysusers"] {
            let path = tools.join(tool);
            let text = format!("#!/bin/sh\necho \"{tool} $*\" >>\"{}\"\nexit 1\n", calls.display());
            fs::write(&path, text).expect("a tool");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
        }
        let path = format!("{}:/usr/bin:/bin", tools.display());
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, "scriptlet", installed]).env("PATH", path);
        let (code, shown, errors) = run(&mut shell);
        assert_eq!(code, 0, "a scriptlet that fails leaves half a package: {shown}{errors}");
        fs::read_to_string(&calls).expect("the calls").lines().map(str::to_owned).collect()
    };
    let nothing: [&str; 0] = [];
    let ran = |scriptlet, installed| -> Vec<String> { ran(scriptlet, installed) };
    for installed in ["1", "2"] {
        let made = ["systemd-sysusers awa-bridge.conf", "systemctl daemon-reload"];
        assert_eq!(ran("POSTIN", installed), made);
    }
    assert_eq!(ran("PREUN", "1"), nothing, "an upgrade stops nothing");
    let upgraded = ["systemctl daemon-reload", "systemctl try-restart awa-bridge.service"];
    assert_eq!(ran("POSTUN", "1"), upgraded);
    let removed = ["systemctl disable --now awa-bridge.socket awa-bridge.service"];
    assert_eq!(ran("PREUN", "0"), removed);
    assert_eq!(ran("POSTUN", "0"), ["systemctl daemon-reload"]);
}

#[test]
fn an_upgrade_of_the_rpm_keeps_configuration_and_tables() {
    if !rustix::process::geteuid().is_root() {
        return skipped("an installation into a root of its own needs root");
    }
    let Some(built) = build() else { return };
    let system = built.folder.path().join("system");
    fs::create_dir(&system).expect("a folder");
    let rpm = |arguments: &[&str]| {
        let (code, shown, errors) =
            run(Command::new("rpm").arg("--root").arg(&system).args(arguments));
        assert_eq!(code, 0, "{shown}{errors}");
    };
    let package = built.package.to_str().expect("a path in UTF-8");
    rpm(&["--initdb"]);
    rpm(&["--install", "--nodeps", "--noscripts", package]);
    let config = system.join("etc/awa-bridge/config.toml");
    let table = system.join("etc/awa-bridge/mappings/sources/demo/queues.csv");
    let secret = system.join("etc/awa-bridge/credentials/servicenow-password");
    for file in [&config, &table, &secret] {
        fs::write(file, "mine").expect("a file");
    }
    rpm(&["--upgrade", "--force", "--nodeps", "--noscripts", package]);
    for file in [&config, &table, &secret] {
        assert_eq!(fs::read_to_string(file).expect("it is there"), "mine", "{}", file.display());
    }
    rpm(&["--erase", "--noscripts", "awa-bridge"]);
    assert!(!system.join("usr/bin/awa-bridge").exists());
    assert!(secret.exists(), "what an operator made stays");
    assert!(config.with_extension("toml.rpmsave").exists(), "what an operator changed stays");
}

/// Builds the packages as `.ci/package rpm` does; none where the tools are not there.
fn build() -> Option<Built> {
    for tool in ["rpm", "rpmbuild", "rpm2archive", "objcopy", "objdump"] {
        if Command::new(tool).arg("--version").output().is_err() {
            skipped(&format!("{tool} is not installed"));
            return None;
        }
    }
    let folder = tempfile::tempdir().expect("a temporary directory");
    copy_tree(folder.path());
    let (code, shown, errors) = run(Command::new("sh")
        .args([".ci/package", "rpm", "--fast"])
        .env("PREBUILT", "1")
        .env("SOURCE_DATE_EPOCH", "1750000000")
        .env_remove("CARGO_TARGET_DIR")
        .current_dir(folder.path()));
    assert_eq!(code, 0, "{shown}{errors}");
    let find = |part: &str| {
        let packages = fs::read_dir(folder.path().join("target/rpm")).expect("the packages");
        let mut paths = packages.map(|entry| entry.expect("an entry").path());
        let is_it = |path: &PathBuf| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.strip_prefix("awa-bridge-").is_some_and(|rest| rest.starts_with(part))
        };
        paths.find(is_it).expect("the package")
    };
    let (package, debug) = (find(env!("CARGO_PKG_VERSION")), find("debuginfo-"));
    Some(Built { folder, package, debug })
}

/// What `rpm` says of a package that is not installed.
fn query(package: &Path, arguments: &[&str]) -> String {
    let (code, shown, errors) =
        run(Command::new("rpm").args(["--query", "--package"]).args(arguments).arg(package));
    assert_eq!(code, 0, "{errors}");
    shown
}

fn unpack(package: &Path, into: &Path) {
    fs::create_dir_all(into).expect("a folder");
    let line = "rpm2archive - <\"$0\" | tar --extract --gzip";
    let (code, _, errors) =
        run(Command::new("sh").args(["-c", line]).arg(package).current_dir(into));
    assert_eq!(code, 0, "{errors}");
}

/// The paths of the .deb's assets, where the RPM has them.
fn expected(tree: &Path) -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array().expect("the assets");
    let mut files = BTreeSet::new();
    for asset in assets {
        let (from, to) = (asset[0].as_str().expect("a path"), asset[1].as_str().expect("a path"));
        let to = to.replace("zsh/vendor-completions", "zsh/site-functions");
        let (folder, pattern) = from.rsplit_once('/').unwrap_or(("", from));
        let folder = folder.trim_end_matches("/**");
        for file in matching(&tree.join(folder), pattern, from.contains("**")) {
            let below = file.strip_prefix(tree.join(folder)).expect("below it").to_owned();
            let mut path = match to.strip_suffix('/') {
                Some(to) => format!("/{to}/{}", below.display()),
                None => format!("/{to}"),
            };
            if path.contains("/man1/") {
                path.push_str(".gz");
            }
            files.insert(path);
        }
    }
    assert!(files.len() > 100, "{files:?}");
    files
}

fn matching(folder: &Path, pattern: &str, deep: bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            if deep {
                found.extend(matching(&path, pattern, deep));
            }
        } else if match pattern.split_once('*') {
            Some((start, end)) => name.starts_with(start) && name.ends_with(end),
            None => name == pattern,
        } {
            found.push(path);
        }
    }
    found
}
