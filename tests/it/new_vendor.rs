//! The folder of a new vendor: written whole and never over another, named by `check` until it is filled, and filled as
//! `docs/vendors.md` goes from three recorded requests to a flow, with the page's own commands.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::support::bridge::Setup;
use super::support::program::{Home, program, root, run, skipped};

#[test]
fn a_fresh_folder_holds_and_says_what_is_still_to_do() {
    let home = Home::new("http://127.0.0.1:9", &Setup::default());
    home.own_vendor("own", "[request]\ndecode = \"json\"\n", "empty");
    let (code, out, errors) = run(&mut home.command(&["new-vendor", "acme"]));
    assert_eq!(code, 0, "{errors}");
    let folder = home.directory.path().join("mappings/vendors/acme");
    assert!(out.contains("acme/flows/01-answered.json") && out.contains("acme/README.md"), "{out}");
    assert!(fs::read_to_string(folder.join("README.md")).expect("a page").starts_with("# acme\n"));

    let (code, out, errors) = run(&mut home.command(&["check"]));
    assert_eq!(code, 0, "{out}{errors}");
    assert!(out.contains("profile acme: 4 samples as expected, 1 flows end as expected"), "{out}");
    for file in [
        "vendor.toml:",
        "events.jq:",
        "samples/01-ringing.json:1:",
        "flows/01-answered.json:1:",
        "README.md:",
    ] {
        let line = format!("to do acme: {file}");
        assert!(out.contains(&line), "no {line} in {out}");
    }
    assert!(!out.contains("to do own") && !out.contains("to do native"), "{out}");

    fs::write(folder.join("events.jq"), "# mine\nempty\n").expect("a filter");
    let before = listing(&folder);
    for name in ["acme", "native", "own"] {
        let (code, _, errors) = run(&mut home.command(&["new-vendor", name]));
        assert!(
            code == 64 && errors.contains("is there already; nothing was written"),
            "{name}: {errors}"
        );
    }
    assert_eq!(listing(&folder), before);
    for name in ["", "Acme", "a/b", "..", "a b", "é"] {
        let (code, _, errors) = run(&mut home.command(&["new-vendor", name]));
        assert!(code == 64 && errors.contains("a vendor's name has"), "{name}: {errors}");
    }
    let elsewhere = home.directory.path().join("new/folder");
    let mut command = program();
    command
        .args(["new-vendor", "acme", "--dir"])
        .arg(&elsewhere)
        .current_dir(home.directory.path());
    assert_eq!(run(&mut command).0, 0, "without a configuration");
    assert!(elsewhere.join("acme/vendor.toml").exists());
}

/// Every file of a folder with its text.
fn listing(folder: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for part in ["", "samples", "flows"] {
        for entry in fs::read_dir(folder.join(part)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let text = fs::read_to_string(&path).expect("a text");
                all.push((path.display().to_string(), text));
            }
        }
    }
    all.sort();
    all
}

/// The blocks of commands of one section of the page.
fn commands(page: &str, heading: &str) -> String {
    let (_, rest) = page.split_once(heading).unwrap_or_else(|| panic!("no {heading}"));
    let section = rest.split("\n### ").next().expect("a section");
    let blocks = section.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    blocks.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_page_goes_from_three_recorded_requests_to_a_flow() {
    let home = tempfile::tempdir().expect("a folder");
    let vendors = home.path().join("mappings/vendors");
    fs::create_dir_all(&vendors).expect("a folder");
    let native = root().join("mappings/vendors/native");
    std::os::unix::fs::symlink(native, vendors.join("native")).expect("a link");
    let page = fs::read_to_string(root().join("docs/vendors.md")).expect("the page");
    let bin = Path::new(env!("CARGO_BIN_EXE_awa-bridge")).parent().expect("its folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("a path"));
    let shell = |script: &str| {
        let mut command = Command::new("bash");
        let script = format!("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}");
        command.args(["-euc", &script]).current_dir(home.path()).env("PATH", &path);
        let (code, out, errors) = run(&mut command);
        assert_eq!(code, 0, "{script}\n{out}{errors}");
        out
    };
    shell(&commands(&page, "### 1. "));
    shell(&commands(&page, "### 2. "));
    let checked = shell(&commands(&page, "### 3. "));
    assert!(
        checked.contains("to do acme: vendor.toml:") && checked.contains("Configuration is valid."),
        "{checked}"
    );
    shell(&commands(&page, "### 4. "));
    let filter = commands(&page, "### 5. ");
    let explained = shell(&filter);
    assert!(explained.contains("offer") && explained.contains("acme-support"), "{explained}");
    assert!(explained.contains("accepted"), "the whole call: {explained}");
    shell(&commands(&page, "### 6. "));
    let kept = shell(&commands(&page, "### 7. "));
    assert!(
        kept.contains("profile acme: 4 samples as expected, 1 flows end as expected"),
        "{kept}"
    );
    assert!(
        kept.contains("to do acme: README.md:") && !kept.contains("to do acme: samples"),
        "{kept}"
    );
    let done = shell(&commands(&page, "### 8. "));
    assert!(done.contains("Configuration is valid.") && !done.contains("to do"), "{done}");

    let tools = ["curl", "openssl"].map(|tool| Command::new(tool).arg("version").output().is_ok());
    if tools != [true, true] {
        return skipped("curl and openssl are needed");
    }
    let port = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("its address").port()
    };
    let (intake, admin) = (port(), port());
    let config = home.path().join("acme.toml");
    let text = fs::read_to_string(&config).expect("the configuration");
    let ports = format!(
        "[intake]\nlisten = \"127.0.0.1:{intake}\"\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n"
    );
    fs::write(&config, format!("{ports}{text}")).expect("the configuration");
    let tried = commands(&page, "### 9. ").replace("8080", &intake.to_string()).replace("sleep 2", &format!(
        "for n in $(seq 300); do curl -s http://127.0.0.1:{admin}/livez && break; sleep 0.1; done"
    ));
    // A job's number is known to an interactive shell alone.
    let tried = tried.replace("kill %1", "kill $!");
    let told = shell(&tried.replace(
        "awa-bridge --config acme.toml trace",
        "sleep 1; awa-bridge --config acme.toml trace",
    ));
    assert!(told.contains("204") && told.contains("c-1"), "{told}");
}
