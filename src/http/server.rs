//! The accepting loop and what is spoken on each connection.
//!
//! A client that is slow or silent is cut off by a deadline of its own, or earlier where its place is wanted.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use metrics::{counter, gauge};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use super::body::{AnswerBody, TrackedBody};
use super::connection::{Connection, Origin};
use super::limits::{Limits, LimitsInForce, Listener};
use super::patience::Patient;
use super::places::{Place, Places};
use super::repoll::RepollOnSelfWake;
use super::tls::Tls;
use crate::clock;
use crate::contained::watched;
use crate::metrics::CONNECTIONS_EVICTED;
use crate::report::Repeats;
use crate::shutdown::Shutdown;

/// The largest head of a request, in bytes.
const HEAD: usize = 32 * 1024;

/// The pause after the system refused a connection for want of something, such as file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Longer than any limit of the configuration.
const NEVER: Duration = Duration::from_secs(2 * 3_600);

/// How often the accepting loop shows that it is alive while nobody calls.
const BEAT: Duration = Duration::from_secs(1);

/// An extension of an answer: the request was proved to be its sender's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Authentic;

/// An extension of an answer that is not sent: its connection ends instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The connection is closed.
    Closed,
    /// It is reset (RST).
    Reset,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the service ends the connection without an answer")
    }
}

impl std::error::Error for Unanswered {}

/// Serves until the end is asked for and what was begun is answered, or the grace is over.
///
/// TLS is spoken where `tls` is given. `beat` is called on every turn of the accepting loop, for the watchdog. A panic
/// of `service` is answered 500. A connection ends with the first answer of 400 and above that is not [`Authentic`],
/// and without an answer where that is [`Unanswered`]. `limits` may be replaced meanwhile.
pub(crate) async fn serve<F, R, B>(
    listener: TcpListener,
    tls: Option<Tls>,
    limits: impl Into<LimitsInForce>,
    shutdown: Shutdown,
    beat: impl Fn() + Send,
    service: F,
) where
    F: Fn(Request<TrackedBody>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response<B>> + Send + 'static,
    B: AnswerBody,
{
    let limits = limits.into();
    let Limits { listener: name, grace, .. } = limits.now();
    let places = Places::new();
    let graceful = GracefulShutdown::new();
    let repeats = Repeats::default();
    loop {
        beat();
        let accepted = tokio::select! {
            biased;
            () = shutdown.requested() => break,
            () = tokio::time::sleep(BEAT) => continue,
            accepted = accept(&listener, &places, name, &repeats) => accepted,
        };
        let Some((stream, peer)) = accepted else { continue };
        let place = tokio::select! {
            biased;
            () = shutdown.requested() => break,
            place = place_for(peer, &places, &limits, &beat, &repeats) => place,
        };
        let number = place.number();
        let (tls, service) = (tls.clone(), service.clone());
        let served = Served {
            limits: limits.clone(),
            watcher: graceful.watcher(),
            connection: Arc::clone(&place.connection),
            listener: name,
        };
        let open = Open::count(name);
        let task = tokio::spawn(async move {
            converse(stream, tls, served, service).await;
            drop((place, open));
        });
        places.is_served_by(number, task.abort_handle());
    }
    drop(listener);
    let open = graceful.count();
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(grace) => {
            if open > 0 && !grace.is_zero() {
                tracing::warn!(connections = open, "Connections that did not end in time are cut off");
            }
        }
        () = shutdown.hurried() => {}
    }
    places.abort_all();
}

/// A connection; none if this one came to nothing.
async fn accept(
    listener: &TcpListener,
    places: &Places,
    name: Listener,
    repeats: &Repeats,
) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
        Err(error) if is_of_one_connection(&error) => None,
        Err(error) => {
            if let Some(repeats) = repeats.may_say("accept", clock::now()) {
                tracing::warn!(
                    listener = name.as_str(), %error, repeats,
                    "No connection can be accepted; trying again. Out of file descriptors: raise the limit (LimitNOFILE=) \
                     or lower intake.max_connections"
                );
            }
            if places.give_up_one() {
                counter!(CONNECTIONS_EVICTED, "listener" => name.as_str()).increment(1);
            }
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// A place for a connection that is accepted, as soon as one is free or can be taken from another.
async fn place_for(
    peer: SocketAddr,
    places: &Arc<Places>,
    limits: &LimitsInForce,
    beat: &(impl Fn() + Send),
    repeats: &Repeats,
) -> Place {
    loop {
        let Limits { listener, max_connections, .. } = limits.now();
        let listener = listener.as_str();
        let (place, evicted) = places.take(Origin::of(peer.ip()), max_connections);
        if evicted > 0 {
            counter!(CONNECTIONS_EVICTED, "listener" => listener).increment(evicted as u64);
            if let Some(repeats) = repeats.may_say("short", clock::now()) {
                tracing::warn!(
                    listener,
                    connections = max_connections,
                    repeats,
                    "All places for connections are taken: those without an authentic request give way to new ones"
                );
            }
        }
        if let Some(place) = place {
            return place;
        }
        beat();
        places.changed().await;
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// What belongs to one connection.
struct Served {
    limits: LimitsInForce,
    watcher: Watcher,
    connection: Arc<Connection>,
    listener: Listener,
}

async fn converse<F, R, B>(stream: TcpStream, tls: Option<Tls>, served: Served, service: F)
where
    F: Fn(Request<TrackedBody>) -> R + Clone,
    R: Future<Output = Response<B>>,
    B: AnswerBody,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "A connection was gone before it began");
        return;
    }
    let stream = Patient::new(stream, served.limits.clone(), Arc::clone(&served.connection));
    let Some(tls) = tls else { return speak(stream, served, service).await };
    match tokio::time::timeout(served.limits.now().header_timeout, tls.acceptor().accept(stream))
        .await
    {
        Ok(Ok(mut stream)) => {
            stream.get_mut().0.restart();
            speak(stream, served, service).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "A TLS handshake failed"),
        Err(_) => tracing::debug!("A TLS handshake did not end in time"),
    }
}

async fn speak<S, F, R, B>(stream: S, served: Served, service: F)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    F: Fn(Request<TrackedBody>) -> R + Clone,
    R: Future<Output = Response<B>>,
    B: AnswerBody,
{
    let Served { limits: _, watcher, connection, listener } = served;
    let service = service_fn(|request: Request<Incoming>| {
        connection.request_begins(!request.body().is_end_stream());
        let request = request.map(|body| TrackedBody::new(body, Arc::clone(&connection)));
        let (service, connection) = (service.clone(), Arc::clone(&connection));
        async move {
            // What is read at once may be more than is waited for.
            if head_size(&request) > HEAD {
                connection.request_is_answered(false, true);
                return Ok(too_large());
            }
            let answered = watched(listener.as_str(), async { service(request).await }).await;
            let mut answer = answered.unwrap_or_else(|_| defect());
            if let Some(unanswered) = answer.extensions_mut().remove::<Unanswered>() {
                if unanswered == Unanswered::Reset {
                    connection.reset_at_end();
                }
                return Err(unanswered);
            }
            let authentic = answer.extensions_mut().remove::<Authentic>().is_some();
            let refused = answer.status().as_u16() >= 400 && !authentic;
            if refused {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            let closing = answer.headers().get(CONNECTION).is_some_and(|value| value == "close");
            connection.request_is_answered(authentic, closing);
            Ok(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Never reached: with it hyper reads on after an answer, so that the shorter limits of `Patient` begin.
        .header_read_timeout(NEVER)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = RepollOnSelfWake::new(watcher.watch(connection)).await {
        tracing::debug!(%error, "A connection ended early");
    }
}

/// How many bytes a head had at least, from the method to the empty line.
fn head_size<T>(request: &Request<T>) -> usize {
    let line = request.uri().path_and_query().map_or(1, |line| line.as_str().len());
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| name.as_str().len() + ": \r\n".len() + value.len());
    fields.fold(request.method().as_str().len() + line, usize::saturating_add)
}

/// As hyper answers a head that it does not read.
fn too_large<B: AnswerBody>() -> Response<B> {
    let mut answer = Response::new(Bytes::new().into());
    *answer.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// The answer to a request that the program failed over.
fn defect<B: AnswerBody>() -> Response<B> {
    let mut answer = Response::new(Bytes::from_static(b"something went wrong here\n").into());
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    answer
}

/// Counts a connection while it is open.
struct Open(Option<&'static str>);

impl Open {
    fn count(listener: Listener) -> Self {
        let metric = listener.open_connections();
        metric.inspect(|metric| gauge!(*metric).increment(1.0));
        Self(metric)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.inspect(|metric| gauge!(*metric).decrement(1.0));
    }
}
