//! The cards against the truth: at quiet moments, and at the end.

use super::super::play::Bridge;
use super::instance::Card;
use super::play::Play;
use super::story::Delivery;
use super::truth::Line;
use crate::routing::{HandOver, Kind, Outcome, Replace};

impl<B: Bridge> Play<B> {
    /// At a quiet moment of an undisturbed call the cards are where they belong.
    pub(super) fn looks_at_cards(&mut self) {
        if self.delivery != Delivery::Undisturbed || !self.stage.is_quiet() {
            return;
        }
        let now = self.stage.now;
        self.untold.retain(|(_, until)| now < *until);
        self.truth.passes(now.minus(2_000));
        let rung = |who: &str| self.truth.rings.iter().any(|ring| ring.agent == who);
        let forgotten = |who: &str| self.untold.iter().any(|(agent, _)| *agent == who);
        let cards = self.stage.instance.cards(now);
        let unexpected =
            cards.iter().find(|card| !card.accepted && !rung(card.agent) && !forgotten(card.agent));
        // Without rejects a card stays until ServiceNow takes it away.
        let unexpected = unexpected.filter(|_| self.manner.replace == Replace::Reject);
        let unexpected = unexpected.map(|card| card.agent);
        self.stage.must(unexpected.is_none(), || {
            format!("{} is not rung and has a card: {cards:?}", unexpected.unwrap_or_default())
        });
        self.accepted_as_true(&cards);
        self.shows_ring(&cards);
    }

    /// The one agent who is rung sees it, unless the manner is not to show it.
    fn shows_ring(&mut self, cards: &[Card]) {
        let fresh = |ring: &&Line| self.stage.now.since(ring.since) < 28_000;
        let [ring] = self.truth.rings.as_slice() else { return };
        let shows = self.manner.style.hand_over != Some(HandOver::OnAccept)
            && self.manner.replace == Replace::Reject
            && self.untold.is_empty()
            && fresh(&ring)
            && !self.refused.contains(&ring.agent);
        let (who, seen) = (ring.agent, cards.iter().any(|card| card.agent == ring.agent));
        self.stage.must(!shows || seen, || format!("{who} is rung and sees nothing: {cards:?}"));
    }

    /// Who has accepted work is who should.
    fn accepted_as_true(&mut self, cards: &[Card]) {
        let accepted = |consult: bool| {
            let mut cards =
                cards.iter().filter(move |card| card.accepted && card.consult == consult);
            cards.next().map(|card| card.agent)
        };
        let (first, second) = (accepted(false), accepted(true));
        let right = self.truth.may_hold(first);
        self.stage.must(right, || {
            format!("{} has the accepted work: {cards:?}", first.unwrap_or("nobody"))
        });
        let right = self.truth.may_be_consulted(second);
        self.stage
            .must(right, || format!("{} is consulted: {cards:?}", second.unwrap_or("nobody")));
    }

    pub(super) fn concludes(&mut self) {
        let ends = self.stage.ends.clone();
        let calm = self.delivery != Delivery::Disturbed;
        let mut excused = self.too_late;
        for (number, (outcome, reason)) in ends {
            let rings = self.stage.event(number).kind() == Kind::Offer;
            let failed = match outcome {
                Outcome::Dead => true,
                Outcome::Expired => !rings,
                Outcome::Delivered | Outcome::Superseded | Outcome::Discarded => false,
            };
            self.stage.must(!(calm && failed), || format!("e{number} ends {outcome}: {reason}"));
            excused |= failed || (!calm && (outcome == Outcome::Expired || reason == "no_offer"));
        }
        let cards = self.stage.cards();
        let pending = cards.iter().find(|card| !card.accepted).map(|card| card.agent);
        let hung_up = self.manner.hangs_up;
        let stays = (excused && !(self.too_late && hung_up))
            || self.manner.replace == Replace::Wait && !hung_up;
        self.stage.must(pending.is_none() || stays, || {
            format!("at the end {} still has a card before them", pending.unwrap_or_default())
        });
        if !excused {
            self.accepted_as_true(&cards);
        }
    }
}
