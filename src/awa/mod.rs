//! ServiceNow's Advanced Work Assignment as the bridge uses it: the one client, and what each answer means.
//!
//! [`wire`] writes a call in ServiceNow's words, [`client`] sends it once, `classify` reads the answer, `lookup` clears
//! doubt, [`pace`] says when the next call may be claimed, `limiter` when a request may leave. Nothing here repeats a
//! call in doubt, follows a redirect, keeps a cookie, or decides what becomes of an event.

// A peer may send a number of any size: sums with it are checked or saturate.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod caller;
mod cause;
mod charset;
mod classify;
pub(crate) mod client;
mod connections;
mod exchange;
mod fetch;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod limiter;
mod lookup;
mod masked;
pub(crate) mod observe;
pub(crate) mod offline;
mod offset;
pub(crate) mod online;
pub(crate) mod pace;
mod proxy;
mod reasons;
mod received;
pub(crate) mod records;
mod settings;
mod tls;
mod token;
mod transport;
pub(crate) mod wire;
mod wired;
mod work_item;

#[cfg(test)]
mod peer;
#[cfg(any(test, fuzzing))]
mod samples;
#[cfg(test)]
pub(crate) mod stand_in;

pub(crate) use client::{Client, Reply};
pub(crate) use fetch::{Fetcher, PostResponse, Poster};
pub(crate) use limiter::RateLimit;
pub(crate) use lookup::{LookUps, Probed};
#[cfg(test)]
pub(crate) use settings::{Auth, Grant, OAuth};
pub(crate) use settings::{ProxySettings, Settings, SettingsError};
pub(crate) use wired::Wired;
