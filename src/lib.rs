//! awa-bridge carries a contact centre's routing events to ServiceNow Advanced Work Assignment (AWA): durable, in order, once.
//!
//! # The path of an event
//!
//! Inbound, inside the vendor's request: [`intake`] takes the request and finds its source; [`source`] verifies the raw
//! bytes, decodes them and lets the vendor's jq filter make routing events of them; [`store`] recognises duplicates, asks
//! [`routing::decide`] and writes all rows of the decision; once they are synced the vendor is answered.
//!
//! Outbound, in the background: [`dispatch`] picks the most urgent entry that is due and asks [`awa::pace`] for the right
//! to send; [`store`] claims the entry, and `decide` looks once more at deadline, supersession and mapping. What can go at
//! once is claimed in the commit that accepts it, while the dispatcher has room ([`store::DirectDispatch`]). [`awa::wire`]
//! writes the request in ServiceNow's words, [`awa::client`] sends it once and says what the answer means; [`store`]
//! commits what `decide` makes of the answer: settle, try again, look up first, dead letter.
//!
//! At start, entries whose call was in flight go on as *in doubt*: they are looked up before anything is repeated.
//!
//! # What holds everywhere
//!
//! - No decision outside [`routing`], and no clock, dice or IO inside it.
//! - Nothing is done without a row that is on the disk: neither an answer to a vendor nor a call to ServiceNow.
//! - One call in flight for a conversation. No call after its deadline. No repeat of a call in doubt without a look-up.
//! - Vendors' words stay in [`source`] and `mappings/`, ServiceNow's in [`awa`]; they meet in [`routing`]'s types.
//! - Bodies, secrets and callers' data reach no log.

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
mod report;

mod app;
mod cli;
mod config;

mod clock;
mod contained;
mod logging;
mod metrics;
mod shutdown;
mod systemd;

#[cfg(any(test, fuzzing))]
mod fuzzing;

mod sandbox;

#[doc(hidden)]
pub mod testing;

pub use cli::main;
