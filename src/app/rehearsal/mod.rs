//! Rehearsals: whole calls played through the profile, the decision and the sandbox in virtual time, to see which agent
//! has which card in the end. Nothing is listened on, stored or sent.

mod flows;
mod in_flight;
mod instance;
mod judge;
mod lanes;
mod player;
mod register;
mod requests;
mod story;
#[cfg(test)]
mod tests;

pub(crate) use flows::{Scenario, play_flow, play_profile, scenario};
pub(crate) use requests::{Input, Rehearsed, rehearse};
pub(crate) use story::{Called, CardShown, EventShown, Later, Played, Story};

use std::sync::Arc;

use serde_json::json;

use crate::routing::UnixMillis;
use crate::source::flows::Also;
use crate::source::{Request, Source};
use player::Player;

/// For how long after a step things may still come about before the cards are looked at, in milliseconds.
const SETTLING: u64 = 1_500;

/// One step of what is played.
struct Scripted {
    at: UnixMillis,
    name: String,
    request: Option<(Arc<Source>, Request)>,
    also: Option<Also>,
}

/// Plays a call to its end. The cards are those of the moment when the last step's consequences have come about: no
/// card's time is waited for. The events end afterwards, each in its time.
fn play(mut player: Player, script: Vec<Scripted>) -> Story {
    let started = script.first().map_or_else(|| player.now(), |step| step.at);
    let mut steps = Vec::with_capacity(script.len());
    let mut cards = Vec::new();
    let mut refused = Vec::new();
    let mut script = script.into_iter().enumerate().peekable();
    while let Some((n, scripted)) = script.next() {
        let Scripted { at, name, request, also } = scripted;
        player.until(at);
        let told = also.as_ref().map(tell_also);
        also.into_iter().for_each(|also| player.also(also));
        let mut events = Vec::new();
        if let Some((source, request)) = request {
            if let Some(answer) = source.handshake(&request) {
                events.push(json!({ "handshake": answer.status.as_u16() }));
            } else {
                match player.take(&source, &request) {
                    Ok(told) => events = told,
                    Err(malformed) => {
                        events.push(json!({ "refused": malformed.to_string() }));
                        refused.push(format!("{name}: the webhook would be refused: {malformed}"));
                    }
                }
            }
        }
        let next = script.peek().map(|(_, next)| next.at);
        let settled = next.unwrap_or(UnixMillis::MAX).min(at.plus(SETTLING));
        player.until(settled);
        if next.is_none() {
            player.until_answered();
            player.give_up_wish();
        }
        let calls = player.take_calls();
        cards = player.cards();
        match next {
            Some(next) => player.until(next),
            None => player.until_nothing_is_owed(),
        }
        player.give_up_wish();
        let later = Later { calls: player.take_calls(), cards: player.cards() };
        let changed = !later.calls.is_empty() || (next.is_some() && later.cards != cards);
        steps.push(Played {
            step: n + 1,
            name,
            at,
            after_ms: at.since(started),
            also: told,
            events,
            calls,
            cards: cards.clone(),
            later: changed.then_some(later),
        });
    }
    let (events, broken) = player.end();
    let dead = events.iter().filter(|event| event.state == "dead").count();
    let faults = refused.into_iter().chain(broken).collect();
    Story { steps, events, cards, dead, faults }
}

fn tell_also(also: &Also) -> String {
    match also {
        Also::AgentAccepts(agent) => format!("{agent} accepts the card in ServiceNow"),
        Also::AgentRejects(agent) => format!("{agent} declines the card in ServiceNow"),
        Also::CardTimesOut(agent) => format!("the time of {agent}'s card ends"),
    }
}
