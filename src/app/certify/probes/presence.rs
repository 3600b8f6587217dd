//! How soon an offer is taken after the agent became available: the agent is sent away by the Agent API, and back.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::finding::Finding;
use super::super::judge::{self, says};
use super::super::session::{Halt, Session, Tried};
use super::may_judge;
use crate::awa::observe::Look;
use crate::clock;
use crate::routing::AwaReply;

/// How long the agent's leaving, and the return, are waited for, in milliseconds.
const LEAVING: u64 = 45_000;
const RETURN: u64 = 45_000;
const PAUSE: Duration = Duration::from_millis(250);

impl Session<'_> {
    pub(super) async fn presence(&mut self, found: &mut Vec<Finding>) -> Tried<()> {
        let look = Look::Presence(self.subject.agent);
        let observed = self.look("the agent's presence", &look).await?;
        let shown = observed.body.as_ref().map(|body| &body["result"]["presence"]);
        let Some(shown) = shown.filter(|shown| observed.is_done() && shown["sys_id"].is_string())
        else {
            return Err(Halt::Untried(format!(
                "the agent's presence cannot be read: {}",
                says(&observed)
            )));
        };
        if shown["available"] != true {
            return Err(Halt::Untried("the agent is not available".to_owned()));
        }
        let before = presence(&shown["sys_id"], &shown["channels"], None);
        let away = json!(self.subject.away);
        let away = presence(&away, &shown["channels"], Some(false));
        self.at_stake.presence = Some(before.clone());
        let gone = self.set_presence("the agent goes away", &away).await?;
        if !gone.is_done() {
            self.at_stake.presence = None;
            let why = format!("the agent's presence cannot be set: {}", says(&gone));
            return Err(Halt::Untried(why));
        }
        self.is_away().await?;
        let back = self.set_presence("the agent comes back", &before).await?;
        if !back.is_done() {
            let why = format!("the agent's presence cannot be set back: {}", says(&back));
            return Err(Halt::Untried(why));
        }
        self.at_stake.presence = None;
        let (began, agent) = (clock::instant(), self.subject.agent);
        let mut refused = false;
        let took = loop {
            let observed = self.offer("an offer after the agent's return", agent).await?;
            let elapsed = clock::millis(began.elapsed());
            match observed.reply {
                AwaReply::AgentUnavailable if elapsed < RETURN => {
                    refused = true;
                    self.pause(PAUSE).await?;
                }
                AwaReply::AgentUnavailable => break None,
                _ => {
                    may_judge(&observed)?;
                    if !observed.is_done() {
                        return Err(Halt::Untried(format!(
                            "an offer was refused: {}",
                            says(&observed)
                        )));
                    }
                    break Some(if refused { elapsed } else { 0 });
                }
            }
        };
        found.push(judge::presence_lag(took, RETURN));
        Ok(())
    }

    /// Waits until an offer is refused because the agent is away.
    async fn is_away(&mut self) -> Tried<()> {
        let began = clock::instant();
        while clock::millis(began.elapsed()) < LEAVING {
            let observed =
                self.offer("an offer while the agent is away", self.subject.agent).await?;
            match observed.reply {
                AwaReply::AgentUnavailable => return Ok(()),
                AwaReply::DocumentClosed => return Err(Halt::Closed),
                _ => self.take_back_cards().await,
            }
            self.pause(PAUSE * 4).await?;
        }
        Err(Halt::Untried("offers are taken although the agent is away".to_owned()))
    }
}

/// The object that sets a presence. The API takes a channel that is not named for unavailable.
fn presence(sys_id: &Value, channels: &Value, available: Option<bool>) -> Value {
    let channel = |channel: &Value| {
        let own = available.map_or_else(|| channel["available"].clone(), Value::from);
        json!({ "sys_id": channel["sys_id"], "available": own })
    };
    let channels = channels.as_array().into_iter().flatten().map(channel);
    json!({ "sys_id": sys_id, "channels": channels.collect::<Vec<_>>() })
}
