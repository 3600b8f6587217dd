//! Bearer tokens under keys that their issuer publishes, through the built program, against an issuer of the tests'
//! own: keys that change, keys that nobody knows, an issuer that is down, slow, endless or elsewhere.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use awa_bridge::testing::clock;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

use super::support::behind_tls::behind_tls;
use super::support::bridge::{Setup, http_client, start_sandbox};
use super::support::issuer::{Does, Issuer};
use super::support::program::{Daemon, Home};
use super::support::raw::{self, Raw};
use super::support::{an_offer, eventually};

const RSA: &str = include_str!("../../src/awa/token/tests/key.pem");
const RSA_PUBLIC: &str = include_str!("../../src/awa/token/tests/key.pub.pem");

fn ec(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).expect("a key")
}

fn jwk(seed: u8, id: &str) -> Value {
    let point = ec(seed).verifying_key().to_sec1_point(false);
    let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point.as_bytes()[range]);
    json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": part(1..33), "y": part(33..65) })
}

fn publishes(keys: &[Value]) -> Does {
    Does::Answer(json!({ "keys": keys }).to_string())
}

fn claims() -> Value {
    let now = clock::now().0 / 1_000;
    json!({ "iss": "https://sts.example.com/t", "aud": "bridge", "exp": now + 300, "appid": "grid" })
}

fn token(seed: u8, id: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = json!({ "alg": "ES256", "typ": "JWT", "kid": id });
    let message = format!("{}.{}", part(&head), part(claims));
    let signature: Signature = ec(seed).sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn bearer(jwks_url: &str, more: &str) -> String {
    format!(
        "{{ scheme = \"jwt_bearer\", jwks_url = \"{jwks_url}\", issuer = \"https://sts.example.com/t\", audience = \"bridge\"{more} }}"
    )
}

/// The daemon with a source `grid` whose keys are the issuer's.
struct Story {
    home: Home,
    daemon: Daemon,
    http: reqwest::Client,
    _sandbox: awa_bridge::testing::sandbox::Sandbox,
    ids: Mutex<u32>,
}

impl Story {
    async fn start(issuer: &Issuer, more: &str) -> Self {
        let more = format!(", claims = {{ appid = \"grid\" }}{more}");
        Self::with(&bearer(&issuer.url, &more), "").await
    }

    async fn with(verify: &str, more: &str) -> Self {
        let config = format!(
            "{more}\n[sources.grid]\nvendor = \"native\"\ncontact_center = \"native\"\nverify = {verify}\n"
        );
        let sandbox = start_sandbox(Setup::default().switches).await;
        let home = Home::new(&sandbox.url(), &Setup { config, ..Setup::default() });
        let daemon = home.start().await;
        Self { home, daemon, http: http_client(), _sandbox: sandbox, ids: Mutex::default() }
    }

    /// The status and how long it took.
    async fn post(&self, token: &str) -> (u16, Duration) {
        let id = {
            let mut ids = self.ids.lock().expect("no panic");
            *ids += 1;
            *ids
        };
        let started = clock::instant();
        let request = self
            .http
            .post(format!("{}/webhooks/grid", self.daemon.intake))
            .bearer_auth(token)
            .header("content-type", "application/json")
            .body(an_offer(&format!("e-{id}"), &format!("c-{id}")).to_string());
        let status = request.send().await.expect("an answer").status().as_u16();
        (status, started.elapsed())
    }

    async fn status_of(&self, token: &str) -> u16 {
        self.post(token).await.0
    }

    async fn taken(&self, token: &str) {
        eventually("the token to be taken", async || {
            let status = self.status_of(token).await;
            if status == 202 {
                return Some(());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            None
        })
        .await;
    }

    /// What `/readyz` says, with the token of the admin address.
    async fn readiness(&self) -> String {
        self.daemon.get("/readyz").await.to_string()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_judged_by_the_issuers_keys_and_by_what_they_say() {
    let issuer = Issuer::start(publishes(&[jwk(1, "one"), jwk(2, "two")])).await;
    let story = Story::start(&issuer, "").await;
    assert_eq!(story.status_of(&token(1, "one", &claims())).await, 202);
    assert_eq!(story.status_of(&token(2, "two", &claims())).await, 202);
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        token(1, "one", &claims)
    };
    let now = clock::now().0 / 1_000;
    let shared = {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message =
            format!("{}.{}", part(&json!({ "alg": "HS256", "kid": "one" })), part(&claims()));
        let key = EncodingKey::from_secret(jwk(1, "one").to_string().as_bytes());
        format!(
            "{message}.{}",
            crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("a mac")
        )
    };
    let none = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
        URL_SAFE_NO_PAD.encode(claims().to_string())
    );
    for wrong in [
        token(2, "one", &claims()),
        with("iss", json!("https://sts.example.com/u")),
        with("aud", json!("another")),
        with("exp", json!(now - 60)),
        with("nbf", json!(now + 60)),
        with("exp", Value::Null),
        with("appid", json!("other")),
        shared,
        none,
        "x".to_owned(),
    ] {
        assert_eq!(story.status_of(&wrong).await, 401, "{wrong}");
    }
    assert_eq!(issuer.asked(), 1, "nothing of this wants other keys");
    let log = story.daemon.log();
    for secret in ["eyJ", "another", "sts.example.com/u"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_is_fetched_once_and_strangers_make_nobody_fetch() {
    let issuer = Issuer::start(publishes(&[jwk(1, "one")])).await;
    let story = Story::start(&issuer, ", jwks_pause = \"2s\"").await;
    assert_eq!(story.status_of(&token(1, "one", &claims())).await, 202);
    issuer.now_does(publishes(&[jwk(3, "three")]));
    // Within the pause of the first fetch an unknown key is refused at once.
    let (status, _) = story.post(&token(3, "three", &claims())).await;
    if issuer.asked() == 1 {
        assert_eq!(status, 401);
    }
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    // Many at once wait for the one fetch.
    let all = futures_of(20, async || story.status_of(&token(3, "three", &claims())).await).await;
    assert_eq!(all, BTreeMap::from([(202, 20)]));
    assert_eq!(
        story.status_of(&token(1, "one", &claims())).await,
        401,
        "the issuer has taken it back"
    );
    let mut strangers = 0_u32;
    let (before, began) = (issuer.asked(), clock::instant());
    while began.elapsed() < Duration::from_secs(5) {
        strangers += 1;
        let stranger = token(9, &format!("s-{strangers}"), &claims());
        assert_eq!(story.status_of(&stranger).await, 401);
    }
    let fetched = issuer.asked() - before;
    assert!(fetched <= 3, "{fetched} fetches for strangers in five seconds");
    assert_eq!(story.status_of(&token(3, "three", &claims())).await, 202);
}

/// How often each status came of so many at once.
async fn futures_of<F: Future<Output = u16>>(
    count: usize,
    ask: impl Fn() -> F,
) -> BTreeMap<u16, usize> {
    let mut waiting: Vec<_> = (0..count).map(|_| Box::pin(ask())).collect();
    let mut found = BTreeMap::new();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|one| match one.as_mut().poll(context) {
            std::task::Poll::Ready(status) => {
                *found.entry(status).or_insert(0) += 1;
                false
            }
            std::task::Poll::Pending => true,
        });
        if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_gives_no_keys_is_told_and_senders_may_come_again() {
    for (does, why) in [
        (Does::Refuse, "it answers 500"),
        (Does::HangUp, ""),
        (Does::Endless, "larger than 262144 bytes"),
        (Does::Redirect, "no redirect is followed"),
        (Does::Answer("<html>".to_owned()), "is not JSON"),
        (publishes(&[json!({ "kty": "oct", "k": "AAAA", "kid": "one" })]), "no public key"),
    ] {
        let issuer = Issuer::start(does).await;
        let story = Story::start(&issuer, "").await;
        let good = token(1, "one", &claims());
        assert_eq!(story.status_of(&good).await, 503, "{why}");
        let ready = story.readiness().await;
        assert!(ready.contains("sources.grid") && ready.contains(why), "{why}: {ready}");
        assert_eq!(story.status_of("x.y.z").await, 503, "{why}");
        let taken = story.http.get(format!("{}/readyz", story.daemon.intake)).send().await;
        assert_eq!(taken.expect("an answer").status(), 200, "others' webhooks are taken");
        issuer.now_does(publishes(&[jwk(1, "one")]));
        story.taken(&good).await;
        let ready = story.readiness().await;
        assert!(!ready.contains("sources.grid"), "{ready}");
        let elsewhere = issuer.asked.lock().expect("no panic").len();
        assert!(elsewhere <= 6, "{elsewhere} fetches");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_issuer_holds_nobody_for_long() {
    let issuer = Issuer::start(Does::Nothing).await;
    let story = Story::start(&issuer, "").await;
    let (status, took) = story.post(&token(1, "one", &claims())).await;
    assert!(status == 503 && took < Duration::from_secs(20), "{status} {took:?}");
    assert!(story.readiness().await.contains("no answer in time"));
    assert_eq!(story.daemon.post(&an_offer("n-1", "n-1")).await, Some(202), "another source");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_stay_in_force_for_a_while_when_the_issuer_is_gone_and_no_longer() {
    let issuer = Issuer::start(publishes(&[jwk(1, "one")])).await;
    let times = ", jwks_pause = \"1s\", jwks_refresh = \"1s\", jwks_keep = \"6s\"";
    let story = Story::start(&issuer, times).await;
    let good = token(1, "one", &claims());
    assert_eq!(story.status_of(&good).await, 202);
    issuer.now_does(Does::Refuse);
    eventually("the trouble to be told", async || {
        story.readiness().await.contains("cannot be fetched").then_some(())
    })
    .await;
    assert_eq!(story.status_of(&good).await, 202, "the old keys go on");
    let unknown = story.status_of(&token(3, "three", &claims())).await;
    assert_eq!(unknown, 503, "nobody can tell whose it is");
    eventually("the old keys to be given up", async || {
        (story.status_of(&good).await == 503).then_some(())
    })
    .await;
    issuer.now_does(publishes(&[jwk(1, "one")]));
    story.taken(&good).await;
    story.daemon.says("can be fetched again").await;
    let (status, _) = story.daemon.post_admin("/v1/reload").await;
    assert_eq!(status, 200);
    issuer.now_does(Does::Nothing);
    assert_eq!(story.status_of(&good).await, 202, "a reload loses no key");
    drop(story.home);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_come_by_the_way_that_calls_take() {
    let proxy = Raw::start(|asked| {
        let set = json!({ "keys": [jwk(1, "one")] }).to_string();
        (asked.path == "http://127.0.0.1:9/keys").then(|| raw::json(200, &set))
    })
    .await;
    let verify = bearer("http://127.0.0.1:9/keys", "");
    let story = Story::with(&verify, &format!("[servicenow]\nproxy = \"{}\"\n", proxy.url)).await;
    assert_eq!(story.status_of(&token(1, "one", &claims())).await, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_with_a_certificate_of_the_sites_own_is_believed_by_the_same_ca_as_servicenow() {
    let issuer = Issuer::start(publishes(&[jwk(1, "one")])).await;
    let plain = issuer.url.trim_start_matches("http://").trim_end_matches("/keys");
    let (url, authority) = behind_tls(plain).await;
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority).expect("a file");
    let verify = bearer(&format!("{url}/keys"), "");
    let stranger = Story::with(&verify, "").await;
    assert_eq!(stranger.status_of(&token(1, "one", &claims())).await, 503);
    assert_eq!(issuer.asked(), 0, "nothing is asked of a server that is not believed");
    let story = Story::with(&verify, &format!("[servicenow]\nca = {}\n", json!(ca))).await;
    assert_eq!(story.status_of(&token(1, "one", &claims())).await, 202);
    assert_eq!(story.status_of(&token(2, "one", &claims())).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_may_be_files() {
    let set = json!({ "keys": [jwk(1, "one")] }).to_string();
    let verify = "{ scheme = \"jwt_bearer\", issuer = \"https://sts.example.com/t\", audience = \"bridge\" }";
    let secrets = format!("[sources.grid]\nsecrets = [{}, {}]", json!(set), json!(RSA_PUBLIC));
    let story = Story::with(verify, &secrets).await;
    assert_eq!(story.status_of(&token(1, "one", &claims())).await, 202);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({ "alg": "RS256" })), part(&claims()));
    let key = EncodingKey::from_rsa_pem(RSA.as_bytes()).expect("a key");
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::RS256).expect("a signature");
    assert_eq!(story.status_of(&format!("{message}.{signature}")).await, 202);
    assert_eq!(story.status_of(&token(2, "two", &claims())).await, 401);
}
