//! One connection to one host. Over TCP it is made here, since only our own socket says what the connection's two ends
//! are: where the server sees the same two, nothing stands in between.

use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_postgres::config::Host;
use tokio_postgres::error::Severity;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::trouble::Trouble;
use crate::clock;

/// How long the network may leave bytes unconfirmed.
const UNCONFIRMED: Duration = Duration::from_secs(3);
/// The port where none is named.
const PORT: u16 = 5432;

/// The two ends of the connection as the server sees it; nothing of one that is not over TCP.
const ENDS: &str = "SELECT host(inet_client_addr()), inet_client_port(), host(inet_server_addr()), inet_server_port()";

/// What drives a connection; it counts the server's warnings.
pub(super) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection that takes writes.
pub(super) struct Opened {
    pub(super) client: Client,
    pub(super) driver: Driver,
    /// None where it is not over TCP to a host with a name.
    pub(super) ends: Option<Ends>,
}

/// The two ends of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ends {
    client: SocketAddr,
    server: SocketAddr,
}

impl Ends {
    fn of(stream: &TcpStream) -> Option<Self> {
        let (client, server) = (stream.local_addr().ok()?, stream.peer_addr().ok()?);
        Some(Self { client: canonical(client), server: canonical(server) })
    }

    /// Whether the server sees the same two ends. Behind a pooler it sees the pooler's socket.
    pub(super) async fn are_the_servers(self, client: &Client) -> bool {
        let seen = client.query_typed(ENDS, &[]).await;
        seen.is_ok_and(|rows| rows.first().and_then(seen_by_server) == Some(self))
    }
}

fn seen_by_server(row: &tokio_postgres::Row) -> Option<Ends> {
    let end = |at: usize| {
        let address: IpAddr = row.try_get::<_, Option<&str>>(at).ok()??.parse().ok()?;
        let port = row.try_get::<_, Option<i32>>(at + 1).ok()??;
        Some(canonical(SocketAddr::new(address, port.try_into().ok()?)))
    };
    Some(Ends { client: end(0)?, server: end(2)? })
}

/// Without what only one side may know: that it is IPv4 within IPv6, and over which of its networks it goes.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Connects to the only host that the configuration names.
///
/// # Errors
/// It cannot be reached, refuses, or takes no writes.
pub(super) async fn open(
    config: &Config,
    tls: &rustls::ClientConfig,
    warnings: &Arc<AtomicU64>,
) -> Result<Opened, Trouble> {
    let mut tls = MakeRustlsConnect::new(tls.clone());
    let [Host::Tcp(name)] = config.get_hosts() else {
        let (client, connection) = config.connect(tls).await?;
        let driver = Box::pin(driven(connection, Arc::clone(warnings)));
        return Ok(Opened { client, driver, ends: None });
    };
    let port = config.get_ports().first().copied().unwrap_or(PORT);
    let addresses: Vec<SocketAddr> = match config.get_hostaddrs().first() {
        Some(address) => vec![SocketAddr::new(*address, port)],
        None => lookup_host((name.as_str(), port)).await.map_err(unreachable)?.collect(),
    };
    let mut trouble = unreachable("could not resolve any addresses");
    for address in addresses {
        let connector = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, name);
        let connector = connector.map_err(unreachable)?;
        let opened = async {
            let stream = dialled(address).await.map_err(unreachable)?;
            let ends = Ends::of(&stream);
            let (client, connection) = config.connect_raw(stream, connector).await?;
            let mut driver: Driver = Box::pin(driven(connection, Arc::clone(warnings)));
            tokio::select! {
                writes = takes_writes(&client) => writes?,
                () = &mut driver => return Err(unreachable("connection closed")),
            }
            Ok(Opened { client, driver, ends })
        };
        match opened.await {
            Ok(opened) => return Ok(opened),
            Err(other) => trouble = other,
        }
    }
    Err(trouble)
}

fn unreachable(why: impl Display) -> Trouble {
    Trouble::Away(format!("error connecting to server: {why}"))
}

/// A socket that notices soon when the other side is gone.
async fn dialled(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let unconfirmed = u32::try_from(clock::millis(UNCONFIRMED)).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(&stream, unconfirmed)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, UNCONFIRMED)?;
    Ok(stream)
}

/// # Errors
/// The server is a standby, or takes no writes for another reason.
async fn takes_writes(client: &Client) -> Result<(), Trouble> {
    let said = client.simple_query("SHOW transaction_read_only").await?;
    let reads_only = said.iter().any(|message| {
        matches!(message, SimpleQueryMessage::Row(row) if row.try_get(0).ok().flatten() == Some("on"))
    });
    if reads_only { Err(unreachable("database does not allow writes")) } else { Ok(()) }
}

async fn driven<S, T>(mut connection: Connection<S, T>, warnings: Arc<AtomicU64>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        let AsyncMessage::Notice(notice) = message else { continue };
        if notice.parsed_severity() == Some(Severity::Warning) {
            warnings.fetch_add(1, Ordering::AcqRel);
            tracing::warn!(
                code = notice.code().code(),
                text = notice.message(),
                "the database warns"
            );
        }
    }
}
