//! The sections about the daemon itself: `[intake]`, `[admin]`, `[store]`, `[mappings]` and `[log]`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::secret::{key_file, secret};
use super::section::Section;
use super::share::positive_share;
use super::values::{BaseUrl, address, duration, path, public_url, text, whole};
use super::{Secret, limits};

/// `[intake]`: where webhooks arrive, and how much of them is taken.
#[derive(Debug, Clone)]
pub struct Intake {
    pub listen: SocketAddr,
    /// What vendors call; needed where a signature covers the URL.
    pub public_url: Option<BaseUrl>,
    /// In bytes.
    pub max_body: usize,
    pub max_connections: usize,
    /// Unsettled events, parked ones aside, past which nothing more is taken.
    pub max_pending: usize,
    /// The share of them that one source may hold where there are several, and as many parked ones beside; 0 to 1.
    pub max_pending_per_source: f64,
    /// Unsettled events of one conversation past which nothing more of it is taken.
    pub max_pending_per_conversation: usize,
    /// For a TLS handshake, and for a request's head.
    pub header_timeout: Duration,
    /// For a kept-alive connection without a request.
    pub idle_timeout: Duration,
    /// For a request's body.
    pub body_timeout: Duration,
    /// None: plain HTTP, for a proxy in front.
    pub tls: Option<IntakeTls>,
}

/// `[intake] tls`: what the intake shows, and whom it believes.
#[derive(Debug, Clone)]
pub struct IntakeTls {
    pub pair: KeyPair,
    /// A PEM file of the authorities one of which must have signed a client's certificate; none: clients need no
    /// certificate.
    pub client_ca: Option<PathBuf>,
}

/// A certificate chain and its private key, both PEM files.
#[derive(Debug, Clone)]
pub struct KeyPair {
    pub certificate: PathBuf,
    /// The file itself, or where it is kept; its revealed text is PEM.
    pub key: Secret,
}

/// `[admin]`: the operators' address.
#[derive(Debug, Clone)]
pub struct Admin {
    pub listen: SocketAddr,
    /// Needed on any address but loopback; where none is set the daemon makes one.
    pub token: Option<Secret>,
    /// Where the daemon keeps the token that it makes; none: see [`super::Settings::admin_token_file`].
    pub token_file: Option<PathBuf>,
}

/// `[store]`: where events are kept, and how long.
#[derive(Debug, Clone)]
pub struct Store {
    pub path: PathBuf,
    /// How long an event's id is remembered.
    pub retention: Duration,
    /// How long the raw body of a settled event is kept.
    pub body_retention: Duration,
    /// With less than this free on the disk nothing new is taken, in bytes.
    pub free_space_floor: u64,
}

impl Intake {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let listen = section.need("listen", address);
        let public_url = section.wish("public_url", public_url);
        let max_body = section.need("max_body", whole(limits::BODY));
        let max_connections = section.need("max_connections", whole(limits::CONNECTIONS));
        let max_pending = section.need("max_pending", whole(limits::PENDING));
        let max_pending_per_source = section.need("max_pending_per_source", positive_share);
        let max_pending_per_conversation =
            section.need("max_pending_per_conversation", whole(limits::PENDING_PER_CONVERSATION));
        let header_timeout = section.need("header_timeout", duration(limits::READ_TIMEOUT));
        let idle_timeout = section.need("idle_timeout", duration(limits::IDLE_TIMEOUT));
        let body_timeout = section.need("body_timeout", duration(limits::READ_TIMEOUT));
        let tls = match section.table("tls").map(IntakeTls::read) {
            None => Some(None),
            Some(None) => None,
            Some(pair) => Some(pair),
        };
        section.close();
        Some(Self {
            listen: listen?,
            public_url: public_url?,
            max_body: max_body?,
            max_connections: max_connections?,
            max_pending: max_pending?,
            max_pending_per_source: max_pending_per_source?,
            max_pending_per_conversation: max_pending_per_conversation?,
            header_timeout: header_timeout?,
            idle_timeout: idle_timeout?,
            body_timeout: body_timeout?,
            tls: tls?,
        })
    }
}

impl IntakeTls {
    fn read(mut section: Section<'_>) -> Option<Self> {
        let client_ca = section.wish("client_ca", path);
        let pair = KeyPair::read(section);
        Some(Self { pair: pair?, client_ca: client_ca? })
    }
}

impl KeyPair {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let certificate = section.need("certificate", path);
        let key = section.need("key", key_file);
        section.close();
        Some(Self { certificate: certificate?, key: key? })
    }
}

impl Admin {
    pub(super) fn read(mut section: Section<'_>, intake: Option<SocketAddr>) -> Option<Self> {
        let listen = section.need("listen", address);
        let token = section.wish("token", secret);
        let token_file = section.wish("token_file", path);
        if let (Some(listen), Some(token)) = (listen, &token) {
            if !listen.ip().is_loopback() && token.is_none() {
                let text = "is missing, and `listen` is not a loopback address; set a token or listen on 127.0.0.1";
                section.complain("token", text);
            }
            if intake == Some(listen) && listen.port() != 0 {
                section.complain("listen", "is the address of the intake too; give them two ports");
            }
        }
        section.close();
        Some(Self { listen: listen?, token: token?, token_file: token_file? })
    }
}

impl Store {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let path = section.need("path", path);
        let retention = section.need("retention", duration(limits::RETENTION));
        let body_retention = section.need("body_retention", duration(limits::RETENTION));
        let free_space_floor = section.need("free_space_floor", whole(limits::FREE_SPACE));
        section.close();
        let free_space_floor = free_space_floor?;
        let (retention, body_retention) = (retention?, body_retention?);
        // A body goes with its event at the latest.
        let body_retention = body_retention.min(retention);
        Some(Self { path: path?, retention, body_retention, free_space_floor })
    }
}

/// Reads `[mappings]`: the folder with profiles and tables.
pub(super) fn read_mappings(mut section: Section<'_>) -> Option<PathBuf> {
    let directory = section.need("directory", path);
    section.close();
    directory
}

/// Reads `[log]`: what is logged, in tracing-subscriber's words.
pub(super) fn read_log(mut section: Section<'_>) -> Option<String> {
    let filter = section.need("filter", |given| {
        given.may_be_shown();
        let filter = text(given)?;
        match EnvFilter::builder().parse(&filter) {
            Ok(_) => Ok(filter),
            Err(_) => Err("is no filter; write a level or targets, such as \"info\" or \
                 \"info,awa_bridge::awa=debug\""
                .to_owned()),
        }
    });
    section.close();
    filter
}
