use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::connection::{Connection, Origin, Phase};
use super::places::Places;
use super::*;
use crate::shutdown::Shutdown;

/// Only to keep a test from hanging.
const LONG: Duration = Duration::from_secs(60);

const MOST: usize = 4;

struct Server {
    address: SocketAddr,
    shutdown: Shutdown,
}

/// Answers `/in` as authentic, `/ok` as anybody's, `/never` not at all and all else with 404, once the body has come.
async fn answer(request: Request<TrackedBody>) -> Response<Full<bytes::Bytes>> {
    let path = request.uri().path().to_owned();
    let whole = request.into_body().collect().await.is_ok();
    let mut response = Response::new(Full::from(path.clone()));
    match path.as_str() {
        "/in" if whole => drop(response.extensions_mut().insert(Authentic)),
        "/ok" => {}
        "/panic" => panic!("on purpose"),
        "/never" => std::future::pending::<()>().await,
        _ => *response.status_mut() = hyper::StatusCode::NOT_FOUND,
    }
    response
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, shutdown) = (listener.local_addr().unwrap(), Shutdown::new());
        let limits = Limits {
            listener: Listener::Intake,
            max_connections: MOST,
            header_timeout: LONG,
            idle_timeout: LONG,
            grace: Duration::ZERO,
        };
        tokio::spawn(serve(listener, None, limits, shutdown.clone(), || {}, answer));
        Self { address, shutdown }
    }

    async fn open(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// One request over a connection of its own.
    async fn ask(&self, path: &str) -> String {
        let mut stream = self.open(&get(path)).await;
        answer_on(&mut stream).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.hurry();
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")
}

/// The next bytes; empty at the end.
async fn answer_on(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let read = tokio::time::timeout(LONG, stream.read(&mut bytes)).await.expect("in time");
    String::from_utf8_lossy(&bytes[..read.unwrap_or(0)]).into_owned()
}

#[tokio::test]
async fn a_new_connection_is_answered_whatever_the_others_wait_for() {
    for idle in ["", "GET /in HTTP/1.1\r\nhost:", "POST /in HTTP/1.1\r\ncontent-length: 9\r\n\r\nx"]
    {
        let server = Server::start().await;
        let mut held = Vec::new();
        for _ in 0..3 * MOST {
            held.push(server.open(idle).await);
        }
        for _ in 0..3 {
            assert!(server.ask("/in").await.starts_with("HTTP/1.1 200 "), "{idle:?}");
        }
    }
}

#[tokio::test]
async fn idle_peers_without_an_authentic_request_give_way_before_those_with_one() {
    let server = Server::start().await;
    let mut authentic = server.open(&get("/in")).await;
    assert!(answer_on(&mut authentic).await.contains("200"));
    let mut others = Vec::new();
    for _ in 0..4 * MOST {
        let mut other = server.open(&get("/ok")).await;
        assert!(answer_on(&mut other).await.contains("200"));
        others.push(other);
    }
    authentic.write_all(get("/in").as_bytes()).await.unwrap();
    assert!(answer_on(&mut authentic).await.contains("200"), "it is kept");
    let mut first = others.remove(0);
    assert_eq!(answer_on(&mut first).await, "", "it has given way");
}

#[tokio::test]
async fn a_request_that_has_come_whole_keeps_its_place() {
    let server = Server::start().await;
    let mut asked = Vec::new();
    for _ in 0..MOST {
        asked.push(server.open(&get("/never")).await);
    }
    let mut waiting = server.open(&get("/in")).await;
    asked.pop();
    assert!(answer_on(&mut waiting).await.contains("200"));
    for stream in asked {
        let read = stream.try_read(&mut [0; 1]).map_err(|error| error.kind());
        assert_eq!(read, Err(std::io::ErrorKind::WouldBlock), "nobody else gives way");
    }
}

#[tokio::test]
async fn a_refused_request_ends_its_connection_and_an_authentic_one_does_not() {
    let server = Server::start().await;
    let mut refused = server.open(&[get("/x"), get("/x")].concat()).await;
    let mut answers = String::new();
    tokio::time::timeout(LONG, refused.read_to_string(&mut answers)).await.unwrap().unwrap();
    assert_eq!(answers.matches("HTTP/1.1 404").count(), 1, "{answers}");
    assert!(answers.contains("connection: close\r\n"), "{answers}");

    let mut kept = server.open(&get("/in")).await;
    for _ in 0..3 {
        assert!(answer_on(&mut kept).await.starts_with("HTTP/1.1 200 "));
        kept.write_all(get("/in").as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn a_panic_of_the_service_is_an_answer_and_costs_that_request_alone() {
    let server = Server::start().await;
    for _ in 0..3 * MOST {
        assert!(server.ask("/panic").await.starts_with("HTTP/1.1 500 "));
    }
    assert!(server.ask("/in").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn who_reads_no_answer_gives_way() {
    let server = Server::start().await;
    let mut deaf = Vec::new();
    for _ in 0..2 * MOST {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (unread, mut requests) = stream.into_split();
        let flood = get("/ok").repeat(1_000);
        deaf.push((
            unread,
            tokio::spawn(
                async move { while requests.write_all(flood.as_bytes()).await.is_ok() {} },
            ),
        ));
    }
    for _ in 0..3 {
        assert!(server.ask("/in").await.starts_with("HTTP/1.1 200 "));
    }
}

#[tokio::test]
async fn the_answer_to_a_refused_request_arrives_though_its_body_is_not_read() {
    let server = Server::start().await;
    let head = "POST /x HTTP/1.1\r\nhost: x\r\nexpect: none\r\ncontent-length: 300000\r\n\r\n";
    let mut stream = server.open(head).await;
    stream.write_all(&vec![b'x'; 300_000]).await.unwrap();
    let mut answers = String::new();
    tokio::time::timeout(LONG, stream.read_to_string(&mut answers)).await.unwrap().unwrap();
    assert!(answers.starts_with("HTTP/1.1 404 "), "{answers}");
}

#[test]
fn an_address_with_more_than_half_of_the_places_gives_way_first() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let places = Places::new();
    let (one, other) = (origin("192.0.2.1"), origin("192.0.2.2"));
    let mut taken = Vec::new();
    for origin in [other, one, one, one] {
        let place = places.take(origin, MOST).0.unwrap();
        places.is_served_by(
            place.number(),
            runtime.spawn(std::future::pending::<()>()).abort_handle(),
        );
        place.connection.request_begins(false);
        place.connection.request_is_answered(false, false);
        taken.push(place);
    }
    let (place, evicted) = places.take(other, MOST);
    assert_eq!((place.is_some(), evicted), (true, 1));
    let phases: Vec<_> = taken.iter().map(|place| place.connection.phase()).collect();
    assert_eq!(phases[0], Phase::Idle);
    assert_eq!(phases.iter().filter(|phase| **phase == Phase::Evicted).count(), 1);
}

#[test]
fn a_connection_that_has_lost_its_place_cannot_begin_to_work() {
    let connection = Connection::new(origin("192.0.2.1"), 0);
    connection.request_begins(true);
    assert!(!connection.evict(Phase::Head), "it has moved on");
    assert!(connection.evict(Phase::Body));
    assert!(!connection.request_is_whole());
    connection.request_is_answered(true, false);
    assert_eq!(connection.phase(), Phase::Evicted);
}

#[test]
fn a_network_of_ipv6_is_one_origin_and_a_mapped_address_is_ipv4() {
    assert_eq!(origin("2001:db8:1:2::1"), origin("2001:db8:1:2:ffff::9"));
    assert_ne!(origin("2001:db8:1:2::1"), origin("2001:db8:1:3::1"));
    assert_eq!(origin("::ffff:192.0.2.1"), origin("192.0.2.1"));
    assert_ne!(origin("192.0.2.1"), origin("192.0.2.2"));
}

fn origin(address: &str) -> Origin {
    Origin::of(address.parse().unwrap())
}
