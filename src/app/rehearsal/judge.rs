//! What differs between a flow's expectation and what came of it, in plain words.

use super::story::{CardShown, Story};
use crate::source::flows::{Card, Expected};

/// Every difference; none if the flow ended as expected.
pub(super) fn differences(expected: &Expected, story: &Story) -> Vec<String> {
    let mut differences = cards(&expected.cards, &story.cards);
    let dead: Vec<String> = story
        .events
        .iter()
        .filter(|event| event.state == "dead")
        .map(|event| format!("{} ({})", event.id, event.reason.as_deref().unwrap_or("no reason")))
        .collect();
    if dead.len() != expected.dead {
        let which = if dead.is_empty() { String::new() } else { format!(": {}", dead.join(", ")) };
        let (count, expected) = (dead.len(), expected.dead);
        let events = if count == 1 { "event is" } else { "events are" };
        differences.push(format!("{count} {events} dead, expected {expected}{which}"));
    }
    for (id, state) in &expected.events {
        let found = story.events.iter().find(|event| event.id == *id);
        match found {
            None => differences.push(format!("no event {id} came, expected to be {state}")),
            // Named among the dead already.
            Some(event) if event.state == "dead" && dead.len() != expected.dead => {}
            Some(event) if event.state != state => differences.push(format!(
                "event {id} is {} ({}), expected {state}",
                event.state,
                event.reason.as_deref().unwrap_or("no reason")
            )),
            Some(_) => {}
        }
    }
    differences
}

fn cards(expected: &[Card], found: &[CardShown]) -> Vec<String> {
    let mut missing = expected.to_vec();
    let mut surplus = found.to_vec();
    missing.retain(|card| {
        let place = surplus
            .iter()
            .position(|shown| is_of(card, shown) && shown.state == card.state.as_str());
        place.map(|place| surplus.remove(place)).is_none()
    });
    let mut differences = Vec::new();
    for card in missing {
        let Card { document, agent, state } = &card;
        let state = state.as_str();
        match surplus.iter().position(|shown| is_of(&card, shown)) {
            Some(place) => {
                let shown = surplus.remove(place);
                differences.push(format!(
                    "the card of agent {agent} for document {document} is {}, expected {state}",
                    shown.state
                ));
            }
            None => differences.push(format!(
                "agent {agent} has no card for document {document}, expected one that is {state}"
            )),
        }
    }
    differences.extend(surplus.iter().map(|shown| {
        let CardShown { document, agent, state, .. } = shown;
        format!("agent {agent} has a card for document {document} that is {state}, expected none")
    }));
    differences
}

fn is_of(card: &Card, shown: &CardShown) -> bool {
    card.document == shown.document && card.agent.as_str() == shown.agent
}
