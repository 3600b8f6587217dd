//! What is said to systemd, and what it hands over: readiness, reloads, status, start-up extensions, the watchdog and
//! sockets. Without systemd everything here is silent. It never decides what the program does.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sd_notify::NotifyState;

pub(crate) mod sockets;
pub(crate) mod watchdog;

#[cfg(test)]
mod tests;

/// How long one step of [`Notifier::extending`] asks for; it is renewed after a third of this.
const EXTENSION: Duration = Duration::from_secs(30);

/// How long a message may wait for systemd to read the earlier ones.
const SEND_LIMIT: Duration = Duration::from_secs(1);

/// The line to systemd's notify socket; silent where there is none. Clones speak on the same line.
#[derive(Debug, Clone)]
pub(crate) struct Notifier {
    line: Option<Arc<Line>>,
}

#[derive(Debug)]
struct Line {
    socket: UnixDatagram,
    to: SocketAddr,
    spoken: Mutex<Spoken>,
}

/// What was said before, so that neither a status nor a complaint is repeated.
#[derive(Debug, Default)]
struct Spoken {
    status: String,
    failed: bool,
}

impl Notifier {
    /// Speaks to `$NOTIFY_SOCKET`; silent without one. An address that cannot be used is logged and then silent too.
    #[must_use]
    pub(crate) fn from_environment() -> Self {
        let Some(address) = std::env::var_os("NOTIFY_SOCKET") else { return Self::silent() };
        Self::to(&address).unwrap_or_else(|error| {
            tracing::warn!(
                %error,
                "NOTIFY_SOCKET cannot be used: systemd will not hear that this program is ready"
            );
            Self::silent()
        })
    }

    /// Speaks to nobody.
    #[must_use]
    pub(crate) const fn silent() -> Self {
        Self { line: None }
    }

    /// Speaks to the datagram socket at `address`: a path, or a name in the abstract namespace after `@`.
    ///
    /// # Errors
    /// The address is no socket address, or no socket can be made. Nobody needs to listen there yet.
    pub(crate) fn to(address: &OsStr) -> io::Result<Self> {
        let to = match address.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(address)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_LIMIT))?;
        Ok(Self { line: Some(Arc::new(Line { socket, to, spoken: Mutex::default() })) })
    }

    /// Says that start-up or a reload is over, whether the reload brought anything or was refused.
    pub(crate) fn ready(&self, status: &str) {
        self.say(&[NotifyState::Ready], Some(status));
    }

    /// Says that a reload began at `at` on [`crate::clock::monotonic`]; [`Self::ready`] must follow.
    pub(crate) fn reloading(&self, at: Duration) {
        let at = i128::try_from(at.as_micros()).unwrap_or(i128::MAX);
        self.say(&[NotifyState::Reloading, NotifyState::MonotonicUsec(at)], None);
    }

    /// Says that the drain began.
    pub(crate) fn stopping(&self, status: &str) {
        self.say(&[NotifyState::Stopping], Some(status));
    }

    /// Sets the line that `systemctl status` shows; the same line again is not sent.
    pub(crate) fn status(&self, text: &str) {
        let Some(line) = &self.line else { return };
        let said = line.spoken().status == one_line(text);
        if !said {
            self.say(&[], Some(text));
        }
    }

    /// Asks for `by` more time, counted from now, for the start, reload or stop that is under way.
    pub(crate) fn extend_timeout(&self, by: Duration) {
        let micros = u32::try_from(by.as_micros()).unwrap_or(u32::MAX);
        self.say(&[NotifyState::ExtendTimeoutUsec(micros)], None);
    }

    /// Waits for `work` and meanwhile asks for more start-up time, for `at_most` in all; after that systemd's own limit
    /// holds again, so that work which never ends is not waited for for ever.
    pub(crate) async fn extending<F: Future>(
        &self,
        status: &str,
        at_most: Duration,
        work: F,
    ) -> F::Output {
        let mut work = pin!(work);
        let mut left = at_most;
        self.status(status);
        while !left.is_zero() {
            let step = left.min(EXTENSION);
            self.extend_timeout(step);
            let pause = step.min(EXTENSION / 3);
            if let Ok(output) = tokio::time::timeout(pause, work.as_mut()).await {
                return output;
            }
            left -= pause;
        }
        tracing::error!(
            seconds = at_most.as_secs(),
            "{status} takes too long: systemd is asked for no more time"
        );
        work.await
    }

    fn feed_watchdog(&self) {
        self.say(&[NotifyState::Watchdog], None);
    }

    fn say(&self, states: &[NotifyState<'_>], status: Option<&str>) {
        let Some(line) = &self.line else { return };
        let status = status.map(one_line);
        let message = message(states, status.as_deref());
        let sent = line.socket.send_to_addr(message.as_bytes(), &line.to);
        let mut spoken = line.spoken();
        match sent {
            Ok(_) => {
                spoken.failed = false;
                if let Some(status) = status {
                    spoken.status = status;
                }
            }
            Err(error) if !spoken.failed => {
                spoken.failed = true;
                tracing::warn!(%error, "systemd's notify socket does not take messages");
            }
            Err(_) => {}
        }
    }
}

impl Line {
    fn spoken(&self) -> std::sync::MutexGuard<'_, Spoken> {
        self.spoken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `systemctl status` shows of a running bridge; its `Display` is the line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Condition {
    /// Events that wait for their turn, their retry or the rate limit.
    pub(crate) pending: u64,
    /// Age of the oldest of them.
    pub(crate) oldest: Option<Duration>,
    /// Events that wait for a mapping.
    pub(crate) parked: u64,
    /// Events that were given up and wait for a person.
    pub(crate) dead: u64,
    /// ServiceNow failed so often in a row that calls pause.
    pub(crate) breaker_open: bool,
    /// An operator holds all sending.
    pub(crate) held: bool,
    /// The last reload was refused; the configuration before it is in force.
    pub(crate) reload_failed: bool,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pending", self.pending)?;
        if let Some(oldest) = self.oldest {
            write!(f, ", oldest {}", rounded(oldest))?;
        }
        if self.parked > 0 {
            write!(f, ", {} parked", self.parked)?;
        }
        if self.dead > 0 {
            write!(f, ", {} dead", self.dead)?;
        }
        let breaker = if self.breaker_open { "open" } else { "closed" };
        write!(f, "; breaker {breaker}")?;
        if self.held {
            f.write_str("; held by an operator")?;
        }
        if self.reload_failed {
            f.write_str("; last reload refused")?;
        }
        Ok(())
    }
}

/// The age in its largest whole unit, so that the line does not change with every second of an outage.
fn rounded(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

fn message(states: &[NotifyState<'_>], status: Option<&str>) -> String {
    let status = status.map(NotifyState::Status);
    states.iter().chain(&status).fold(String::new(), |mut message, state| {
        writeln!(message, "{state}").expect("a String takes any text");
        message
    })
}

/// A line break would begin another assignment of the notify protocol.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
