//! ServiceNow's Advanced Work Assignment as this bridge speaks to it: the one client, and what each answer means.
//!
//! [`wire`] writes a call in ServiceNow's words, [`client`] sends it once, `classify` reads the answer, `lookup` clears
//! doubt, [`pace`] says when the next call may be claimed, `limiter` when a request may leave. Nothing here repeats a call in doubt, follows a redirect, keeps
//! a cookie, or decides what becomes of an event.

// What a peer says is a number of any size: sums of it are checked or saturate.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod caller;
mod cause;
mod charset;
mod classify;
pub mod client;
mod connections;
mod exchange;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod limiter;
mod lookup;
pub mod offline;
mod offset;
pub mod online;
pub mod pace;
mod proxy;
mod reasons;
mod received;
mod settings;
mod tls;
mod token;
mod transport;
pub mod wire;
mod wired;
mod work_item;

#[cfg(test)]
mod peer;
#[cfg(any(test, fuzzing))]
mod samples;
#[cfg(test)]
pub(crate) mod stand_in;

pub use client::{Client, Reply};
pub use limiter::Rate;
pub use lookup::{LookUps, Probed};
pub use pace::backoff_delay;
pub use settings::{Auth, ClientAuth, Grant, OAuth, ProxySettings, Settings, SettingsError};
pub use wired::Wired;
