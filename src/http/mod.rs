//! The HTTP/1 server under the intake, the admin address and the sandbox: one accepting loop, places for connections,
//! deadlines, and an orderly end.
//!
//! When all places are taken, connections that are of no use to a sender give way to new ones, so that nobody can hold
//! the places. What a request means is the business of the service that is passed in.

mod body;
mod connection;
mod limits;
mod patience;
mod places;
mod repoll;
mod server;
#[cfg(test)]
mod tests;
mod tls;

pub(crate) use body::TrackedBody;
pub(crate) use limits::{Limits, LimitsInForce, Listener};
pub(crate) use server::{Authentic, Unanswered, serve};
pub(crate) use tls::{Tls, acceptor};
