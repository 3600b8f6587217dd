//! The listening sockets that systemd hands over, matched to their places by name. It never opens one itself, and a
//! socket that nobody would serve is an error: callers would connect to it and wait.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;

/// The sockets that systemd hands over; a place that has none is bound from the configuration.
#[derive(Debug, Default)]
pub(crate) struct HandedSockets {
    /// Where vendors call, named `intake`; also a single socket without a name.
    pub(crate) intake: Option<TcpListener>,
    /// Where operators call, named `admin`.
    pub(crate) admin: Option<TcpListener>,
}

/// Why the handed sockets cannot be used.
#[derive(Debug)]
pub(crate) enum SocketError {
    /// `LISTEN_FDS` is not a number.
    BadCount(String),
    /// So many names for so many sockets.
    CountsDiffer {
        /// How many sockets there are.
        sockets: usize,
        /// How many names `LISTEN_FDNAMES` has.
        names: usize,
    },
    /// Several sockets have no names, so that it is open which is which.
    Unnamed(usize),
    /// The name is neither `intake` nor `admin`.
    UnknownName(String),
    /// Two sockets have this name.
    Twice(&'static str),
    /// The socket of this place cannot listen for TCP.
    NotTcp {
        /// `intake` or `admin`.
        place: &'static str,
        /// What the system says.
        error: io::Error,
    },
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadCount(count) => write!(f, "LISTEN_FDS={count} is not a number of sockets"),
            Self::CountsDiffer { sockets, names } => write!(
                f,
                "LISTEN_FDNAMES has {names} names for {sockets} sockets: give each one FileDescriptorName="
            ),
            Self::Unnamed(sockets) => write!(
                f,
                "{sockets} sockets were handed over without LISTEN_FDNAMES: name them with \
                 FileDescriptorName=intake and FileDescriptorName=admin"
            ),
            Self::UnknownName(name) => write!(
                f,
                "a socket named `{name}` was handed over: the names are intake and admin; set \
                 FileDescriptorName= in its socket unit"
            ),
            Self::Twice(place) => write!(
                f,
                "two sockets named {place} were handed over: keep one ListenStream= for it ([::] serves \
                 IPv4 too)"
            ),
            Self::NotTcp { place, error } => write!(
                f,
                "the socket handed over as {place} cannot be used: {error}; it needs a TCP address in \
                 ListenStream= and Accept=no"
            ),
        }
    }
}

impl std::error::Error for SocketError {}

/// Where a handed socket belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Intake,
    Admin,
}

impl Place {
    const fn name(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Admin => "admin",
        }
    }
}

impl HandedSockets {
    /// Takes what `LISTEN_FDS`, `LISTEN_FDNAMES` and `LISTEN_PID` speak of; nothing where they speak to another
    /// process.
    ///
    /// Removes the variables, so it belongs at the very start, before there is a second thread; a second call
    /// finds nothing.
    ///
    /// # Errors
    /// Numbers or names do not fit, or a socket is not a TCP listener.
    pub(crate) fn from_environment() -> Result<Self, SocketError> {
        let variable = |name| std::env::var(name).ok();
        check_count(variable("LISTEN_FDS").as_deref())?;
        let names = variable("LISTEN_FDNAMES");
        let mut handed = ListenFd::from_env();
        let places = places(handed.len(), names.as_deref())?;
        let sockets = (0..handed.len()).map(|index| handed.take_tcp_listener(index)).collect();
        Self::seat(&places, sockets)
    }

    fn seat(
        places: &[Place],
        sockets: Vec<io::Result<Option<TcpListener>>>,
    ) -> Result<Self, SocketError> {
        let mut seated = Self::default();
        for (place, socket) in places.iter().zip(sockets) {
            let not_tcp = |error| SocketError::NotTcp { place: place.name(), error };
            let socket = socket.map_err(not_tcp)?;
            if let Some(socket) = &socket {
                // Without this, accepting would block the runtime's thread.
                socket.set_nonblocking(true).map_err(not_tcp)?;
            }
            match place {
                Place::Intake => seated.intake = socket,
                Place::Admin => seated.admin = socket,
            }
        }
        Ok(seated)
    }
}

/// How many connections may wait to be accepted, as in systemd's sockets; the system may allow fewer.
const BACKLOG: u32 = 4_096;

/// The handed listener, or else one that is bound to `address`. Needs a tokio runtime.
///
/// # Errors
/// The address cannot be bound, or the runtime refuses the socket.
pub(crate) fn listener(
    handed: Option<TcpListener>,
    address: SocketAddr,
) -> io::Result<tokio::net::TcpListener> {
    match handed {
        Some(socket) => tokio::net::TcpListener::from_std(socket),
        None => {
            let socket = match address {
                SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
                SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
            };
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        }
    }
}

/// listenfd takes a count that it cannot read for no sockets at all.
fn check_count(count: Option<&str>) -> Result<(), SocketError> {
    match count {
        Some(count) if count.parse::<u16>().is_err() => {
            Err(SocketError::BadCount(count.to_owned()))
        }
        Some(_) | None => Ok(()),
    }
}

fn places(sockets: usize, names: Option<&str>) -> Result<Vec<Place>, SocketError> {
    let names: Vec<&str> = match (sockets, names.unwrap_or_default()) {
        (0, _) => return Ok(Vec::new()),
        (1, "") => vec!["intake"],
        (sockets, "") => return Err(SocketError::Unnamed(sockets)),
        (_, names) => names.split(':').collect(),
    };
    if names.len() != sockets {
        return Err(SocketError::CountsDiffer { sockets, names: names.len() });
    }
    let mut places = Vec::with_capacity(sockets);
    for name in names {
        let place = match name {
            "intake" => Place::Intake,
            "admin" => Place::Admin,
            other => return Err(SocketError::UnknownName(other.to_owned())),
        };
        if places.contains(&place) {
            return Err(SocketError::Twice(place.name()));
        }
        places.push(place);
    }
    Ok(places)
}

#[cfg(test)]
mod tests;
