//! From the configuration to the way to the database, and the node's own name.

#![expect(clippy::disallowed_methods, reason = "runs at the start, and in `check` and `migrate`")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::FlockOperation;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret;

use super::files::{found, of_config};
use super::{Failure, certificates};
use crate::clock::{self, millis};
use crate::config::{Engine, Means, Postgres, Replicas, Secret, Settings};
use crate::problem::{Problem, counted};
use crate::store::{Node, PostgresSettings, Schema};

/// The file that holds the node's name, in the folder that holds `store.path`.
const NODE: &str = "node";

/// How the database is reached, as which node; none where the store is of files. Takes the node's name, or makes one.
///
/// # Errors
/// What is missing or wrong, with its key.
pub(super) fn settings(settings: &Settings) -> Result<Option<PostgresSettings>, Vec<Problem>> {
    let Some((config, tls)) = way(settings)? else { return Ok(None) };
    let Postgres { schema, replicas, means, .. } = &settings.store.postgres;
    let node = node(&settings.store.path)
        .map_err(|problem| vec![of_config(settings, format!("store.path: {problem}"))])?;
    Ok(Some(PostgresSettings {
        config,
        tls: Arc::new(tls),
        schema: Schema { name: schema.clone(), is_plain: *means == Means::Plain },
        replicas_required: *replicas == Replicas::Required,
        node: Arc::new(node),
        call_ms: millis(settings.servicenow.request_timeout),
        rows_up_to: PostgresSettings::ROWS,
    }))
}

/// Tries once whether the database can be used at all.
///
/// # Errors
/// Why it cannot.
pub(super) async fn reach(of: &Settings) -> Result<(), Failure> {
    let postgres = settings(of).map_err(Failure::Configuration)?;
    let Some(postgres) = postgres else { return Ok(()) };
    let reached = postgres.reach().await;
    reached.map_err(|why| Failure::Broken(format!("the database cannot be used: {why}")))
}

/// Where the database is, and how it is spoken to; none where the store is of files. Connects to nothing.
///
/// # Errors
/// What is missing or wrong, with its key.
pub(super) fn way(
    settings: &Settings,
) -> Result<Option<(tokio_postgres::Config, ClientConfig)>, Vec<Problem>> {
    if settings.store.engine == Engine::Sled {
        return Ok(None);
    }
    let wrong =
        |key: &str, problem: &str| of_config(settings, format!("store.postgres.{key}: {problem}"));
    let Postgres { password, replicas, means, .. } = &settings.store.postgres;
    let mut problems = Vec::new();
    let config = address(settings).map_err(|problem| problems.push(problem)).ok();
    if (*replicas, *means) == (Replicas::Required, Means::Plain) {
        let problem = "\"required\" needs means = \"all\": only PostgreSQL itself says which standbys confirm commits";
        problems.push(wrong("replicas", problem));
    }
    let password = password.as_ref().map(Secret::reveal).transpose();
    let password = password.map_err(|problem| problems.push(found(settings, &problem))).ok();
    let tls = tls(&settings.store.postgres)
        .map_err(|(key, problem)| problems.push(wrong(key, &problem)))
        .ok();
    match (config, password, tls) {
        (Some(mut config), Some(password), Some(tls)) if problems.is_empty() => {
            if let Some(password) = password {
                config.password(password.expose_secret());
            }
            Ok(Some((config, tls)))
        }
        _ => Err(problems),
    }
}

/// What `store.postgres.url` says.
fn address(settings: &Settings) -> Result<tokio_postgres::Config, Problem> {
    let wrong = |problem: &str| of_config(settings, format!("store.postgres.url: {problem}"));
    let Some(url) = &settings.store.postgres.url else {
        return Err(wrong(
            "is missing: engine = \"postgres\" needs it, such as postgres://bridge@db1,db2/bridge",
        ));
    };
    let url = url.reveal().map_err(|problem| found(settings, &problem))?;
    let config: tokio_postgres::Config = url.expose_secret().parse().map_err(|_| {
        wrong("is no URL of a database; write it as postgres://USER@HOST[:PORT][,HOST…]/DATABASE")
    })?;
    if config.get_hosts().is_empty() || config.get_user().is_none() {
        return Err(wrong(
            "names no host or no user; write it as postgres://USER@HOST[:PORT][,HOST…]/DATABASE",
        ));
    }
    Ok(config)
}

/// Removes all tables, with what they hold.
///
/// # Errors
/// The database is away or refuses.
pub(super) async fn forget_schema(of: &Settings) -> Result<(), Failure> {
    let Some(postgres) = settings(of).map_err(Failure::Configuration)? else { return Ok(()) };
    postgres.forget_schema().await.map_err(Failure::Broken)
}

/// Makes the tables, or what is missing of them, and takes over the store of files in `from`; says what was done.
///
/// # Errors
/// The configuration names no database, it is away or refuses, or the store cannot be read.
pub(crate) async fn migrate(of: &Settings, from: Option<&Path>) -> Result<String, Failure> {
    let postgres = settings(of).map_err(Failure::Configuration)?;
    let Some(postgres) = postgres else {
        let problem = "store.engine: is \"sled\", which needs no tables; set it to \"postgres\"";
        return Err(Failure::Configuration(vec![of_config(of, problem.to_owned())]));
    };
    let schema = &postgres.schema;
    let Some(from) = from else {
        postgres.migrate().await.map_err(Failure::Broken)?;
        return Ok(format!("The tables are in schema {schema}."));
    };
    let imported = postgres.import(from, clock::now()).await.map_err(Failure::Broken)?;
    Ok(format!(
        "The tables are in schema {schema}, with {} of {} from {}, which stays as it is.",
        counted(imported.events, "event"),
        counted(imported.conversations, "conversation"),
        from.display()
    ))
}

/// Whom the bridge trusts on the way, and what it shows.
fn tls(postgres: &Postgres) -> Result<ClientConfig, (&'static str, String)> {
    let mut roots = RootCertStore::empty();
    if let Some(ca) = &postgres.ca {
        let pem = certificates::read(ca).map_err(|problem| ("ca", problem))?;
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|_| ("ca", "is not PEM".to_owned()))?;
            roots.add(certificate).map_err(|_| ("ca", "holds a damaged certificate".to_owned()))?;
        }
        if roots.is_empty() {
            return Err(("ca", "holds no certificate".to_owned()));
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ("ca", error.to_string()))?
        .with_root_certificates(roots);
    let key = "client_certificate";
    match (&postgres.client_certificate, &postgres.client_key) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (None, Some(_)) => Err((key, "is missing beside client_key".to_owned())),
        (Some(_), None) => Err(("client_key", "is missing beside client_certificate".to_owned())),
        (Some(certificate), Some(private)) => {
            let pem = certificates::read(certificate).map_err(|problem| (key, problem))?;
            let chain = CertificateDer::pem_slice_iter(pem.as_bytes())
                .collect::<Result<Vec<_>, _>>()
                .map_err(|_| (key, "is not PEM".to_owned()))?;
            let private = private.reveal().map_err(|problem| ("client_key", problem.text))?;
            let private = PrivateKeyDer::from_pem_slice(private.expose_secret().as_bytes())
                .map_err(|_| ("client_key", "is no private key in PEM".to_owned()))?;
            builder
                .with_client_auth_cert(chain, private)
                .map_err(|error| (key, format!("cannot be used: {error}")))
        }
    }
}

/// Takes the name of the node that keeps its state beside `store`, or makes one.
fn node(store: &Path) -> Result<Node, String> {
    let folder = store.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let path = folder.join(NODE);
    let taken = take(folder, &path);
    let (name, taken) = taken.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => {
            format!("another daemon uses {}; each node needs a folder of its own", path.display())
        }
        _ => format!("the node's name in {} cannot be kept: {error}", path.display()),
    })?;
    Ok(Node::new(name, taken))
}

fn take(folder: &Path, path: &Path) -> io::Result<(String, File)> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    let mut name = String::new();
    file.read_to_string(&mut name)?;
    if name.trim().is_empty() {
        name = hex::encode(rand::random::<[u8; 8]>());
        file.write_all(name.as_bytes())?;
        file.sync_all()?;
    }
    Ok((name.trim().to_owned(), file))
}
