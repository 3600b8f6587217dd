//! awa-bridge carries a contact centre's routing events to ServiceNow Advanced Work Assignment.

pub mod admin;
pub mod app;
pub mod awa;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dispatch;
pub mod intake;
pub mod logging;
pub mod mapping;
pub mod metrics;
pub mod notify;
pub mod problem;
pub mod report;
pub mod routing;
pub mod sandbox;
pub mod shutdown;
pub mod store;
pub mod vendor;
