//! Where webhooks arrive: the path of one request, and the answers.
//!
//! It verifies before it parses, answers once all is synced, and never speaks to ServiceNow or to the dispatcher: what
//! it takes goes into the store.

mod answer;
mod detach_on_drop;
mod entrance;
mod health;
mod line;
mod sources;
mod webhook;

#[cfg(test)]
mod tests;

pub(crate) use answer::Answer;
pub(crate) use health::health;
pub(crate) use sources::Sources;
pub(crate) use webhook::{BodyLimits, Webhooks};
