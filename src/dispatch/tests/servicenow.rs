//! ServiceNow as the histories know it: what it was made to do for each event, and answers by mood. A look-up is answered with
//! the truth, unless the mood says that the work has moved on.

use std::collections::HashMap;

use crate::awa::pace::Signal;
use crate::routing::*;

/// How ServiceNow, or the way to it, takes a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    AlreadyOurs,
    /// The answer is lost, after the effect or before it.
    Lost {
        done: bool,
    },
    /// A proxy's page comes back, after the effect or before it.
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

/// What is asked of ServiceNow.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Call(AwaCall),
    LookUp(LookUp),
}

impl Question {
    pub(super) const fn call(&self) -> &AwaCall {
        match self {
            Self::Call(call) => call,
            Self::LookUp(question) => &question.call,
        }
    }
}

/// What was done, by the number of the event that asked for it.
#[derive(Default)]
pub(super) struct ServiceNow {
    done: HashMap<usize, Vec<(AwaCall, Option<SysId>)>>,
    items: u32,
}

impl ServiceNow {
    /// Whether exactly this was done for the event.
    pub(super) fn has(&self, event: usize, call: &AwaCall) -> bool {
        self.done_for(event).iter().any(|(done, _)| same_call(done, call))
    }

    /// Takes a question in that mood and answers it.
    pub(super) fn answers(&mut self, event: usize, question: &Question, mood: Mood) -> AwaReply {
        if let Some(reply) = on_the_road(mood) {
            let done =
                Mood::Lost { done: true } == mood || Mood::NotServiceNow { done: true } == mood;
            if let (Question::Call(call), true) = (question, done) {
                self.does(event, call);
            }
            return reply;
        }
        if let Question::LookUp(LookUp { call, .. }) = question
            && is_safe_to_repeat(call)
        {
            return AwaReply::NotLanded;
        }
        match (question, mood) {
            (_, Mood::Taken) => AwaReply::TakenBy {
                agent: Some("somebody else".to_owned()),
                work_item: None,
                accepted: false,
            },
            (_, Mood::Closed) => AwaReply::DocumentClosed,
            (_, Mood::Misconfigured) => AwaReply::Misconfigured { what: "a role".to_owned() },
            (Question::LookUp(_), Mood::Forbidden) => AwaReply::LookUpForbidden,
            (Question::LookUp(LookUp { call, .. }), _) => {
                let found = self.done_for(event).iter().find(|(done, _)| same_call(done, call));
                found.map_or(AwaReply::NotLanded, |(_, item)| AwaReply::Landed { work_item: *item })
            }
            (Question::Call(_), Mood::Unavailable) => AwaReply::AgentUnavailable,
            (Question::Call(_), Mood::Conflict) => AwaReply::Conflict { why: String::new() },
            (Question::Call(_), Mood::Skewed) => AwaReply::ClockSkew,
            (Question::Call(_), Mood::TooLate) => AwaReply::TooLate,
            (Question::Call(call), Mood::AlreadyOurs) => {
                self.does(event, call);
                AwaReply::AlreadyOurs { work_item: None }
            }
            (Question::Call(call), _) => AwaReply::Landed { work_item: self.does(event, call) },
        }
    }

    fn done_for(&self, event: usize) -> &[(AwaCall, Option<SysId>)] {
        self.done.get(&event).map_or(&[], Vec::as_slice)
    }

    fn does(&mut self, event: usize, call: &AwaCall) -> Option<SysId> {
        let item = matches!(call, AwaCall::Offer { .. } | AwaCall::Transfer { .. }).then(|| {
            self.items += 1;
            SysId::parse(&format!("{:032x}", self.items)).unwrap()
        });
        self.done.entry(event).or_default().push((call.clone(), item));
        item
    }
}

/// The answer, where it does not come from ServiceNow's reading of the question.
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

/// Whether nothing tells that it is done, and nothing comes of doing it again.
pub(super) const fn is_safe_to_repeat(call: &AwaCall) -> bool {
    matches!(call, AwaCall::EndConsult { .. } | AwaCall::CloseDocument { .. })
}

/// What an answer says about the instance.
pub(super) const fn signal(reply: &AwaReply) -> Signal {
    match reply {
        AwaReply::Busy { wait: Wait::Told(ms) } => Signal::Told { ms: *ms },
        AwaReply::Busy { wait: Wait::BackOff } => Signal::Overloaded,
        AwaReply::NotSent { .. } | AwaReply::InDoubt { .. } => Signal::Silent,
        AwaReply::NotServiceNow { .. } => Signal::Foreign,
        AwaReply::Unauthorised { .. } => Signal::Unauthorised,
        AwaReply::Landed { .. }
        | AwaReply::AlreadyOurs { .. }
        | AwaReply::TakenBy { .. }
        | AwaReply::AgentUnavailable
        | AwaReply::DocumentClosed
        | AwaReply::TooLate
        | AwaReply::ClockSkew
        | AwaReply::Conflict { .. }
        | AwaReply::Unexplained { .. }
        | AwaReply::NotThere { .. }
        | AwaReply::Misconfigured { .. }
        | AwaReply::NotLanded
        | AwaReply::NoConsult
        | AwaReply::LookUpForbidden => Signal::Answered,
    }
}

/// Whether both ask for the same; the window of an assignment goes away when its ring time is over.
pub(super) fn same_call(one: &AwaCall, other: &AwaCall) -> bool {
    match (one, other) {
        (
            AwaCall::Assign { work_item, agent, assignment, window: _ },
            AwaCall::Assign { work_item: item, agent: who, assignment: how, window: _ },
        ) => work_item == item && agent == who && assignment == how,
        _ => one == other,
    }
}
