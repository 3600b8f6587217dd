//! `hold` and `resume`: a maintenance window of ServiceNow, begun and ended by a person.

use std::path::Path;

use serde_json::Value;

use super::admin_client::{AdminClient, operator, segment, text, title};
use super::wording::short_time;
use super::{Exit, runtime, say};

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
    let (status, answer) = admin.post(&format!("/v1/{verb}?by={}", segment(&operator()))).await?;
    if status != 200 {
        return Err(Exit::Failed(format!("the daemon answered {status}: {}", title(&answer))));
    }
    say(&if json { answer.to_string() } else { told(wish, &answer) });
    Ok(Exit::Done)
}

fn told(wish: Wish, answer: &Value) -> String {
    let changed = answer["changed"] == true;
    let waiting = text(&answer["status"]["events"], "pending");
    match (wish, changed) {
        (Wish::Hold, true) => format!(
            "Held: events are kept and nothing is sent; {waiting} wait now. Offers still expire with their ring time. \
             `awa-bridge resume` ends it, and so does a restart."
        ),
        (Wish::Hold, false) => {
            let held = &answer["status"]["held"];
            let since = short_time(&text(held, "since"));
            format!(
                "Held already, since {since} UTC by {}; {waiting} events wait.",
                text(held, "by")
            )
        }
        (Wish::Resume, true) => {
            format!("Resumed: {waiting} events go out now, the most urgent first.")
        }
        (Wish::Resume, false) => "Nothing was held.".to_owned(),
    }
}
