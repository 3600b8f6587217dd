//! The Debian package: what it names is there, and, where the tools are, it is built, unpacked, and its program runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::support::program::{root, run, skipped};

/// What `.ci/package` makes before it packs.
const MADE: &str = "target/";

#[test]
fn every_asset_that_the_package_names_is_there() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let deb = &manifest["package"]["metadata"]["deb"];
    let assets = deb["assets"].as_array().expect("the assets");
    let paths = assets.iter().map(|asset| asset[0].as_str().expect("a path"));
    let others = [
        deb["license-file"][0].as_str().expect("a path"),
        deb["maintainer-scripts"].as_str().expect("a path"),
        deb["systemd-units"]["unit-scripts"].as_str().expect("a path"),
        "systemd/awa-bridge.service",
        "systemd/awa-bridge.socket",
        "systemd/debian/postinst",
    ];
    let missing: Vec<_> = paths
        .chain(others)
        .filter(|path| !path.starts_with(MADE))
        .map(|path| path.split('*').next().unwrap_or_default())
        .filter(|path| !root().join(path).exists())
        .collect();
    assert!(missing.is_empty(), "not there: {missing:?}");
}

#[test]
fn the_package_is_built_unpacked_and_its_program_runs() {
    for tool in ["cargo-deb", "dpkg-deb", "dpkg-shlibdeps", "objcopy", "objdump"] {
        if Command::new(tool).arg("--version").output().is_err() {
            return skipped(&format!("{tool} is not installed"));
        }
    }
    let copy = tempfile::tempdir().expect("a temporary directory");
    copy_tree(copy.path());
    let (code, shown, errors) = run(Command::new("sh")
        .args([".ci/package", "deb", "--fast", "--offline", "--output", "package.deb"])
        .env("PREBUILT", "1")
        .env("SOURCE_DATE_EPOCH", "1750000000")
        .env_remove("CARGO_TARGET_DIR")
        .current_dir(copy.path()));
    assert_eq!(code, 0, "{shown}{errors}");
    let unpack = ["-x", "package.deb", "unpacked"];
    let (code, _, errors) = run(Command::new("dpkg-deb").args(unpack).current_dir(copy.path()));
    assert_eq!(code, 0, "{errors}");
    let unpacked = copy.path().join("unpacked");
    for file in [
        "usr/lib/systemd/system/awa-bridge.service",
        "usr/lib/systemd/system/awa-bridge.socket",
        "etc/awa-bridge/config.toml",
        "etc/awa-bridge/mappings/vendors/native/vendor.toml",
        "usr/lib/sysusers.d/awa-bridge.conf",
        "usr/share/man/man1/awa-bridge.1.gz",
        "usr/share/bash-completion/completions/awa-bridge",
        "usr/share/doc/awa-bridge/monitoring/alerts.yml",
    ] {
        let elsewhere = file.replacen("usr/lib/systemd", "lib/systemd", 1);
        assert!(unpacked.join(file).exists() || unpacked.join(elsewhere).exists(), "{file}");
    }
    let program = unpacked.join("usr/bin/awa-bridge");
    let (code, shown, _) = run(Command::new(&program).arg("--version"));
    assert_eq!((code, shown.trim()), (0, concat!("awa-bridge ", env!("CARGO_PKG_VERSION"))));
    assert!(!sections(&program).contains(".debug_info"), "the installed program is stripped");
    let unpack = ["-x", "package.ddeb", "debug"];
    let (code, _, errors) = run(Command::new("dpkg-deb").args(unpack).current_dir(copy.path()));
    assert_eq!(code, 0, "{errors}");
    let build = build_id(&program);
    let debug = format!("debug/usr/lib/debug/.build-id/{}/{}.debug", &build[..2], &build[2..]);
    assert!(sections(&copy.path().join(debug)).contains(".debug_line"), "its debug file fits it");
    let mappings = unpacked.join("etc/awa-bridge/mappings");
    let (code, shown, errors) = run(Command::new(&program)
        .arg("--config")
        .arg(unpacked.join("etc/awa-bridge/config.toml"))
        .arg("check")
        .env("AWA_BRIDGE_MAPPINGS__DIRECTORY", mappings));
    assert_eq!(code, 0, "{shown}{errors}");
}

/// The sections of a program or a debug file.
pub(crate) fn sections(file: &Path) -> String {
    let (code, shown, errors) = run(Command::new("objdump").args(["-h", "-w"]).arg(file));
    assert_eq!(code, 0, "{errors}");
    shown
}

/// What a program is known by to its debug file, in hex.
pub(crate) fn build_id(program: &Path) -> String {
    let (_, shown, errors) =
        run(Command::new("objdump").args(["-s", "-j", ".note.gnu.build-id"]).arg(program));
    // A note of the length of 16 and of 20 bytes, in lines of an address, four words and their text.
    let lines = shown.lines().filter(|line| line.starts_with(' '));
    let words: String = lines.flat_map(|line| line.split(' ').skip(2).take(4)).collect();
    words.get(32..72).unwrap_or_else(|| panic!("no build id: {shown}{errors}")).to_owned()
}

/// The tree as `.ci/package` finds it after a build, with the program of these tests in the release's place.
pub(crate) fn copy_tree(to: &Path) {
    for entry in fs::read_dir(root()).expect("the repository") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        if name == "target" || name == ".git" {
            continue;
        }
        symlink(entry.path(), to.join(&name)).expect("a link");
    }
    // These are written to, or looked for by their real path.
    fs::remove_file(to.join(".ci")).expect("the link");
    fs::create_dir(to.join(".ci")).expect("a folder");
    fs::copy(root().join(".ci/package"), to.join(".ci/package")).expect("the script");
    for file in ["Cargo.toml", "Cargo.lock"] {
        fs::remove_file(to.join(file)).expect("the link");
        fs::copy(root().join(file), to.join(file)).expect("the file");
    }
    let release = to.join("target/release");
    fs::create_dir_all(&release).expect("a folder");
    fs::copy(env!("CARGO_BIN_EXE_awa-bridge"), release.join("awa-bridge")).expect("the program");
}
