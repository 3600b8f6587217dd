//! What `check` lets pass the daemon starts with, and what the one refuses the other refuses too: certificates and
//! keys, secrets that protect nothing, and places that cannot be had. No refusal quotes what may be a secret.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Home, root, run};

/// A configuration beside a good one, and a word of what is said of it; none where it holds.
struct Case {
    config: String,
    said: &'static str,
    holds: bool,
}

fn refused(config: &str, said: &'static str) -> Case {
    Case { config: config.to_owned(), said, holds: false }
}

fn holds(config: &str, said: &'static str) -> Case {
    Case { config: config.to_owned(), said, holds: true }
}

/// Asks `check`, then starts the daemon; both must come to the same.
async fn judged(case: &Case, prepare: impl FnOnce(&Path)) -> String {
    let setup = Setup { config: case.config.clone(), ..Setup::default() };
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let vendors = home.directory.path().join("mappings/vendors");
    std::fs::remove_dir_all(&vendors).expect("the links to the profiles");
    std::fs::create_dir_all(vendors.join("native")).expect("a folder");
    for file in ["vendor.toml", "events.jq"] {
        let shipped = root().join("mappings/vendors/native").join(file);
        std::fs::copy(shipped, vendors.join("native").join(file)).expect("a copy");
    }
    prepare(home.directory.path());
    let (code, out, errors) = run(&mut home.command(&["check"]));
    let reported = format!("{out}{errors}");
    assert!(reported.contains(case.said), "no {:?} for {}: {reported}", case.said, case.config);
    let started = home.tried(home.command(&["run"])).await;
    if case.holds {
        assert_eq!(code, 0, "{}: {reported}", case.config);
        let log = started.map(|daemon| daemon.log()).map_err(|(_, log)| log);
        let log = log.unwrap_or_else(|log| panic!("{} does not start: {log}", case.config));
        return format!("{reported}{log}");
    }
    assert_eq!(code, 64, "{}: {reported}", case.config);
    let Err((ended, log)) = started else { panic!("{} starts: {reported}", case.config) };
    assert_ne!(ended, Some(0), "{}: {log}", case.config);
    format!("{reported}{log}")
}

fn tls(certificate: &str, key: &str) -> String {
    format!("[intake]\ntls = {{ certificate = \"{certificate}\", key = \"{key}\" }}")
}

fn client(certificate: &str, key: &str) -> String {
    format!(
        "[servicenow]\nclient_certificate = {{ certificate = \"{certificate}\", key = \"{key}\" }}"
    )
}

/// Files of every kind, good and bad, in a folder.
fn write_files(folder: &Path) {
    let write =
        |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("a file");
    for name in [
        "p521.key",
        "p521.pem",
        "rsa1024.key",
        "rsa1024.pem",
        "rsa1024.pub",
        "encrypted-pkcs8.key",
        "encrypted-pkcs1.key",
    ] {
        write(name, &std::fs::read(root().join("tests/it/pem").join(name)).expect("a file"));
    }
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, authority_key).expect("an authority");
    let issue = |end: Option<i32>| {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        if let Some(year) = end {
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &authority).expect("a certificate"), key)
    };
    let (good, key) = issue(None);
    write("good.pem", good.pem().as_bytes());
    write("good.key", key.serialize_pem().as_bytes());
    write("der.pem", good.der());
    write("der.key", key.serialized_der());
    write("bom.pem", format!("\u{feff}{}", good.pem()).as_bytes());
    write("bom.key", format!("\u{feff}{}", key.serialize_pem()).as_bytes());
    write("ca-first.pem", format!("{}{}", authority.pem(), good.pem()).as_bytes());
    write("chain.pem", format!("{}{}", good.pem(), authority.pem()).as_bytes());
    write("broken.pem", &good.pem().as_bytes()[..200]);
    let (expired, expired_key) = issue(Some(2020));
    write("expired.pem", expired.pem().as_bytes());
    write("expired.key", expired_key.serialize_pem().as_bytes());
    write("foreign.key", issue(None).1.serialize_pem().as_bytes());
    write("a-file", b"x");
}

#[tokio::test]
async fn certificates_and_keys_are_judged_alike() {
    let jwt = "[servicenow]\nauth = { kind = \"oauth\", grant = \"jwt_bearer\", client_id = \"c\", key_file = \"good.pem\", issuer = \"i\", audience = \"a\", subject = \"s\" }";
    let cases = [
        holds(&tls("good.pem", "good.key"), "Configuration is valid"),
        holds(&tls("chain.pem", "good.key"), "Configuration is valid"),
        holds(&tls("bom.pem", "bom.key"), "Configuration is valid"),
        holds(
            &tls("expired.pem", "expired.key"),
            "intake.tls.certificate: the certificate expired",
        ),
        refused(&tls("good.pem", "encrypted-pkcs8.key"), "intake.tls.key: is encrypted"),
        refused(&tls("good.pem", "encrypted-pkcs1.key"), "intake.tls.key: is encrypted"),
        refused(&tls("good.pem", "foreign.key"), "belongs to another"),
        refused(
            &tls("ca-first.pem", "good.key"),
            "the key fits a certificate that is not the first",
        ),
        refused(&tls("der.pem", "good.key"), "is DER"),
        refused(&tls("good.pem", "der.key"), "DER has to be written as PEM"),
        refused(&tls("p521.pem", "p521.key"), "of an unsupported type"),
        refused(&tls("rsa1024.pem", "rsa1024.key"), "of an unsupported type"),
        refused(&tls("broken.pem", "good.key"), "no complete PEM certificate"),
        refused(&tls("good.pem", "good.pem"), "contains a certificate and no private key"),
        refused(&tls("a-file", "good.key"), "no complete PEM certificate"),
        refused(&tls("nowhere.pem", "good.key"), "nowhere.pem cannot be read"),
        refused(
            "[intake]\ntls = { certificate = \"good.pem\", key = \"good.key\", client_ca = \"a-file\" }",
            "intake.tls.client_ca",
        ),
        refused(
            &client("good.pem", "foreign.key"),
            "servicenow.client_certificate.key: does not fit",
        ),
        refused(
            &client("good.pem", "encrypted-pkcs8.key"),
            "servicenow.client_certificate.key: is encrypted",
        ),
        refused(&client("nowhere.pem", "good.key"), "servicenow.client_certificate.certificate"),
        holds(&client("good.pem", "good.key"), "Configuration is valid"),
        refused(jwt, "auth"),
    ];
    for case in &cases {
        judged(case, write_files).await;
    }
}

#[tokio::test]
async fn places_that_cannot_be_had_are_judged_alike() {
    for case in [
        refused("[store]\npath = \"a-file\"", "store.path"),
        refused("[store]\npath = \"a-file/below/it\"", "store.path"),
        refused("[intake]\nlisten = \"192.0.2.1:8080\"", "not an address of this machine"),
    ] {
        judged(&case, write_files).await;
    }
}

#[tokio::test]
async fn a_way_to_a_database_is_judged_alike() {
    let to = |more: &str| format!("[store]\nengine = \"postgres\"\n[store.postgres]\n{more}");
    let good = "url = \"postgres://bridge@127.0.0.1:1/db\"";
    for case in [
        refused(&to(""), "store.postgres.url: is missing"),
        refused(&to("url = \"mysql://x\""), "store.postgres.url: is no URL"),
        refused(
            &to("url = \"postgres://bridge@127.0.0.1:99999/db\""),
            "store.postgres.url: is no URL",
        ),
        refused(
            &to("url = \"postgres://bridge@127.0.0.1/db?foo=1\""),
            "store.postgres.url: is no URL",
        ),
        refused(
            &to(&format!("{good}\nmeans = \"plain\"\nreplicas = \"required\"")),
            "store.postgres.replicas: \"required\" needs",
        ),
        refused(
            &to(&format!("{good}\nca = \"a-file\"")),
            "store.postgres.ca: holds no certificate",
        ),
        refused(&to(&format!("{good}\nca = \"nowhere.pem\"")), "store.postgres.ca: nowhere.pem"),
        refused(
            &to(&format!("{good}\nclient_certificate = \"good.pem\"")),
            "store.postgres.client_key: is missing",
        ),
    ] {
        let reported = judged(&case, write_files).await;
        assert!(reported.contains("config.toml:"), "{reported}");
    }
}

#[test]
fn a_database_that_is_away_is_no_matter_of_check_and_a_url_without_password_is_no_secret() {
    for (url, is_told) in [("bridge", false), ("bridge:hunter2", true)] {
        let more = format!(
            "[store]\nengine = \"postgres\"\n[store.postgres]\nurl = \"postgres://{url}@127.0.0.1:1/db\"\n\
             password = {{ env = \"DATABASE_PASSWORD\" }}"
        );
        let home = Home::new("http://127.0.0.1:9", &Setup { config: more, ..Setup::default() });
        let mut check = home.command(&["check"]);
        let (code, out, errors) = run(check.env("DATABASE_PASSWORD", "hunter2"));
        assert_eq!(code, 0, "{out}{errors}");
        let told = out.lines().find(|line| line.contains("holds secrets as text"));
        let told = told.unwrap_or_else(|| panic!("{out}"));
        assert_eq!(told.contains("store.postgres.url"), is_told, "{told}");
        assert!(!home.directory.path().join("node").exists(), "check has made a node");
    }
}

/// Hands out an HMAC over a text of the asker's choice.
const ORACLE: &str = r#"
[request]
decode = "json"
[verify]
scheme = "hmac"
header = "x-signature"
algorithm = "sha256"
encoding = "hex"
message = "v0:{header:x-ts}:{body}"
timestamp = "x-ts"
[[handshake]]
verified = false
when.body = { "/event" = "validate" }
answer.json = { token = "{hmac_sha256_hex:/token}" }
"#;

#[tokio::test]
async fn secrets_that_protect_nothing_are_judged_alike() {
    let source = |verify: &str, secret: &str| {
        format!("[sources.other]\nvendor = \"native\"\nsecrets = [\"{secret}\"]\nverify = {verify}")
    };
    let hmac = |more: &str, secret: &str| {
        let verify = format!(
            "{{ scheme = \"hmac\", header = \"x-signature\", algorithm = \"sha256\", encoding = \"hex\"{more} }}"
        );
        source(&verify, secret)
    };
    let long = "c2hhbGwgd2UgbWVldCBhdCBub29u";
    let open = "[intake]\nlisten = \"0.0.0.0:18543\"";
    let good = format!("{open}\n[servicenow]\nauth = {{ kind = \"api_key\", key = \"{long}\" }}");
    let sample = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let cases = [
        holds("", "warning: sources.native.secrets[0]: is a published sample"),
        refused(open, "sources.native.secrets[0]: is a published sample"),
        // A password that ServiceNow takes is no way in from here.
        holds("", "warning: servicenow.auth.password: is a published sample"),
        refused(
            &format!(
                "{good}\n[sources.native]\nsecrets = [\"{}\"]",
                sample.trim_start_matches("whsec_")
            ),
            "is a published sample",
        ),
        refused(
            &format!("{good}\n[sources.native]\nsecrets = []\nverify = {{ scheme = \"none\" }}"),
            "only for an intake on loopback",
        ),
        refused(&hmac(", key = \"base64\"", " "), "blank"),
        refused(&hmac(", key = \"hex\"", "\\t"), "blank"),
        refused(&hmac(", key = \"hex\"", "0x"), "is not hex"),
        refused(&hmac("", "   "), "blank"),
        refused(&hmac(", secret_by = \"/source\"", "sub1="), "nothing behind its `=`"),
        refused(&hmac(", timestamp = \"x-ts\"", long), "leaves out the time of signing"),
        refused(
            &hmac(", timestamp_key = \"t\", signature_key = \"v1\"", long),
            "leaves out the time of signing",
        ),
        holds(
            &hmac(", timestamp = \"x-ts\", message = \"{header:X-TS}.{body}\"", long),
            "Configuration is valid",
        ),
        holds(&hmac("", "short"), "note other: the key of secret 1 has 5 bytes"),
        refused(
            "[sources.other]\nvendor = \"native\"\nsecrets = [{ file = \"rsa1024.pub\" }]\nverify = { scheme = \"jws_detached\", header = \"x-jws\" }",
            "is an RSA key of 1024 bits",
        ),
        refused(&source("{ scheme = \"ecdsa\", header = \"x-ecdsa\" }", long), "not a public key"),
        refused(
            "[sources.oracle]\nvendor = \"oracle\"\nsecrets = [\"0123456789abcdef\"]",
            "could be had from it by anybody",
        ),
    ];
    for case in &cases {
        let oracle = case.config.contains("oracle");
        judged(case, |folder| {
            write_files(folder);
            if oracle {
                let vendors = folder.join("mappings/vendors");
                std::fs::create_dir_all(vendors.join("oracle")).expect("a folder");
                std::fs::write(vendors.join("oracle/vendor.toml"), ORACLE).expect("a profile");
                std::fs::write(vendors.join("oracle/events.jq"), "empty\n").expect("a filter");
            }
        })
        .await;
    }
}
