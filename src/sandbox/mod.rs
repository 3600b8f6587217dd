//! A ServiceNow with Advanced Work Assignment that runs in memory, for the embedded default, the demo and the tests.
//!
//! [`world`] is the instance as a pure state machine, [`Sandbox`] serves it over HTTP, [`Fault`]s are injected into the
//! calls, and [`Switches`] settle what ServiceNow's pages leave open. It follows the reference pages of Offer Work,
//! Manual Assignment, Inbox Actions, Agent Consult and Table API, and makes no calls itself.

mod faults;
mod port;
mod server;
mod switches;
pub(crate) mod world;

pub use faults::{Fault, Match, Misbehaviour};
pub use port::stable_port;
pub use server::{Access, RecordedCall, Sandbox};
pub use switches::{RateLimit, Switches, TableReads};
pub use world::{Endpoint, World};
