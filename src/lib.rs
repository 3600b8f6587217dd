//! awa-bridge carries a contact centre's routing events to ServiceNow Advanced Work Assignment (AWA): durable, in
//! order, once.
//!
#![doc = include_str!("../docs/architecture.md")]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests may block; the library without them is looked at too"
    )
)]

mod routing;

mod mapping;
mod problem;
mod source;
mod text_file;

mod awa;

mod store;

mod dispatch;
mod http;
mod intake;

mod admin;
mod notify;
mod report;

mod app;
mod cli;
mod config;

mod base_url;
mod clock;
mod contained;
mod credentials;
mod logging;
mod metrics;
mod pauses;
mod personal;
mod shutdown;
mod systemd;

#[cfg(any(test, fuzzing))]
mod fuzzing;

#[cfg(test)]
#[path = "../tests/seed.rs"]
mod seed;

#[cfg(test)]
#[path = "../tests/explore.rs"]
mod explore;

#[cfg(test)]
#[path = "../tests/postgres.rs"]
mod postgres_server;

#[cfg(test)]
#[path = "../tests/it/support/database_proxy.rs"]
#[allow(dead_code, reason = "one of the two programs of tests uses it")]
mod database_proxy;

mod sandbox;

#[doc(hidden)]
pub mod testing;

pub use cli::main;
