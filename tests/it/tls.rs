//! TLS on the intake: the certificate is swapped by a reload, a bad one is refused, and clients may have to show
//! theirs.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::intake_connections::{CONFIG, Crowd, Trick, is_open, write};
use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Daemon, Home};

/// An authority of the test's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
struct Pair {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    fn issue(&self, name: &str) -> Pair {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Pair { certificate, key }
    }
}

impl Pair {
    fn write(&self, home: &Home) {
        let folder = home.directory.path();
        std::fs::write(folder.join("tls.pem"), self.certificate.pem()).expect("a file");
        std::fs::write(folder.join("tls.key"), self.key.serialize_pem()).expect("a file");
    }
}

/// Asks for the webhook's URL by GET; the status line, and the certificate that the server showed.
async fn ask(
    daemon: &Daemon,
    authority: &Authority,
    client: Option<&Pair>,
) -> Result<(String, Vec<u8>), std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.0.der().clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let key = PrivateKeyDer::try_from(pair.key.serialize_der()).expect("a key");
            let chain: Vec<CertificateDer<'static>> = vec![pair.certificate.der().clone()];
            builder.with_client_auth_cert(chain, key).expect("a client certificate")
        }
    };
    let address = daemon.intake.trim_start_matches("http://");
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream
        .write_all(b"GET /webhooks/native HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await?;
    let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first().cloned());
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.lines().next().unwrap_or_default().to_owned();
    Ok((status, shown.map(|certificate| certificate.to_vec()).unwrap_or_default()))
}

fn setup(more: &str) -> Setup {
    let config =
        format!("[intake]\ntls = {{ certificate = \"tls.pem\", key = \"tls.key\"{more} }}\n");
    Setup { config, ..Setup::default() }
}

#[tokio::test]
async fn a_reload_shows_the_new_certificate_and_a_bad_one_leaves_the_old() {
    let setup = setup("");
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let authority = Authority::new();
    let (first, second) = (authority.issue("127.0.0.1"), authority.issue("127.0.0.1"));
    first.write(&home);
    let daemon = home.start().await;
    let (status, shown) = ask(&daemon, &authority, None).await.expect("an answer");
    assert!(status.contains("405"), "{status}");
    assert_eq!(shown, first.certificate.der().to_vec());

    second.write(&home);
    assert_eq!(daemon.post_admin("/v1/reload").await.0, 200);
    let (_, shown) = ask(&daemon, &authority, None).await.expect("an answer");
    assert_eq!(shown, second.certificate.der().to_vec());

    std::fs::write(home.directory.path().join("tls.key"), first.key.serialize_pem()).expect("it");
    let (status, answer) = daemon.post_admin("/v1/reload").await;
    assert_eq!(status, 422, "{answer}");
    assert!(answer["problems"][0].as_str().is_some_and(|text| text.contains("intake.tls.key")));
    assert_eq!(daemon.get("/readyz").await["ready"], false);
    let (_, shown) = ask(&daemon, &authority, None).await.expect("an answer");
    assert_eq!(shown, second.certificate.der().to_vec());
}

#[tokio::test]
async fn with_client_ca_only_certificates_of_that_authority_are_let_in() {
    let setup = setup(", client_ca = \"clients.pem\"");
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    authority.issue("127.0.0.1").write(&home);
    std::fs::write(home.directory.path().join("clients.pem"), clients.0.pem()).expect("a file");
    let daemon = home.start().await;
    let (vendor, stranger) = (clients.issue("vendor"), strangers.issue("stranger"));
    let (status, _) = ask(&daemon, &authority, Some(&vendor)).await.expect("an answer");
    assert!(status.contains("405"), "{status}");
    ask(&daemon, &authority, None).await.expect_err("no certificate, no answer");
    ask(&daemon, &authority, Some(&stranger)).await.expect_err("a stranger, no answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_never_end_keep_nobody_out() {
    let mut setup = setup("");
    let roomier = CONFIG.replace("max_connections = 16", "max_connections = 64");
    setup.config += roomier.trim_start_matches("[intake]\n");
    let sandbox = start_sandbox(setup.switches.clone()).await;
    let home = Home::new(&sandbox.url(), &setup);
    let authority = Authority::new();
    authority.issue("127.0.0.1").write(&home);
    let daemon = home.start().await;
    let half: Trick = |stream| write(stream, b"\x16\x03\x01\x02\x00") && is_open(stream);
    for (what, trick) in [("silence", is_open as Trick), ("half a greeting", half)] {
        let crowd = Crowd::gather(&daemon.intake, trick);
        for _ in 0..3 {
            let (status, _) = ask(&daemon, &authority, None).await.expect(what);
            assert!(status.contains("405"), "{what}: {status}");
        }
        drop(crowd);
    }
}
