//! What a reload says of each key is true: what is in force works at once, and everything else is named as waiting for
//! a restart. The keys come from the program's own defaults, so that a new one cannot be forgotten here.

use awa_bridge::testing::routing::UnixMillis;
use awa_bridge::testing::sandbox::{Access, Sandbox};
use serde_json::Value;

use super::support::bridge::{Setup, http_client, start_sandbox};
use super::support::program::{Daemon, Home, defaults, root};
use super::support::{an_offer, eventually};

/// Keys of words, addresses and paths: another value that holds. Numbers, flags and durations need none.
const OTHERS: [(&str, &str); 17] = [
    ("intake.listen", "\"127.0.0.1:1\""),
    ("admin.listen", "\"127.0.0.1:2\""),
    ("servicenow.api_version", "\"v1\""),
    ("servicenow.in_doubt", "\"dead\""),
    ("servicenow.tables", "[\"interaction\"]"),
    ("servicenow.no_proxy", "[\".example.com\"]"),
    ("retry.agent_unavailable", "[\"70ms\"]"),
    ("offer.display_option", "\"card_and_tab\""),
    ("offer.after_timeout_presence", "\"0d584509c323120095ccd02422d3ae5b\""),
    ("offer.hand_over", "\"blind\""),
    ("offer.replace", "\"wait\""),
    ("withdraw.action", "\"none\""),
    ("notify.outcomes", "[\"delivered\"]"),
    ("notify.sources", "[\"native\"]"),
    ("log.filter", "\"warn,awa_bridge=info\""),
    ("store.engine", "\"postgres\""),
    ("store.postgres", "{ schema = \"another\", replicas = \"required\", means = \"plain\" }"),
];

/// Keys without a default.
const OPTIONAL: [(&str, &str); 12] = [
    ("intake.public_url", "\"https://bridge.example.com\""),
    ("intake.tls", "{ certificate = \"tls.pem\", key = \"tls.key\" }"),
    ("servicenow.instance", "\"https://example.service-now.com\""),
    ("servicenow.auth", "{ kind = \"api_key\", key = \"k\" }"),
    ("servicenow.proxy", "\"http://proxy.example.com:3128\""),
    ("servicenow.ca", "\"tls.pem\""),
    ("servicenow.channels", "{ voice = \"0d584509c323120095ccd02422d3ae5b\" }"),
    (
        "notify",
        "{ url = \"http://127.0.0.1:9/\", secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\" }",
    ),
    ("sources.native.secrets", "[\"whsec_c2hhbGwgd2UgbWVldCBhdCBub29u\"]"),
    ("sources.native.contact_center", "\"native-2\""),
    ("sources.native.pass_through_queues", "true"),
    ("sources.native.options", "{ timeout_seconds = 17 }"),
];

/// What a reload must say that it has put in force.
const IN_FORCE: [&str; 14] = [
    "rate_limit.",
    "retry.",
    "offer.",
    "withdraw.",
    "log.",
    "notify",
    "sources.",
    "servicenow.auth",
    "servicenow.request_timeout",
    "servicenow.max_in_flight",
    "intake.max_body",
    "intake.max_connections",
    "intake.header_timeout",
    "intake.idle_timeout",
];

#[tokio::test]
async fn every_key_is_said_to_be_in_force_or_to_wait_for_a_restart() {
    let (_sandbox, home, daemon) = started("").await;
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("it");
    let folder = home.directory.path();
    std::fs::write(folder.join("tls.pem"), certificate.cert.pem()).expect("a file");
    std::fs::write(folder.join("tls.key"), certificate.signing_key.serialize_pem())
        .expect("a file");
    let tables = folder.join("mappings/sources");
    copy_folder(&tables.join("native"), &tables.join("native-2"));
    let good = std::fs::read_to_string(home.config()).expect("the configuration");
    let good: toml::Table = toml::from_str(&good).expect("it is TOML");
    let optional = OPTIONAL.map(|(key, value)| (key.to_owned(), parsed(value)));
    for (key, value) in with_a_default(&good).into_iter().chain(optional) {
        let mut changed = good.clone();
        set(&mut changed, &key, value);
        std::fs::write(home.config(), changed.to_string()).expect("the configuration");
        let (status, answer) = daemon.post_admin("/v1/reload").await;
        assert_eq!(status, 200, "{key}: {answer}");
        let lines: Vec<&str> = answer["changes"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let later = lines.iter().find_map(|line| line.strip_prefix("needs a restart: "));
        let names = |line: &str| line.split([',', ' ', ':', ';']).any(|word| below(word, &key));
        let waits = later.is_some_and(names);
        let in_force = lines.iter().any(|line| !line.starts_with("needs a restart") && names(line));
        assert!(waits != in_force, "{key} has to be reported once: {answer}");
        if IN_FORCE.iter().any(|start| key.starts_with(start)) {
            assert!(in_force, "{key} is to be in force: {answer}");
        }
        std::fs::write(home.config(), good.to_string()).expect("the configuration");
        assert_eq!(daemon.post_admin("/v1/reload").await.0, 200, "{key}: back");
    }
}

#[tokio::test]
async fn a_raised_rate_is_the_rate_of_the_requests() {
    let (sandbox, home, daemon) = started("[rate_limit]\nper_second = 2\nburst = 1").await;
    let replaced = |from: &str, to: &str| {
        let text = std::fs::read_to_string(home.config()).expect("the configuration");
        std::fs::write(home.config(), text.replace(from, to)).expect("the configuration");
    };
    replaced("per_second = 2", "per_second = 200");
    replaced("burst = 1", "burst = 50");
    let (status, answer) = daemon.post_admin("/v1/reload").await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.to_string().contains("rate_limit.per_second: 2 becomes 200"), "{answer}");
    sandbox.forget_calls();
    offers(&daemon, "raised", 24).await;
    let most = most_in_a_second(&sandbox, UnixMillis(0));
    assert!(most > 2, "{most} in the fullest second, as if the limit were still 2");
    replaced("per_second = 200", "per_second = 3");
    assert_eq!(daemon.post_admin("/v1/reload").await.0, 200);
    // The second that was begun under the old limit is over.
    let lowered = awa_bridge::testing::clock::now().plus(1_000);
    offers(&daemon, "lowered", 12).await;
    let most = most_in_a_second(&sandbox, lowered);
    assert!(most <= 3, "{most} in the fullest second, above the limit of 3");
}

#[tokio::test]
async fn new_credentials_hold_from_the_reload_on_and_release_what_waits() {
    let (sandbox, home, daemon) = started("").await;
    sandbox.with_access(|access| *access = Access::nobody().with_password("bridge", "right"));
    let config = std::fs::read_to_string(home.config()).expect("the configuration");
    let password = home.directory.path().join("password");
    std::fs::write(&password, "right\n").expect("a secret");
    let inner = format!("password = {{ file = \"{}\" }}", password.display());
    let config = config.replace("password = \"change-me\"", &inner);
    std::fs::write(home.config(), &config).expect("the configuration");
    let (_, answer) = daemon.post_admin("/v1/reload").await;
    assert!(answer.to_string().contains("servicenow.auth.password"), "{answer}");
    offers(&daemon, "first", 1).await;
    // The user gets another password; the configuration file stays as it is.
    sandbox.with_access(|access| *access = Access::nobody().with_password("bridge", "newer"));
    assert_eq!(daemon.post(&an_offer("second", "c-second")).await, Some(202));
    eventually("/readyz to say so", async || {
        let ready = daemon.get("/readyz").await;
        ready["reasons"].to_string().contains("credentials").then_some(())
    })
    .await;
    std::fs::write(&password, "newer\n").expect("a secret");
    let (_, answer) = daemon.post_admin("/v1/reload").await;
    assert!(
        answer.to_string().contains("servicenow.auth.password: what it names has changed"),
        "{answer}"
    );
    assert_eq!(daemon.settled("second").await["state"], "delivered");
    let log = daemon.log();
    assert!(!log.contains("newer") && !answer.to_string().contains("newer"), "{log}");
}

#[tokio::test]
async fn a_lowered_body_limit_holds_for_the_next_request() {
    let (_sandbox, home, daemon) = started("").await;
    let mut long = an_offer("long", "c-long");
    long["channel"] = "x".repeat(40).into();
    long["note"] = "x".repeat(4_000).into();
    let config = std::fs::read_to_string(home.config()).expect("the configuration");
    let config = config.replacen("[intake]", "[intake]\nmax_body = 2048", 1);
    std::fs::write(home.config(), config).expect("the configuration");
    let (_, answer) = daemon.post_admin("/v1/reload").await;
    assert!(answer.to_string().contains("intake.max_body: 262144 becomes 2048"), "{answer}");
    assert_eq!(daemon.post(&long).await, Some(413));
    assert_eq!(daemon.post(&an_offer("short", "c-short")).await, Some(202));
}

#[tokio::test]
async fn a_profile_may_take_less_than_the_intake() {
    let setup = Setup::default();
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let vendors = home.directory.path().join("mappings/vendors");
    std::fs::remove_dir_all(&vendors).expect("the links to the profiles");
    copy_folder(&root().join("mappings/vendors/native"), &vendors.join("native"));
    let file = vendors.join("native/vendor.toml");
    let profile = std::fs::read_to_string(&file).expect("the profile");
    let limited =
        |most: usize| profile.replacen("[request]", &format!("[request]\nmax_body = {most}"), 1);
    std::fs::write(&file, limited(1_000)).expect("the profile");
    let daemon = home.start().await;
    let mut long = an_offer("long", "c-long");
    long["note"] = "x".repeat(1_000).into();
    assert_eq!(daemon.post(&long).await, Some(413));
    assert_eq!(daemon.post(&an_offer("short", "c-short")).await, Some(202));
    // More than the intake takes is not for a profile to allow.
    std::fs::write(&file, limited(1_000_000)).expect("the profile");
    assert_eq!(daemon.post_admin("/v1/reload").await.0, 200);
    long["note"] = "x".repeat(300_000).into();
    assert_eq!(daemon.post(&long).await, Some(413));
    std::fs::write(&file, limited(0)).expect("the profile");
    let (status, answer) = daemon.post_admin("/v1/reload").await;
    assert!(status == 422 && answer.to_string().contains("max_body"), "{answer}");
}

#[tokio::test]
async fn a_changed_admin_token_holds_from_the_reload_on() {
    let setup = Setup::default();
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let file = home.directory.path().join("token");
    std::fs::write(&file, "the-first-token-of-this-test\n").expect("a secret");
    let config = std::fs::read_to_string(home.config()).expect("the configuration");
    let line = format!("[admin]\ntoken = {{ file = \"{}\" }}", file.display());
    std::fs::write(home.config(), config.replacen("[admin]", &line, 1)).expect("it");
    let daemon = home.start().await;
    let ask = async |method, path: &str, token: &str| {
        let request = http_client().request(method, format!("{}{path}", daemon.admin));
        request.bearer_auth(token).send().await.expect("an answer").status().as_u16()
    };
    std::fs::write(&file, "the-second-token-of-this-test\n").expect("a secret");
    let first = "the-first-token-of-this-test";
    assert_eq!(ask(reqwest::Method::POST, "/v1/reload", first).await, 200);
    assert_eq!(ask(reqwest::Method::GET, "/v1/status", first).await, 401);
    let second = "the-second-token-of-this-test";
    assert_eq!(ask(reqwest::Method::GET, "/v1/status", second).await, 200);
}

async fn started(config: &str) -> (Sandbox, Home, Daemon) {
    let setup = Setup { config: config.to_owned(), ..Setup::default() };
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let daemon = home.start().await;
    (sandbox, home, daemon)
}

async fn offers(daemon: &Daemon, name: &str, count: usize) {
    for number in 0..count {
        let offer = an_offer(&format!("{name}-{number}"), &format!("c-{name}-{number}"));
        assert_eq!(daemon.post(&offer).await, Some(202));
    }
    for number in 0..count {
        let event = daemon.settled(&format!("{name}-{number}")).await;
        assert_eq!(event["state"], "delivered", "{event:#}");
    }
}

/// The most requests that any window of a second saw, from a moment on.
fn most_in_a_second(sandbox: &Sandbox, from: UnixMillis) -> usize {
    let calls = sandbox.calls();
    let times: Vec<i64> = calls.iter().map(|call| call.at.0).filter(|at| *at >= from.0).collect();
    let within =
        |from: &i64| times.iter().filter(|time| (*from..*from + 1_000).contains(*time)).count();
    times.iter().map(within).max().unwrap_or(0)
}

/// Every key that the program has a default for, with another value than `given` has.
fn with_a_default(given: &toml::Table) -> Vec<(String, toml::Value)> {
    let mut keys = Vec::new();
    for (section, inner) in &defaults() {
        for (name, default) in inner.as_table().expect("a section") {
            let key = format!("{section}.{name}");
            // The folder is the one of the test, and no other has the profiles.
            if key == "mappings.directory" {
                continue;
            }
            let now = given.get(section).and_then(|inner| inner.get(name)).unwrap_or(default);
            keys.push((key.clone(), another(&key, now)));
        }
    }
    keys
}

fn another(key: &str, now: &toml::Value) -> toml::Value {
    if let Some((_, value)) = OTHERS.iter().find(|(other, _)| *other == key) {
        return parsed(value);
    }
    match now {
        toml::Value::Boolean(flag) => (!flag).into(),
        toml::Value::Integer(number) => (number + 1).into(),
        toml::Value::Float(number) => (number / 2.0).into(),
        toml::Value::String(text) if text.starts_with(|first: char| first.is_ascii_digit()) => {
            let longer = if text.ends_with("ms") { "171ms" } else { "17s" };
            let longer = if key.starts_with("store.") { "17h" } else { longer };
            let longer = if key == "retry.give_up_after" { "17m" } else { longer };
            longer.into()
        }
        toml::Value::String(_) if key == "store.path" => "elsewhere.sled".into(),
        other => panic!("{key} is {other}: name another value in OTHERS"),
    }
}

fn parsed(value: &str) -> toml::Value {
    let table: toml::Table = toml::from_str(&format!("it = {value}")).expect("a value");
    table["it"].clone()
}

fn set(table: &mut toml::Table, key: &str, value: toml::Value) {
    match key.split_once('.') {
        None => drop(table.insert(key.to_owned(), value)),
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| toml::Table::new().into());
            set(inner.as_table_mut().expect("a section"), rest, value);
        }
    }
}

/// Whether a word names the key, or one below it.
fn below(word: &str, key: &str) -> bool {
    word.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.path().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}
