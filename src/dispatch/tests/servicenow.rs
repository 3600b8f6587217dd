//! ServiceNow as the histories know it: what it was made to do for each event, and answers by behaviour. A look-up is
//! answered with the truth, unless the behaviour says that the work has moved on.

use std::collections::HashMap;

use crate::awa::pace::Signal;
use crate::awa::stand_in::Request;
use crate::routing::*;

/// How ServiceNow, or the network, behaves towards a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
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

    /// Takes a request in that behaviour and answers it.
    pub(super) fn answers(
        &mut self,
        event: usize,
        request: &Request,
        behaviour: Behaviour,
    ) -> AwaReply {
        if let Some(reply) = in_transit(behaviour) {
            let done = Behaviour::Lost { done: true } == behaviour
                || Behaviour::NotServiceNow { done: true } == behaviour;
            if let (Request::Call(call), true) = (request, done) {
                self.does(event, call);
            }
            return reply;
        }
        if let Request::LookUp(LookUp { call, .. }) = request
            && is_safe_to_repeat(call)
        {
            return AwaReply::NotLanded;
        }
        match (request, behaviour) {
            (_, Behaviour::Taken) => AwaReply::TakenBy {
                agent: Some("somebody else".to_owned()),
                work_item: None,
                accepted: false,
            },
            (_, Behaviour::Closed) => AwaReply::DocumentClosed,
            (_, Behaviour::Misconfigured) => AwaReply::Misconfigured { what: "a role".to_owned() },
            (Request::LookUp(_), Behaviour::Forbidden) => AwaReply::LookUpForbidden,
            (Request::LookUp(LookUp { call, .. }), _) => {
                let found = self.done_for(event).iter().find(|(done, _)| same_call(done, call));
                found.map_or(AwaReply::NotLanded, |(_, item)| AwaReply::Landed { work_item: *item })
            }
            (Request::Call(_), Behaviour::Unavailable) => AwaReply::AgentUnavailable,
            (Request::Call(_), Behaviour::Conflict) => AwaReply::Conflict { why: String::new() },
            (Request::Call(_), Behaviour::Skewed) => AwaReply::ClockSkew,
            (Request::Call(_), Behaviour::TooLate) => AwaReply::TooLate,
            (Request::Call(call), Behaviour::AlreadyOurs) => {
                self.does(event, call);
                AwaReply::AlreadyOurs { work_item: None }
            }
            (Request::Call(call), _) => AwaReply::Landed { work_item: self.does(event, call) },
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

/// The answer, where it does not come from ServiceNow's reading of the request.
fn in_transit(behaviour: Behaviour) -> Option<AwaReply> {
    let why = String::new;
    match behaviour {
        Behaviour::Lost { .. } => Some(AwaReply::InDoubt { why: why() }),
        Behaviour::NotServiceNow { .. } => Some(AwaReply::NotServiceNow { what: why() }),
        Behaviour::NotSent => Some(AwaReply::NotSent { why: why() }),
        Behaviour::Busy => Some(AwaReply::Busy { wait: Wait::BackOff }),
        Behaviour::BusyFor(ms) => Some(AwaReply::Busy { wait: Wait::RetryAfter(ms) }),
        Behaviour::Unauthorised => Some(AwaReply::Unauthorised { why: why() }),
        Behaviour::Well
        | Behaviour::AlreadyOurs
        | Behaviour::Unavailable
        | Behaviour::Skewed
        | Behaviour::TooLate
        | Behaviour::Taken
        | Behaviour::Closed
        | Behaviour::Misconfigured
        | Behaviour::Conflict
        | Behaviour::Forbidden => None,
    }
}

/// Whether nothing tells that it is done, and nothing comes of doing it again.
pub(super) const fn is_safe_to_repeat(call: &AwaCall) -> bool {
    matches!(call, AwaCall::EndConsult { .. } | AwaCall::CloseDocument { .. })
}

/// What an answer says about the instance.
pub(super) const fn signal(reply: &AwaReply) -> Signal {
    match reply {
        AwaReply::Busy { wait: Wait::RetryAfter(ms) } => Signal::RetryAfter { ms: *ms },
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
