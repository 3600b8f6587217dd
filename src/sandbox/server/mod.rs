//! The sandbox over HTTP: [`Sandbox`] is the handle that starts it, inspects it and stops it.
//!
//! It serves plain HTTP/1 only.

mod access;
mod exchange;
mod record;
mod reply;
#[cfg(test)]
mod tests;
mod token;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use access::Access;
pub use record::RecordedCall;

use super::faults::{Fault, Faults};
use super::switches::Switches;
use super::world::{Endpoint, World};
use crate::clock;
use crate::http::{self, Limits, Listener};
use crate::routing::UnixMillis;
use crate::shutdown::Shutdown;
use exchange::Window;
use record::Calls;

/// More than anybody opens, so that no connection gives way to another.
const MAX_CONNECTIONS: usize = 1 << 20;

/// A client that is silent, or does not read, for so long is cut off.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running sandbox; clones are handles of the same one, and it ends with [`Sandbox::stop`] or the last of them.
#[derive(Debug, Clone)]
pub struct Sandbox {
    state: Arc<State>,
    running: Arc<Running>,
}

#[derive(Debug)]
struct Running {
    address: SocketAddr,
    shutdown: Shutdown,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.hurry();
    }
}

/// What connections share.
#[derive(Debug)]
struct State {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    world: World,
    access: Access,
    faults: Faults,
    calls: Calls,
    window: Option<Window>,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic in a test's closure must not hide what the test is about.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The instance's own clock.
    fn now(&self) -> UnixMillis {
        let offset = self.world.switches.clock_offset_ms;
        UnixMillis(clock::now().0.saturating_add(offset))
    }
}

impl Sandbox {
    /// Serves a world to anyone who brings credentials ([`Access::anyone`]) until it is stopped.
    ///
    /// # Errors
    /// If the listener has no local address.
    pub fn start(listener: TcpListener, world: World) -> io::Result<Self> {
        Self::start_with(listener, world, Access::anyone())
    }

    /// Serves a world to callers that `access` lets in.
    ///
    /// # Errors
    /// If the listener has no local address.
    pub(crate) fn start_with(
        listener: TcpListener,
        world: World,
        access: Access,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let inner = Inner {
            world,
            access,
            faults: Faults::default(),
            calls: Calls::default(),
            window: None,
        };
        let state = Arc::new(State { inner: Mutex::new(inner) });
        let limits = Limits {
            listener: Listener::Sandbox,
            max_connections: MAX_CONNECTIONS,
            header_timeout: PATIENCE,
            idle_timeout: PATIENCE,
            grace: Duration::ZERO,
        };
        let shutdown = Shutdown::new();
        let shared = Arc::clone(&state);
        let service = move |request| {
            let state = Arc::clone(&shared);
            async move { exchange::answer(&state, request).await }
        };
        let served = http::serve(listener, None, limits, shutdown.clone(), || {}, service);
        let task = Mutex::new(Some(tokio::spawn(served)));
        let running = Arc::new(Running { address, shutdown, task });
        Ok(Self { state, running })
    }

    /// Where it listens.
    #[must_use]
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address
    }

    /// Its base URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.running.address)
    }

    /// Every request so far, in order of arrival (the last 100,000).
    #[must_use]
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.state.lock().calls.iter().cloned().collect()
    }

    /// The requests to one API so far, in order of arrival.
    #[must_use]
    pub fn calls_to(&self, endpoint: Endpoint) -> Vec<RecordedCall> {
        let inner = self.state.lock();
        inner.calls.iter().filter(|call| call.endpoint == endpoint).cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn forget_calls(&self) {
        self.state.lock().calls.clear();
    }

    /// Reads or changes the world; nothing is served meanwhile.
    pub fn with_world<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.state.lock().world)
    }

    /// Reads or changes the credentials.
    pub fn with_access<T>(&self, change: impl FnOnce(&mut Access) -> T) -> T {
        change(&mut self.state.lock().access)
    }

    /// Adds a fault to inject.
    pub fn inject(&self, fault: Fault) {
        self.state.lock().faults.add(fault);
    }

    /// Takes back every fault that is not used up.
    pub fn clear_faults(&self) {
        self.state.lock().faults.clear();
    }

    /// Sets how the instance behaves.
    pub fn set_switches(&self, switches: Switches) {
        self.state.lock().world.switches = switches;
    }

    /// Stops listening and drops every connection, also those that hang.
    pub(crate) async fn stop(&self) {
        self.running.shutdown.hurry();
        let task = self.running.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::warn!(%error, "the sandbox did not stop cleanly");
        }
    }
}
