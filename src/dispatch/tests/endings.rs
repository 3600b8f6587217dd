//! What the witness says to the ends of events: each for a cause.

use super::fate::Fate;
use super::witness::{Ended, Witness};
use crate::routing::*;

impl Witness {
    /// What a stored answer has settled is known.
    pub(super) fn weighs(&mut self, number: usize, reply: &AwaReply) {
        let fate = self.fate(number);
        let left_open = fate.asked.settled && fate.is_open();
        self.must(!left_open, || {
            format!("e{number} is still open after ServiceNow has said `{}`", reply.name())
        });
    }

    pub(super) fn all_ended(&mut self, ended: &[Ended]) {
        for Ended { number, outcome, reason } in ended {
            self.ended(*number, *outcome, reason);
        }
    }

    fn ended(&mut self, number: usize, outcome: Outcome, reason: &str) {
        self.tell(|| format!("e{number} ends as {outcome} ({reason})"));
        let what = |words: &str| format!("e{number} ended as {outcome} ({reason}) {words}");
        let known = (1..=self.fates.len()).contains(&number);
        if !known {
            return self.must(false, || what("and was never accepted"));
        }
        let fate = self.fate(number);
        let given_up = fate.discarded
            && outcome == Outcome::Discarded
            && matches!(fate.end, Some((Outcome::Dead, _)));
        let once = fate.is_open() || given_up;
        let (asked, over) = (&fate.asked, fate.deadline <= self.now);
        let in_flight = asked.in_flight;
        let no_call = [Kind::Bind, Kind::Withdraw, Kind::Leave].contains(&fate.event.kind());
        let cause = match outcome {
            Outcome::Delivered => {
                asked.confirmed || asked.presumed || no_call || self.is_in_place(number)
            }
            Outcome::Expired => over || asked.too_late,
            Outcome::Superseded => self.may_be_pointless(number),
            Outcome::Dead => asked.refused || fate.lacks_something(),
            Outcome::Discarded => fate.discarded,
        };
        let said = asked.settled && asked.confirmed;
        self.must(once, || what("and had ended before"));
        self.must(!in_flight, || what("while its call was in flight"));
        self.must(cause, || what("without a cause"));
        let as_said = matches!(outcome, Outcome::Delivered | Outcome::Discarded);
        self.must(!said || as_said || no_call, || {
            what("though ServiceNow has said that it is done")
        });
        self.fates[number - 1].end = Some((outcome, reason.to_owned()));
    }

    /// Whether another event may have brought the work to the agent of this one.
    fn is_in_place(&self, number: usize) -> bool {
        let fate = self.fate(number);
        let theirs = |other: &Fate| {
            let done = other.asked.may_be_done() || other.done_before;
            fate.brings_to().is_some() && other.brings_to() == fate.brings_to() && done
        };
        let lane = self.lane(number);
        fate.done_before
            || self.others_of(lane).any(|other| other.event.id != fate.event.id && theirs(other))
    }

    /// Whether something that the bridge has learnt may have made an event pointless.
    fn may_be_pointless(&self, number: usize) -> bool {
        let fate = self.fate(number);
        let lane = self.lane(number);
        let others = || self.others_of(lane).filter(|other| other.event.id != fate.event.id);
        let repeats = others().any(|other| fate.may_repeat(other, self.rules.repeat_window));
        let ended = others().any(|other| fate.may_be_ended_by(other));
        let ours = fate.event.agent();
        let answered = others().any(|other| {
            other.event.kind() != Kind::Reject
                && other.brings_to().is_some_and(|agent| Some(agent) != ours)
        });
        let moment = fate.event.occurred_at;
        let rung = others().any(|other| {
            let before = other.event.occurred_at <= moment;
            let same = other.event.conversation == fate.event.conversation
                && other.document == fate.document
                && other.event.segment == fate.event.segment;
            other.rings() == ours && other.asked.confirmed && before && same
        });
        let rung_since = others().any(|other| {
            other.rings() == ours && ours.is_some() && other.event.occurred_at > moment
        });
        let moved = others().any(|other| {
            let moves = [Kind::ConsultEnd, Kind::Transfer].contains(&other.event.kind());
            moves && other.asked.last.is_some()
        });
        match fate.event.kind() {
            Kind::Offer | Kind::Transfer => repeats || ended || answered || rung_since,
            Kind::Assign => repeats || ended,
            Kind::Accept => ended || answered || moved || !rung || fate.asked.refused,
            Kind::Reject => {
                let accepted = others().any(|other| other.accepts() && other.brings_to() == ours);
                ended || answered || moved || !rung || accepted || fate.asked.refused
            }
            Kind::ConsultEnd => fate.asked.no_consult,
            Kind::Withdraw | Kind::Leave | Kind::Bind => false,
        }
    }

    pub(super) fn lane(&self, number: usize) -> &ConversationId {
        self.lanes.of(&self.fate(number).event.conversation)
    }

    /// All that is carried out in a lane.
    pub(super) fn others_of(&self, lane: &ConversationId) -> impl Iterator<Item = &Fate> {
        self.fates.iter().filter(move |other| self.lanes.of(&other.event.conversation) == lane)
    }

    /// All has calmed down: everything has ended, in peace as delivered.
    pub(super) fn concludes(&mut self, peaceful: bool) {
        let open = self.open().next();
        self.must(open.is_none(), || format!("e{} never ended", open.unwrap()));
        if peaceful {
            let failed = self.fates.iter().find_map(|fate| match &fate.end {
                Some((Outcome::Delivered, _)) | None => None,
                Some((outcome, _)) => Some(format!("{} ended as {outcome}", fate.event.id)),
            });
            self.must(failed.is_none(), || format!("nothing went wrong, and {}", failed.unwrap()));
        }
    }
}
