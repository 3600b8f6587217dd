//! The way out of a closed site: through an HTTP proxy, to an instance whose certificate an authority of the site's own
//! has issued. The obstacle is named.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::support::behind_tls::behind_tls;
use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Home, run};
use super::support::{an_offer, eventually};
use awa_bridge::testing::sandbox::{Sandbox, Switches};

/// An instance behind TLS, with a certificate of an authority of its own.
struct Site {
    sandbox: Sandbox,
    url: String,
    authority: String,
}

impl Site {
    async fn start() -> Self {
        let switches = Switches { documents_appear: true, ..Switches::default() };
        let sandbox = start_sandbox(switches).await;
        let (url, authority) = behind_tls(sandbox.url().trim_start_matches("http://")).await;
        Self { sandbox, url, authority }
    }

    /// A home whose bridge speaks to it, with these keys more in `[servicenow]`.
    fn home(&self, keys: &str) -> Home {
        let config = format!("[servicenow]\n{keys}");
        let home = Home::new(&self.url, &Setup { config, ..Setup::default() });
        std::fs::write(home.directory.path().join("ca.pem"), &self.authority).expect("a file");
        home
    }
}

/// A proxy that knows only CONNECT; it asks for this user and password, in base64, where it has one.
struct Proxy {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start(wanted: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tunnel(stream, wanted, Arc::clone(&log)));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

async fn tunnel(mut from: TcpStream, wanted: Option<&str>, log: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match from.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head.lines().next().unwrap_or_default().to_owned();
    log.lock().expect("no panic").push(line.clone());
    let knows = wanted.is_none_or(|wanted| {
        head.to_lowercase().contains("proxy-authorization: basic ") && head.contains(wanted)
    });
    if !knows {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        return from.write_all(refusal).await.unwrap_or_default();
    }
    let to = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut to = TcpStream::connect(to).await.expect("it is there");
    from.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap_or_default();
    drop(copy_bidirectional(&mut from, &mut to).await);
}

/// Offers and waits until the first try has failed; why the bridge is not ready, once it says so, and the log.
async fn trouble(home: &Home) -> (String, String) {
    let daemon = home.start().await;
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    let reason = eventually("the bridge to say what is in the way", async || {
        let ready = daemon.get("/readyz").await;
        ready["reasons"][0].as_str().map(str::to_owned)
    })
    .await;
    let log = daemon.says("calls are held").await;
    (reason, log)
}

#[tokio::test]
async fn an_authority_of_the_sites_own_is_trusted_where_it_is_configured_and_asked_for_where_not() {
    let site = Site::start().await;
    let (reason, log) = trouble(&site.home("")).await;
    for said in [reason, log] {
        assert!(said.contains("the certificate of 127.0.0.1 is not trusted"), "{said}");
        assert!(said.contains("set servicenow.ca"), "{said}");
    }
    assert!(site.sandbox.calls().is_empty());
    let home = site.home("ca = \"ca.pem\"");
    let daemon = home.start().await;
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    assert_eq!(daemon.settled("e-1").await["state"], "delivered");
}

#[tokio::test]
async fn every_request_goes_through_the_proxy_token_and_online_check_included() {
    let site = Site::start().await;
    let proxy = Proxy::start(Some("YnJpZGdlOnAjc3M=")).await;
    let auth = "auth = { kind = \"oauth\", grant = \"client_credentials\", client_id = \"app\", client_secret = \"s\" }";
    let keys = format!(
        "ca = \"ca.pem\"\n{auth}\nproxy = {{ env = \"TEST_PROXY\" }}\nrequest_timeout = \"5s\""
    );
    let home = site.home(&keys);
    let url = format!("http://bridge:p%23ss@{}", proxy.address);
    let mut command = home.command(&["run"]);
    command.env("TEST_PROXY", &url);
    let daemon = home.started(command).await;
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    assert_eq!(daemon.settled("e-1").await["state"], "delivered");
    let asked = proxy.asked();
    let expected = format!("CONNECT {} HTTP/1.1", site.url.trim_start_matches("https://"));
    assert!(!asked.is_empty() && asked.iter().all(|line| *line == expected), "{asked:?}");
    assert!(!daemon.log().contains("p#ss") && !daemon.log().contains("p%23ss"));
    drop(daemon);
    let before = proxy.asked().len();
    let mut command = home.command(&["check", "--online"]);
    command.env("TEST_PROXY", &url);
    let (code, shown, errors) =
        tokio::task::spawn_blocking(move || run(&mut command)).await.expect("it runs");
    assert_eq!(code, 0, "{shown}\n{errors}");
    assert!(proxy.asked().len() > before);
}

#[tokio::test]
async fn a_proxy_that_wants_a_password_or_is_not_there_is_named() {
    let site = Site::start().await;
    let proxy = Proxy::start(Some("YnJpZGdlOnAjc3M=")).await;
    let keys = format!("ca = \"ca.pem\"\nproxy = \"http://bridge:wr0ng@{}\"", proxy.address);
    let (reason, log) = trouble(&site.home(&keys)).await;
    for said in [reason, log] {
        assert!(said.contains(&format!("the proxy {} refuses with 407", proxy.address)), "{said}");
        assert!(said.contains("servicenow.proxy") && !said.contains("wr0ng"), "{said}");
    }
    let gone = "127.0.0.1:9";
    let keys = format!("ca = \"ca.pem\"\nproxy = \"http://{gone}\"");
    let (reason, _) = trouble(&site.home(&keys)).await;
    assert!(reason.contains(&format!("the proxy {gone}")), "{reason}");
    assert!(site.sandbox.calls().is_empty());
}

#[tokio::test]
async fn hosts_that_are_listed_are_spoken_to_past_the_proxy() {
    let site = Site::start().await;
    let keys = "ca = \"ca.pem\"\nproxy = \"http://127.0.0.1:9\"\nno_proxy = [\"127.0.0.1\"]";
    let home = site.home(keys);
    let daemon = home.start().await;
    assert_eq!(daemon.post(&an_offer("e-1", "c-1")).await, Some(202));
    assert_eq!(daemon.settled("e-1").await["state"], "delivered");
}

#[tokio::test]
async fn what_cannot_be_used_is_named_by_check_and_by_run() {
    let site = Site::start().await;
    let refused = async |keys: &str, env: Option<(&'static str, &'static str)>| {
        let home = site.home(keys);
        std::fs::write(home.directory.path().join("empty.pem"), "no certificate\n")
            .expect("a file");
        let mut texts = Vec::new();
        // What one refuses the other one does; check takes long where its profiles are tried.
        let both = keys.contains("nowhere.pem");
        for arguments in [["check"], ["run"]].into_iter().skip(usize::from(!both)) {
            let mut command = home.command(&arguments);
            command.envs(env);
            let ended = tokio::task::spawn_blocking(move || run(&mut command)).await;
            let (code, shown, errors) = ended.expect("it runs");
            assert_eq!(code, 64, "{arguments:?} {keys}: {shown}\n{errors}");
            texts.push(format!("{shown}\n{errors}"));
        }
        texts
    };
    for (keys, env, names) in [
        ("ca = \"nowhere.pem\"", None, ["servicenow.ca", "nowhere.pem"]),
        ("ca = \"empty.pem\"", None, ["servicenow.ca", "no certificate"]),
        ("", Some(("SSL_CERT_FILE", "/nowhere.pem")), ["SSL_CERT_FILE", "/nowhere.pem"]),
        ("proxy = \"socks5://h\"", None, ["servicenow.proxy", "http://HOST:PORT"]),
        ("proxy = \"http://u:s3cret@h/p\"", None, ["servicenow.proxy", "path"]),
        ("no_proxy = [\"http://h\"]", None, ["servicenow.no_proxy", "a host"]),
    ] {
        for text in refused(keys, env).await {
            assert!(names.iter().all(|name| text.contains(name)), "{keys} {env:?}: {text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}
