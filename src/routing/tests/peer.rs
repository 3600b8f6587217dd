//! AWA as a scripted peer: it knows what it was told and answers by mood, look-ups always with the truth.

use std::collections::HashMap;

use super::world::Question;
use crate::routing::*;

/// How AWA, or the way to it, takes the next call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mood {
    Well,
    AlreadyOurs,
    /// The answer is lost, after the deed or before it.
    Lost {
        done: bool,
    },
    /// A proxy's page comes back, after the deed or before it.
    NotServiceNow {
        done: bool,
    },
    NotSent,
    Busy,
    BusyFor(u64),
    Unauthorised,
    Unavailable,
    Skewed,
    TooLate,
    Taken,
    Closed,
    Misconfigured,
    /// Refused for the work item's state.
    Conflict,
    /// Look-ups are not allowed.
    Forbidden,
}

#[derive(Default)]
pub(super) struct Peer {
    landed: HashMap<EntryId, Vec<(AwaCall, Option<SysId>)>>,
    items: u32,
}

impl Peer {
    pub(super) fn landed(&self, entry: EntryId) -> &[(AwaCall, Option<SysId>)] {
        self.landed.get(&entry).map_or(&[], Vec::as_slice)
    }

    pub(super) fn answers(&mut self, entry: EntryId, question: &Question, mood: Mood) -> AwaReply {
        if let Some(reply) = on_the_road(mood) {
            if let (
                Question::Call(call),
                Mood::Lost { done: true } | Mood::NotServiceNow { done: true },
            ) = (question, mood)
            {
                self.does(entry, call);
            }
            return reply;
        }
        match (question, mood) {
            (_, Mood::Taken) => AwaReply::TakenBy { agent: "somebody else".to_owned() },
            (_, Mood::Closed) => AwaReply::DocumentClosed,
            (_, Mood::Misconfigured) => AwaReply::Misconfigured { what: "a role".to_owned() },
            (Question::LookUp(_), Mood::Forbidden) => AwaReply::LookUpForbidden,
            (Question::LookUp(call), _) => self.looks_up(entry, call),
            (Question::Call(_), Mood::Unavailable) => AwaReply::AgentUnavailable,
            (Question::Call(_), Mood::Conflict) => AwaReply::Conflict { why: String::new() },
            (Question::Call(_), Mood::Skewed) => AwaReply::ClockSkew,
            (Question::Call(_), Mood::TooLate) => AwaReply::TooLate,
            (Question::Call(call), Mood::AlreadyOurs) => {
                AwaReply::AlreadyOurs { work_item: self.does(entry, call) }
            }
            (Question::Call(call), _) => AwaReply::Landed { work_item: self.does(entry, call) },
        }
    }

    fn looks_up(&self, entry: EntryId, call: &AwaCall) -> AwaReply {
        let found = self.landed(entry).iter().find(|(landed, _)| same_call(landed, call));
        match found {
            Some((_, item)) => AwaReply::Landed { work_item: *item },
            None => AwaReply::NotLanded,
        }
    }

    fn does(&mut self, entry: EntryId, call: &AwaCall) -> Option<SysId> {
        let item = matches!(call, AwaCall::Offer { .. } | AwaCall::Transfer { .. }).then(|| {
            self.items += 1;
            SysId::parse(&format!("{:032x}", self.items)).unwrap()
        });
        self.landed.entry(entry).or_default().push((call.clone(), item));
        item
    }
}

/// The answer, where it does not come from AWA's reading of the question.
fn on_the_road(mood: Mood) -> Option<AwaReply> {
    let why = String::new;
    match mood {
        Mood::Lost { .. } => Some(AwaReply::InDoubt { why: why() }),
        Mood::NotServiceNow { .. } => Some(AwaReply::NotServiceNow { what: why() }),
        Mood::NotSent => Some(AwaReply::NotSent { why: why() }),
        Mood::Busy => Some(AwaReply::Busy { wait: Wait::BackOff }),
        Mood::BusyFor(ms) => Some(AwaReply::Busy { wait: Wait::Told(ms) }),
        Mood::Unauthorised => Some(AwaReply::Unauthorised { why: why() }),
        Mood::Well
        | Mood::AlreadyOurs
        | Mood::Unavailable
        | Mood::Skewed
        | Mood::TooLate
        | Mood::Taken
        | Mood::Closed
        | Mood::Misconfigured
        | Mood::Conflict
        | Mood::Forbidden => None,
    }
}

/// Whether both ask for the same; the window of an assignment goes away when its ring time is over.
pub(super) fn same_call(one: &AwaCall, other: &AwaCall) -> bool {
    let bare = |call: &AwaCall| {
        let mut call = call.clone();
        if let AwaCall::Assign { window, .. } = &mut call {
            *window = None;
        }
        call
    };
    bare(one) == bare(other)
}
