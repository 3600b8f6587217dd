//! A secret where none belongs, in any shape, is shown by nothing: not by `check`, not by the daemon, its log or its
//! health. What is shown is where to look.

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Home, defaults, root, run};

/// As a person might have chosen it; no word that the program knows.
const MARKER: &str = "hunter2-Real-Secret";

/// Shapes in which a value may be wrong.
const SHAPES: [&str; 12] = [
    "\"hunter2-Real-Secret\"",
    "[\"hunter2-Real-Secret\"]",
    "[[\"hunter2-Real-Secret\"]]",
    "{ hunter2-Real-Secret = 1 }",
    "{ value = \"hunter2-Real-Secret\" }",
    "{ env = \"hunter2-Real-Secret\" }",
    "{ file = \"hunter2-Real-Secret\" }",
    "{ credential = \"hunter2-Real-Secret\" }",
    "{ env = [\"hunter2-Real-Secret\"] }",
    "{ key = \"hunter2-Real-Secret\", scheme = \"hunter2-Real-Secret\" }",
    "\"https://user:hunter2-Real-Secret@example.com/x\"",
    "\"\\nhunter2-Real-Secret\"",
];

/// Keys whose text is a name or a path, right as it is and shown as what it is.
const NAMES: [&str; 4] =
    ["mappings.directory", "store.path", "admin.token_file", "sources.native.contact_center"];

/// Keys that have no default, with a value that is right.
const OPTIONAL: [&str; 16] = [
    "intake.public_url",
    "intake.tls",
    "intake.tls.certificate",
    "intake.tls.key",
    "admin.token",
    "servicenow.instance",
    "servicenow.auth",
    "servicenow.client_certificate",
    "servicenow.client_certificate.key",
    "servicenow.channels",
    "servicenow.proxy",
    "servicenow.ca",
    "sources.native.vendor",
    "sources.native.secrets",
    "sources.native.verify",
    "sources.native.options",
];

const VERIFY: &str = "{ scheme = \"hmac\", header = \"x-s\", algorithm = \"sha256\", encoding = \"hex\", KEY = VALUE }";

#[test]
fn no_wrong_place_of_the_configuration_makes_check_tell_a_secret() {
    let home = home_of_one_profile("http://127.0.0.1:9");
    let good = std::fs::read_to_string(home.config()).expect("the configuration");
    let good: toml::Table = toml::from_str(&good).expect("it is TOML");
    let mut keys: Vec<String> = OPTIONAL.map(str::to_owned).to_vec();
    for (section, inner) in &defaults() {
        keys.push(section.clone());
        keys.extend(
            inner.as_table().expect("a section").keys().map(|key| format!("{section}.{key}")),
        );
    }
    let mut reported = 0;
    let keys = keys.iter().filter(|key| !NAMES.contains(&key.as_str()));
    for (place, key) in keys.enumerate() {
        // Each shape with many keys, each key with some shapes: a process for each is slow.
        for shape in SHAPES.iter().skip(place % 3).step_by(3) {
            reported +=
                u32::from(check(&home, &placed(&good, key, shape), &format!("{key} = {shape}")));
        }
    }
    for key in [
        "key",
        "algorithm",
        "encoding",
        "header",
        "message",
        "unit",
        "tolerance",
        "prefix",
        "timestamp",
        "made_up",
    ] {
        for shape in SHAPES {
            let verify = VERIFY.replace("KEY", key).replace("VALUE", shape);
            // A key that is there already takes the place of the good one.
            let verify = match key {
                "header" | "algorithm" | "encoding" => {
                    let mut table: toml::Table = toml::from_str("scheme = \"hmac\"\nheader = \"x-s\"\nalgorithm = \"sha256\"\nencoding = \"hex\"").expect("TOML");
                    table.insert(key.to_owned(), value(shape));
                    toml::Value::Table(table).to_string()
                }
                _ => verify,
            };
            reported +=
                u32::from(check(&home, &placed(&good, "sources.native.verify", &verify), &verify));
        }
    }
    assert!(reported > 150, "only {reported} were refused");
    // Text that is no TOML at all.
    for line in [
        format!("password = {MARKER}"),
        MARKER.to_owned(),
        format!("x = \"{MARKER}"),
        format!("[{MARKER}\nx = 1"),
    ] {
        let text = format!("{good}\n{line}\n");
        assert!(check(&home, &text, &line), "{line}");
    }
}

#[test]
fn no_wrong_place_of_a_profile_makes_check_tell_a_secret() {
    let home = home_of_one_profile("http://127.0.0.1:9");
    let folder = home.directory.path().join("mappings/vendors/native");
    let shipped = root().join("mappings/vendors/native");
    let profile = std::fs::read_to_string(shipped.join("vendor.toml")).expect("a profile");
    let profile: toml::Table = toml::from_str(&profile).expect("it is TOML");
    let config = std::fs::read_to_string(home.config()).expect("the configuration");
    for key in [
        "request",
        "request.decode",
        "request.content_types",
        "request.max_body",
        "request.json_fields",
        "request.event_type",
        "verify",
        "verify.scheme",
        "verify.tolerance",
        "verify.key",
        "handshake",
        "answer",
        "answer.accepted",
        "answer.deadline",
        "answer.overload",
        "options",
        "rings",
        "hand_over",
        "made_up",
    ] {
        for shape in SHAPES {
            std::fs::write(folder.join("vendor.toml"), placed(&profile, key, shape)).expect("it");
            check(&home, &config, &format!("{key} = {shape}"));
        }
    }
}

#[tokio::test]
async fn a_refused_start_and_a_refused_reload_tell_no_secret_either() {
    let sandbox = start_sandbox(Setup::default().switches).await;
    let home = home_of_one_profile(&sandbox.url());
    let good = std::fs::read_to_string(home.config()).expect("the configuration");
    let table: toml::Table = toml::from_str(&good).expect("it is TOML");
    let daemon = home.start().await;
    for (key, value) in [
        ("sources.native.verify", VERIFY.replace("KEY", "key").replace("VALUE", SHAPES[0])),
        ("servicenow.auth", SHAPES[0].to_owned()),
        ("servicenow.instance", SHAPES[10].to_owned()),
        ("servicenow.request_timeout", SHAPES[0].to_owned()),
        ("sources.native.secrets", SHAPES[5].to_owned()),
        ("rate_limit.made_up", SHAPES[0].to_owned()),
    ] {
        std::fs::write(home.config(), placed(&table, key, &value)).expect("the configuration");
        let (status, answer) = daemon.post_admin("/v1/reload").await;
        assert_eq!(status, 422, "{key}: {answer}");
        let ready = daemon.get("/readyz").await;
        let status = daemon.get("/v1/status").await;
        let other = home.command(&["run"]).output().expect("it runs");
        let other = format!(
            "{}{}",
            String::from_utf8_lossy(&other.stdout),
            String::from_utf8_lossy(&other.stderr)
        );
        for text in [answer.to_string(), ready.to_string(), status.to_string(), daemon.log(), other]
        {
            assert!(!text.contains("hunter2"), "{key}: {text}");
        }
    }
    let mut command = home.command(&["check"]);
    std::fs::write(home.config(), good).expect("the configuration");
    command
        .env("AWA_BRIDGE_RATE_LIMIT__PER_SECOND", MARKER)
        .env("AWA_BRIDGE_SERVICENOW__AUTH", MARKER);
    let (code, out, errors) = run(&mut command);
    assert!(code == 64 && !format!("{out}{errors}").contains("hunter2"), "{out}{errors}");
}

/// A home with the profile `native` alone, and no samples of it: `check` has less to do.
fn home_of_one_profile(instance: &str) -> Home {
    let home = Home::new(instance, &Setup::default());
    let vendors = home.directory.path().join("mappings/vendors");
    std::fs::remove_dir_all(&vendors).expect("the links to the profiles");
    std::fs::create_dir_all(vendors.join("native")).expect("a folder");
    for file in ["vendor.toml", "events.jq"] {
        let shipped = root().join("mappings/vendors/native").join(file);
        std::fs::copy(shipped, vendors.join("native").join(file)).expect("a copy");
    }
    home
}

/// Whether it is refused; what is shown contains no secret in either case.
fn check(home: &Home, config: &str, what: &str) -> bool {
    std::fs::write(home.config(), config).expect("the configuration");
    let (code, out, errors) = run(&mut home.command(&["check"]));
    let reported = format!("{out}{errors}");
    assert!(!reported.to_lowercase().contains("hunter2"), "{what}: {reported}");
    assert!(code == 0 || code == 64, "{what}: {code} {reported}");
    code == 64
}

fn placed(table: &toml::Table, key: &str, shape: &str) -> String {
    fn set(table: &mut toml::Table, key: &str, value: toml::Value) {
        match key.split_once('.') {
            None => drop(table.insert(key.to_owned(), value)),
            Some((section, rest)) => {
                let inner = table.entry(section).or_insert_with(|| toml::Table::new().into());
                if !inner.is_table() {
                    *inner = toml::Table::new().into();
                }
                set(inner.as_table_mut().expect("a table"), rest, value);
            }
        }
    }
    let mut changed = table.clone();
    set(&mut changed, key, value(shape));
    changed.to_string()
}

fn value(shape: &str) -> toml::Value {
    let table: toml::Table = toml::from_str(&format!("it = {shape}")).expect("a value");
    table["it"].clone()
}
