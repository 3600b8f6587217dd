//! The admin address: health, metrics and the record of events, on loopback. Reads only, but for replay, discard, hold
//! and reload, which a person asks for. All but health, metrics and the page itself is for the holder of the token.

mod access;
mod answer;
mod changes;
pub(crate) mod missing;
mod overview;
mod page;
mod posts;
mod reads;
mod routes;
mod search;
mod status;
pub(crate) mod story;
mod todo;
pub(crate) mod wording;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Limited;
use hyper::{Request, Response};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::http::{self, Authentic, Limits, Listener, TrackedBody};
use crate::routing::UnixMillis;
use crate::shutdown::Shutdown;
use crate::store::{Failed, Store};
pub(crate) use access::Token;
use answer::Body;
pub(crate) use changes::Waiters;
pub(crate) use posts::hold_time;
use reads::Reads;
pub(crate) use status::{
    Database, EventCounts, Held, HoldAnswer, Node, Notify, ServiceNow, Status,
};

/// How long a client of the admin address may take for its request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a kept-alive connection may have no request: Prometheus asks every 15 s to 60 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// No admin request has a body worth more.
const MAX_BODY: usize = 64 * 1024;

/// What the admin address shows and sets off, beside the store.
pub(crate) struct Admin {
    pub(crate) store: Store,
    pub(crate) status: Box<dyn Fn() -> Status + Send + Sync>,
    /// Holds all sending or lets it go on; whether that changed anything.
    pub(crate) hold: Hold,
    /// The metrics page.
    pub(crate) metrics: Box<dyn Fn() -> String + Send + Sync>,
    pub(crate) reload: Reload,
    /// Asked of every request but the health checks and the metrics.
    pub(crate) token: Token,
    /// Where it listens: decides which `Host` is foreign.
    pub(crate) listen: SocketAddr,
    /// All sources.
    pub(crate) sources: Box<dyn Fn() -> Vec<SourceInForce> + Send + Sync>,
    /// The folder of the tables.
    pub(crate) tables: Box<dyn Fn() -> PathBuf + Send + Sync>,
    /// The contact centre of a source, by the source's name.
    pub(crate) contact_center: ContactCenter,
    pub(crate) reads: AdminReads,
    pub(crate) waiters: Waiters,
}

/// A source of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SourceInForce {
    /// Its name.
    pub(crate) source: String,
    pub(crate) vendor: String,
    pub(crate) contact_center: String,
}

/// Where questions to the store and for the metrics page wait for their turn, apart from each other.
#[derive(Default)]
pub(crate) struct AdminReads {
    store: Reads,
    metrics: Reads,
}

/// See [`Admin::hold`].
pub(crate) type Hold = Box<dyn Fn(HoldWish) -> HoldFuture + Send + Sync>;
/// See [`Hold`].
pub(crate) type HoldFuture = Pin<Box<dyn Future<Output = Result<bool, Failed>> + Send>>;

/// What an operator wants of the hold.
pub(crate) struct HoldWish {
    /// Whether all sending is to be held.
    pub(crate) held: bool,
    /// Up to when; none: until it is ended.
    pub(crate) until: Option<UnixMillis>,
    /// Who wants it.
    pub(crate) by: String,
}

/// See [`Admin::contact_center`].
pub(crate) type ContactCenter = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;
/// Re-reads the files: what changed, or every problem found.
pub(crate) type Reload = Box<dyn Fn() -> ReloadFuture + Send + Sync>;
/// See [`Reload`].
pub(crate) type ReloadFuture =
    Pin<Box<dyn Future<Output = Result<Vec<String>, Vec<String>>> + Send>>;

/// Serves until the end is asked for; requests under way are then dropped, they only read.
///
/// A new connection past `max_connections` takes the place of one that can be spared.
pub(crate) async fn serve(
    listener: TcpListener,
    admin: Arc<Admin>,
    max_connections: usize,
    shutdown: Shutdown,
) {
    let limits = Limits {
        listener: Listener::Admin,
        max_connections,
        header_timeout: HEAD_TIMEOUT,
        idle_timeout: IDLE_TIMEOUT,
        grace: Duration::ZERO,
    };
    let service = move |request| respond(Arc::clone(&admin), request);
    http::serve(listener, None, limits, shutdown, || {}, service).await;
}

async fn respond(admin: Arc<Admin>, request: Request<TrackedBody>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = http_body_util::BodyExt::collect(Limited::new(body, MAX_BODY));
    match tokio::time::timeout(HEAD_TIMEOUT, body).await {
        Ok(Ok(body)) => {
            let body = body.to_bytes();
            // Some clients send an object with each POST; an empty one says nothing.
            let has_body = !matches!(body.trim_ascii(), b"" | b"{}");
            let mut response = routes::respond(&admin, &parts, has_body).await;
            if access::authorised(&admin.token, &parts) {
                response.extensions_mut().insert(Authentic);
            }
            response
        }
        Ok(Err(_)) => answer::problem(413, "The request's body is too large"),
        Err(_) => answer::problem(408, "The request's body was not received in time"),
    }
}
