//! `hold` and `resume`: a maintenance window of ServiceNow, begun and ended by a person.

use std::path::Path;

use super::admin_client::{AdminClient, operator, read, segment};
use super::wording::short_time;
use super::{Exit, runtime, say};
use crate::admin::HoldAnswer;

/// What is asked of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Hold,
    Resume,
}

pub(super) fn run(config: Option<&Path>, wish: Wish, json: bool) -> Exit {
    let asked = || -> Result<Exit, Exit> {
        let admin = AdminClient::new(config)?;
        runtime()?.block_on(ask(&admin, wish, json))
    };
    asked().unwrap_or_else(|exit| exit)
}

async fn ask(admin: &AdminClient, wish: Wish, json: bool) -> Result<Exit, Exit> {
    let verb = match wish {
        Wish::Hold => "hold",
        Wish::Resume => "resume",
    };
    let answer = admin.post(&format!("/v1/{verb}?by={}", segment(&operator()))).await?;
    say(&if json { answer.to_string() } else { shown(wish, &read(answer)?) });
    Ok(Exit::Done)
}

fn shown(wish: Wish, answer: &HoldAnswer) -> String {
    let waiting = answer.status.events.pending;
    match (wish, answer.changed) {
        (Wish::Hold, true) => format!(
            "Held: events are kept and nothing is sent; {waiting} wait now. Offers still expire with their ring time. \
             `awa-bridge resume` ends it, and so does a restart."
        ),
        (Wish::Hold, false) => {
            let since = answer.status.held.as_ref();
            let since =
                since.map(|held| format!(", since {} UTC by {}", short_time(held.since), held.by));
            format!("Held already{}; {waiting} events wait.", since.unwrap_or_default())
        }
        (Wish::Resume, true) => {
            format!("Resumed: {waiting} events go out now, the most urgent first.")
        }
        (Wish::Resume, false) => "Nothing was held.".to_owned(),
    }
}
