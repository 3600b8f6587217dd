//! While calls are held and none is due, asks the instance itself whether it is back; logs when calls are held
//! and when they are made again.

use std::sync::Arc;

use tracing::{debug, error, info, warn};

use super::Dispatch;
use crate::awa::Probed;
use crate::awa::pace::{Permit, Signal, Turn};
use crate::clock;
use crate::contained::watched;

/// One probe.
pub(super) async fn probe(dispatch: Arc<Dispatch>, mut permit: Permit) {
    permit.sends();
    let Ok(probed) = watched("probe", dispatch.client.probe()).await else {
        drop(permit);
        return dispatch.freed.notify_one();
    };
    let Probed { signal, message, requests, look_ups: _ } = probed;
    debug!(message, "Asked whether ServiceNow is back");
    let turn = dispatch.pace.observe(signal, requests, clock::now());
    drop(permit);
    dispatch.freed.notify_one();
    tell(turn, &message);
}

/// One line when calls are held, and one when they are made again. Refused credentials and a hibernating instance are
/// errors: an operator has to act.
pub(super) fn tell(turn: Option<Turn>, why: &str) {
    match turn {
        None => {}
        Some(Turn::Released) => info!("ServiceNow takes calls again"),
        Some(Turn::Held(Signal::Unauthorised)) => error!(
            why,
            "ServiceNow refuses the credentials: calls are held, and one at a time finds out whether it takes them again; check servicenow.auth"
        ),
        Some(Turn::Held(Signal::Hibernating)) => {
            error!(why, "The instance is hibernating: calls are held until it is awake");
        }
        Some(Turn::Held(
            Signal::Nothing
            | Signal::Answered
            | Signal::Overloaded
            | Signal::RetryAfter { .. }
            | Signal::Hinted { .. }
            | Signal::Silent
            | Signal::Foreign,
        )) => warn!(
            why,
            "ServiceNow does not answer as it should: calls are held, and one at a time finds out whether it is back; if that \
             lasts, check servicenow.instance and the way there: name, route, proxy"
        ),
    }
}
