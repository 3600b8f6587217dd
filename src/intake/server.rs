//! The HTTP/1 server under the intake: connections, their deadlines, and an orderly end.
//!
//! A client that is slow or silent is cut off by a deadline of its own and holds nobody else up. What a request
//! means is the business of the service that is passed in.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use metrics::gauge;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::in_place::InPlace;
use super::patience::{Patience, Patient, Phase};
use super::tls::Tls;
use crate::clock;
use crate::metrics::INTAKE_CONNECTIONS;
use crate::report::Repeats;
use crate::shutdown::Shutdown;

/// The largest head of a request, in bytes.
const HEAD: usize = 32 * 1024;

/// The pause after the system refused a connection for want of something, such as file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often the accepting loop shows that it is alive while nobody calls.
const BEAT: Duration = Duration::from_secs(1);

/// How connections are treated.
#[derive(Clone)]
pub struct ServerLimits {
    /// At the same time; more wait in the system's backlog.
    pub max_connections: usize,
    /// For a TLS handshake, and for a request's head.
    pub header_timeout: Duration,
    /// For a kept-alive connection without a request.
    pub idle_timeout: Duration,
    /// For what is still being answered when the end is asked for.
    pub grace: Duration,
}

/// Serves until the end is asked for and what was begun is answered, or the grace is over.
///
/// TLS is spoken where `tls` is given. `beat` is called on every turn of the accepting loop, for the watchdog. `service`
/// must not panic: it would cost its connection.
pub async fn serve<F, R>(
    listener: TcpListener,
    tls: Option<Tls>,
    limits: ServerLimits,
    shutdown: Shutdown,
    beat: impl Fn() + Send,
    service: F,
) where
    F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let graceful = GracefulShutdown::new();
    let refusals = Repeats::default();
    loop {
        beat();
        let accepted = tokio::select! {
            biased;
            () = shutdown.requested() => break,
            () = tokio::time::sleep(BEAT) => continue,
            accepted = accept(&listener, &slots, &refusals) => accepted,
        };
        let Some((stream, slot)) = accepted else { continue };
        let watcher = graceful.watcher();
        let (tls, service) = (tls.clone(), service.clone());
        let patience = Patience { head: limits.header_timeout, idle: limits.idle_timeout };
        let open = Open::count();
        tokio::spawn(async move {
            converse(stream, tls, patience, watcher, service).await;
            drop((slot, open));
        });
    }
    drop(listener);
    let open = graceful.count();
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(limits.grace) => {
            tracing::warn!(connections = open, "Connections that did not end in time are cut off");
        }
        () = shutdown.hurried() => {}
    }
}

/// A connection and its slot; none if this one came to nothing.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    refusals: &Repeats,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed");
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(error) if is_of_one_connection(&error) => None,
        Err(error) => {
            if let Some(repeats) = refusals.may_say("accept", clock::now()) {
                tracing::warn!(
                    %error, repeats,
                    "No connection can be accepted; trying again. Out of file descriptors: raise the limit (LimitNOFILE=) \
                     or lower intake.max_connections"
                );
            }
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
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

async fn converse<F, R>(
    stream: TcpStream,
    tls: Option<Tls>,
    patience: Patience,
    watcher: Watcher,
    service: F,
) where
    F: Fn(Request<Incoming>) -> R,
    R: Future<Output = Response<Full<Bytes>>>,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "A connection was gone before it began");
        return;
    }
    let Some(tls) = tls else { return speak(stream, patience, watcher, service).await };
    match tokio::time::timeout(patience.head, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => speak(stream, patience, watcher, service).await,
        Ok(Err(error)) => tracing::debug!(%error, "A TLS handshake failed"),
        Err(_) => tracing::debug!("A TLS handshake did not end in time"),
    }
}

async fn speak<S, F, R>(stream: S, patience: Patience, watcher: Watcher, service: F)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    F: Fn(Request<Incoming>) -> R,
    R: Future<Output = Response<Full<Bytes>>>,
{
    let phase = Phase::default();
    let stream = Patient::new(stream, patience, phase.clone());
    let service = service_fn(|request| {
        phase.request_begins();
        let (answered, phase) = (service(request), phase.clone());
        async move {
            let answer = answered.await;
            phase.request_is_answered();
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Never reached: with it hyper reads on after an answer, so that the shorter limits of `Patient` begin.
        .header_read_timeout(patience.head + patience.idle)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = InPlace::new(watcher.watch(connection)).await {
        tracing::debug!(%error, "A connection ended early");
    }
}

/// Counts a connection while it is open.
struct Open;

impl Open {
    fn count() -> Self {
        gauge!(INTAKE_CONNECTIONS).increment(1.0);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        gauge!(INTAKE_CONNECTIONS).decrement(1.0);
    }
}
