//! The sandbox over HTTP: [`Sandbox`] is the handle that starts it, looks into it and stops it.
//!
//! Under `/sandbox/` there is a control API, for loopback peers only and without authentication; `control.rs` says
//! what it takes. It serves plain HTTP/1 only.

mod access;
mod connection;
mod control;
mod exchange;
mod record;
mod reply;
#[cfg(test)]
mod tests;
mod token;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use access::Access;
pub use record::RecordedCall;

use super::faults::{Fault, Script};
use super::switches::Switches;
use super::world::{Endpoint, World};
use crate::clock;
use crate::routing::UnixMillis;
use exchange::Window;
use record::Calls;

/// A running sandbox; clones are handles of the same one, and it ends with [`Sandbox::stop`] or the last of them.
#[derive(Debug, Clone)]
pub struct Sandbox {
    state: Arc<State>,
    running: Arc<Running>,
}

#[derive(Debug)]
struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What connections share.
#[derive(Debug)]
struct State {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    world: World,
    /// What a reset goes back to.
    initial: World,
    access: Access,
    script: Script,
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

    fn reset(&mut self) {
        self.world = self.initial.clone();
        self.script.clear();
        self.calls.clear();
        self.window = None;
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
    pub fn start_with(listener: TcpListener, world: World, access: Access) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let inner = Inner {
            initial: world.clone(),
            world,
            access,
            script: Script::default(),
            calls: Calls::default(),
            window: None,
        };
        let state = Arc::new(State { inner: Mutex::new(inner) });
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(connection::listen(listener, Arc::clone(&state), stopped));
        let running = Arc::new(Running { address, stop, task: Mutex::new(Some(task)) });
        Ok(Self { state, running })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
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

    /// Looks into the world or changes it; nothing is served meanwhile.
    pub fn with_world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.state.lock().world)
    }

    /// Looks into the credentials or changes them.
    pub fn with_access<T>(&self, look: impl FnOnce(&mut Access) -> T) -> T {
        look(&mut self.state.lock().access)
    }

    /// Adds a misbehaviour.
    pub fn script(&self, fault: Fault) {
        self.state.lock().script.add(fault);
    }

    /// Takes back every misbehaviour that is not used up.
    pub fn clear_script(&self) {
        self.state.lock().script.clear();
    }

    /// Sets how the instance behaves.
    pub fn set_switches(&self, switches: Switches) {
        self.state.lock().world.switches = switches;
    }

    /// The instance's own clock.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.state.lock().now()
    }

    /// Stops listening and drops every connection, also those that hang.
    pub async fn stop(&self) {
        self.running.stop.send_replace(true);
        let task = self.running.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::warn!(%error, "the sandbox did not stop cleanly");
        }
    }
}
