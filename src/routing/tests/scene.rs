//! A lane on a stage: inputs go in by name and time, effects and stand are read as short lines.

use super::{START, rules};
use crate::routing::*;

/// One conversation with its rules and what it has said since it was last asked.
pub(in crate::routing) struct Scene {
    pub(in crate::routing) conversation: Conversation,
    pub(in crate::routing) rules: Rules,
    pub(in crate::routing) effects: Vec<Effect>,
    arrived: u64,
}

impl Scene {
    pub(in crate::routing) fn new() -> Self {
        Self::under(rules())
    }

    pub(in crate::routing) fn under(rules: Rules) -> Self {
        Self { conversation: Conversation::default(), rules, effects: Vec::new(), arrived: 0 }
    }

    pub(in crate::routing) fn decide(&mut self, input: Input) -> &mut Self {
        let decision = decide(Some(self.conversation.clone()), input, &self.rules);
        self.conversation = decision.conversation;
        self.effects.extend(decision.effects);
        self
    }

    /// The next event arrives; entries are numbered from 1.
    pub(in crate::routing) fn arrives(&mut self, ms: u64, event: RoutingEvent) -> &mut Self {
        self.arrived += 1;
        let entry = EntryId(self.arrived);
        self.decide(Input::Event { entry, event, at: START.plus(ms) })
    }

    /// The dispatcher takes this entry.
    pub(in crate::routing) fn due(&mut self, ms: u64, entry: u64) -> &mut Self {
        let waited = Waited::default();
        self.decide(Input::Due { entry: EntryId(entry), waited, clock: None, at: START.plus(ms) })
    }

    /// The answer takes 40 ms; the back-off would be 700 ms.
    pub(in crate::routing) fn answers(
        &mut self,
        ms: u64,
        entry: u64,
        reply: AwaReply,
    ) -> &mut Self {
        let at = START.plus(ms);
        let claim = self.claim_of(entry);
        let entry = EntryId(entry);
        let answered = Answered { reply, answer: Answer::default(), elapsed_ms: 40 };
        self.decide(Input::Reply { entry, claim, answered, retry_in: 700, at })
    }

    /// The claim under which the entry's last call was made; where there is none, one that nothing was made under.
    pub(in crate::routing) fn claim_of(&self, entry: u64) -> ClaimId {
        let claim = self.conversation.entry(EntryId(entry)).and_then(|entry| entry.story.claim);
        claim.unwrap_or_else(|| ClaimId::after(None))
    }

    /// The entry's call leaves and lands at once, with this work item.
    pub(in crate::routing) fn lands(
        &mut self,
        ms: u64,
        entry: u64,
        item: Option<SysId>,
    ) -> &mut Self {
        self.due(ms, entry).answers(ms, entry, AwaReply::Landed { work_item: item })
    }

    pub(in crate::routing) fn recovers(&mut self, ms: u64, entry: u64) -> &mut Self {
        self.decide(Input::Recovered {
            entry: EntryId(entry),
            doubt_until: None,
            at: START.plus(ms),
        })
    }

    /// Another node takes the entry's call over, which may still land until then.
    pub(in crate::routing) fn is_taken_over(
        &mut self,
        ms: u64,
        entry: u64,
        until: u64,
    ) -> &mut Self {
        let doubt_until = Some(START.plus(until));
        self.decide(Input::Recovered { entry: EntryId(entry), doubt_until, at: START.plus(ms) })
    }

    pub(in crate::routing) fn reloads(&mut self, ms: u64, tables: Directory) -> &mut Self {
        self.rules.directory = std::sync::Arc::new(tables);
        self.decide(Input::Reloaded { at: START.plus(ms) })
    }

    pub(in crate::routing) fn discards(&mut self, ms: u64, entry: u64) -> &mut Self {
        self.decide(Input::Discard { entry: EntryId(entry), at: START.plus(ms) })
    }

    pub(in crate::routing) fn replays(
        &mut self,
        ms: u64,
        entry: u64,
        event: RoutingEvent,
    ) -> &mut Self {
        let (entry, claim) = (EntryId(entry), None);
        self.decide(Input::Replay { entry, event, claim, at: START.plus(ms) })
    }

    /// Exactly these effects since the last look.
    #[track_caller]
    pub(in crate::routing) fn said<const N: usize>(&mut self, expected: [&str; N]) -> &mut Self {
        let said: Vec<String> = self.effects.drain(..).map(|effect| line(&effect)).collect();
        assert_eq!(said, expected);
        self
    }

    /// Passes over the effects up to here.
    pub(in crate::routing) fn so_far(&mut self) -> &mut Self {
        self.effects.clear();
        self
    }

    /// Exactly these entries, in the order of the lane.
    #[track_caller]
    pub(in crate::routing) fn stands<const N: usize>(&mut self, expected: [&str; N]) -> &mut Self {
        assert_eq!(stand(&self.conversation), expected);
        self
    }

    /// What the dispatcher is to look at next: `entry at time`.
    #[track_caller]
    pub(in crate::routing) fn next(&mut self, expected: Option<(u64, u64)>) -> &mut Self {
        let next = self.conversation.next_due().map(|due| (due.entry.0, due.at.since(START)));
        assert_eq!(next, expected);
        self
    }

    /// The last call or look-up among the effects.
    pub(in crate::routing) fn call(&self) -> AwaCall {
        let call = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Call { call, .. } => Some(call.clone()),
            Effect::LookUp { question, .. } => Some(question.call.clone()),
            Effect::Enqueue { .. }
            | Effect::Reschedule { .. }
            | Effect::Park { .. }
            | Effect::Resume { .. }
            | Effect::Amend { .. }
            | Effect::Settle { .. } => None,
        });
        call.expect("a call")
    }
}

/// The entries as `id stage +due`.
pub(in crate::routing) fn stand(conversation: &Conversation) -> Vec<String> {
    let entry = |entry: &Entry| {
        let stage = match &entry.stage {
            Stage::Waiting => "waiting",
            Stage::Held => "held",
            Stage::Parked { .. } => "parked",
            Stage::Sending => "sending",
            Stage::InDoubt => "in doubt",
            Stage::LookingUp => "looking up",
        };
        format!("{} {stage} +{}", entry.id.0, entry.due.since(START))
    };
    conversation.entries().map(entry).collect()
}

/// One effect as a line.
pub(in crate::routing) fn line(effect: &Effect) -> String {
    match effect {
        Effect::Enqueue { entry } => format!("enqueue {}", entry.0),
        Effect::Call { entry, call, options } => {
            let (attempt, until) = (options.attempt, options.deadline.since(START));
            format!("call {} {} try {attempt} until +{until}", entry.0, call.kind())
        }
        Effect::LookUp { entry, question, options } => format!(
            "look up {} {} since +{} until +{}",
            entry.0,
            question.call.kind(),
            question.first_sent.since(START),
            options.deadline.since(START)
        ),
        Effect::Reschedule { entry, at, why } => {
            format!("reschedule {} +{} {}", entry.0, at.since(START), why.code)
        }
        Effect::Park { entry, missing } => format!("park {}: {missing}", entry.0),
        Effect::Resume { entry } => format!("resume {}", entry.0),
        Effect::Settle { settled, outcome, reason } => {
            format!("settle {} {outcome} {}", settled.id.0, reason.code)
        }
        Effect::Amend { entry, .. } => format!("amend {}", entry.id.0),
    }
}
