//! The pace that several nodes share: reads the register that holds it whenever this node waits to send, and writes
//! what the node is granted and has to tell. It sends nothing and decides nothing: that is `awa::pace`'s.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, error, info, warn};

use super::instance;
use crate::awa::RateLimit;
use crate::awa::pace::{Pace, Read, Shared, SharedState, Signal, Turn};
use crate::clock;
use crate::config::Settings;
use crate::store::{Failed, Reading, Store};

const REGISTER: &str = "pace";
/// How many tries a write has before the register is left to others for a moment.
const TRIES: u32 = 20;
/// A write that came second is tried again after at most so long, in milliseconds.
const AGAIN_MS: u64 = 5;
/// After the register could not be read, the next look is after so long.
const AWAY: Duration = Duration::from_millis(250);

/// What this node shares with others; its name is another at each start.
pub(super) fn shared(settings: &Settings) -> Arc<Shared> {
    let name = format!("{:016x}", rand::random::<u64>());
    Arc::new(Shared::new(name, instance::rate_limit(settings)))
}

/// Asks for permits and takes news; runs until it is dropped.
pub(super) async fn keep(store: Store, shared: Arc<Shared>, pace: Arc<Pace>) {
    let mut differ = false;
    loop {
        shared.due().await;
        match round(&store, &shared).await {
            Ok(()) => {}
            Err(Failed::Closed) => return,
            Err(failed) => {
                debug!(error = %failed, "the shared pace cannot be read: nothing may leave until it can");
                tokio::time::sleep(AWAY).await;
                continue;
            }
        }
        if let Some(turn) = pace.learn(clock::now()) {
            tell(turn);
            store.agenda().changed().notify_one();
        }
        if let Some((limits, now)) = shared.limits() {
            if now && !differ {
                let RateLimit { per_second, burst, per_hour, reserve } = limits;
                warn!(
                    per_second,
                    burst,
                    per_hour,
                    reserve,
                    "The nodes have different rate limits: the smallest is in force; give all of them the same [rate_limit]"
                );
            }
            differ = now;
        }
    }
}

/// Reads the register, and writes it if there is something to write.
async fn round(store: &Store, shared: &Shared) -> Result<(), Failed> {
    for _ in 0..TRIES {
        let began = clock::instant();
        let reading = store.register_now(REGISTER).await?;
        let Reading { row, at } = reading;
        let read = Read { began, ended: clock::instant(), at };
        let (version, state) = match &row {
            Some(row) => (row.version, state_of(&row.value)),
            None => (0, SharedState::default()),
        };
        let Some(proposal) = shared.learn(state, version, read) else { return Ok(()) };
        let value = serde_json::to_value(&proposal.state).unwrap_or_default();
        match store.swap_now(REGISTER, version, value).await {
            Ok(true) => {
                shared.written(proposal);
                return Ok(());
            }
            Ok(false) => shared.refused(proposal),
            Err(failed) => {
                shared.in_doubt(proposal);
                return Err(failed);
            }
        }
        let again = rand::random::<u64>() % (AGAIN_MS * 1_000);
        tokio::time::sleep(Duration::from_micros(again)).await;
    }
    Ok(())
}

/// A state that this program cannot read counts as none.
fn state_of(value: &serde_json::Value) -> SharedState {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

/// One line when another node's news hold calls here, and one when they are made again.
fn tell(turn: Turn) {
    match turn {
        Turn::Released => info!("ServiceNow takes calls again, another node says"),
        Turn::Held(Signal::Unauthorised) => error!(
            "ServiceNow refuses the credentials, another node says: calls are held on all nodes; check servicenow.auth"
        ),
        Turn::Held(_) => {
            error!("The instance is hibernating, another node says: calls are held on all nodes");
        }
    }
}
