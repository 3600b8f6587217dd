//! `hold` and `resume`: a maintenance window of ServiceNow, begun and ended by a person.

use std::path::Path;

use super::admin_client::{AdminClient, operator, read, segment};
use super::{Exit, runtime, say};
use crate::admin::HoldAnswer;
use crate::admin::wording::full_second;

/// What is asked of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// Up to when it ends by itself: a duration.
    Hold(Option<String>),
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
    let by = segment(&operator());
    let path = match &wish {
        Wish::Hold(None) => format!("/v1/hold?by={by}"),
        Wish::Hold(Some(duration)) => format!("/v1/hold?by={by}&for={}", segment(duration)),
        Wish::Resume => format!("/v1/resume?by={by}"),
    };
    let answer = admin.post(&path).await?;
    say(&if json { answer.to_string() } else { shown(&wish, &read(answer)?) });
    Ok(Exit::Done)
}

fn shown(wish: &Wish, answer: &HoldAnswer) -> String {
    let (waiting, held) = (answer.status.events.pending, answer.status.held.as_ref());
    let until = held.and_then(|held| held.until);
    let until = until.map(|until| format!(" at {}, or earlier", full_second(until)));
    match (wish, answer.changed) {
        (Wish::Hold(_), true) => format!(
            "Held: events are accepted and nothing is sent; {waiting} wait now. Offers still expire with their ring time. \
             The hold survives a restart and ends{} with `awa-bridge resume`.",
            until.unwrap_or_default()
        ),
        (Wish::Hold(_), false) => {
            let since =
                held.map(|held| format!(", since {} by {}", full_second(held.since), held.by));
            format!("Held already{}; {waiting} events wait.", since.unwrap_or_default())
        }
        (Wish::Resume, true) => {
            format!("Resumed: {waiting} events go out now, the most urgent first.")
        }
        (Wish::Resume, false) => "Nothing was held.".to_owned(),
    }
}
