//! One call: claim an entry, send its call or look-up, bring the answer to the store.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::{counter, histogram};
use tracing::{debug, error, info, warn};

use super::Dispatch;
use super::direct::Claimed;
use super::probe::tell;
use crate::awa::Reply;
use crate::awa::pace::{Permit, Signal};
use crate::contained::{Panicked, contained};
use crate::pauses::backoff_delay;
use crate::report::{self, Repeats};
use crate::routing::{
    Answer, AnswerClass, Answered, AwaReply, CallKind, CallOptions, ClaimId, Due, EntryId, LaneKey,
    Wait, Waited,
};
use crate::store::{Claim, EventMeta};
use crate::{clock, metrics as names};

/// How long an entry is deferred at most while all calls are paused, in milliseconds.
const MAX_DEFERRAL: u64 = 1_000;

/// The pause before an entry whose call failed is tried again: the cause may be there still.
const AFTER_DEFECT: Duration = Duration::from_secs(1);

pub(super) struct CallTask {
    dispatch: Arc<Dispatch>,
    lane: LaneKey,
    entry: EntryId,
    waited: Waited,
    permit: Option<Permit>,
    origin: Origin,
}

/// Where a task comes from.
enum Origin {
    /// From the agenda, where its lane stood so; its entry has yet to be claimed.
    Agenda(Due),
    /// From the commit that claimed it.
    Commit(Claim),
}

impl CallTask {
    pub(super) fn new(
        dispatch: &Arc<Dispatch>,
        lane: LaneKey,
        due: Due,
        entry: EntryId,
        waited: Waited,
        permit: Option<Permit>,
    ) -> Self {
        let origin = Origin::Agenda(due);
        Self { dispatch: Arc::clone(dispatch), lane, entry, waited, permit, origin }
    }

    /// With a claim that is on record already.
    pub(super) fn claimed(dispatch: &Arc<Dispatch>, claimed: Claimed) -> Self {
        let Claimed { permit, lane, entry, claim } = claimed;
        let (permit, origin, waited) = (Some(permit), Origin::Commit(claim), Waited::default());
        Self { dispatch: Arc::clone(dispatch), lane, entry, waited, permit, origin }
    }

    /// Carries it out. After a panic outside of the call itself it is unknown what became of the call: it is in doubt,
    /// and the entry is tried again like any other. One that was not claimed yet goes back to the agenda.
    pub(super) async fn run(self) {
        let (dispatch, lane, entry) = (Arc::clone(&self.dispatch), self.lane.clone(), self.entry);
        let (due, claim) = match &self.origin {
            Origin::Agenda(due) => (Some(*due), None),
            Origin::Commit(claim) => (None, id_of(claim)),
        };
        let claimed = Arc::new(claim.map_or_else(OnceLock::new, OnceLock::from));
        let carried_out = contained(self.carry_out(Arc::clone(&claimed)));
        let Err(Panicked(defect)) = carried_out.await else { return };
        counter!(names::CALL_PANICS).increment(1);
        error!(
            defect,
            "A call's task panicked before the answer was stored; what became of the call is looked up"
        );
        dispatch.freed.notify_one();
        tokio::time::sleep(AFTER_DEFECT).await;
        let Some(claim) = claimed.get().copied() else {
            if let Some(due) = due {
                dispatch.store.agenda().put_back(lane, due);
            }
            return;
        };
        let retry_in = clock::millis(AFTER_DEFECT);
        if let Err(error) =
            dispatch.store.reply(lane, entry, claim, after_defect(0), retry_in).await
        {
            debug!(%error, "An answer could not be recorded");
        }
    }

    /// Makes the call; `claimed` becomes the id of its claim.
    async fn carry_out(self, claimed: Arc<OnceLock<ClaimId>>) {
        let Self { dispatch, lane, entry, waited, mut permit, origin } = self;
        histogram!(names::RATE_LIMIT_WAIT).record(clock::seconds(waited.rate_limit));
        let claim = match origin {
            Origin::Commit(claim) => Ok(claim),
            Origin::Agenda(_) => dispatch.store.claim(lane.clone(), entry, waited).await,
        };
        let claim = match claim {
            Ok(claim) => claim,
            Err(error) => {
                give_back(permit, &dispatch);
                return debug!(%error, "An entry could not be claimed");
            }
        };
        if let Some(id) = id_of(&claim) {
            claimed.get_or_init(|| id);
        }
        if let Some(permit) = &mut permit {
            permit.sends();
        }
        let (asked, reply) = match &claim {
            Claim::Nothing => {
                give_back(permit, &dispatch);
                return;
            }
            Claim::Call { event, received_at, call, options } => {
                if options.attempt == 1 {
                    let (now, kind) = (clock::now(), event.kind);
                    let ms = now.since(*received_at);
                    histogram!(names::EVENT_TO_CALL, "kind" => kind).record(clock::seconds(ms));
                    report::last_hour().call(ms, now);
                }
                let asked = Asked { event, call: call.kind(), options };
                let reply = answer_of(&asked, dispatch.client.send(call, options)).await;
                (asked, reply)
            }
            Claim::LookUp { event, question, options } => {
                let asked = Asked { event, call: CallKind::LookUp, options };
                let reply = answer_of(&asked, dispatch.client.look_up(question, options)).await;
                (asked, reply)
            }
        };
        let turn = dispatch.pace.observe(reply.signal, reply.requests, clock::now());
        drop(permit);
        dispatch.freed.notify_one();
        let mut answered = reply.answered;
        log(&asked, &answered, &dispatch.repeats);
        if reply.undocumented {
            log_undocumented(&asked, &answered, &dispatch.told);
        }
        tell(turn, why(&answered));
        let CallOptions { claim, tries, .. } = *asked.options;
        let delays = (dispatch.delays)();
        let retry_in = backoff_delay(tries, delays.initial, delays.max, (dispatch.jitter)());
        answered.reply = with_short_pause(answered.reply);
        if let Err(error) = dispatch.store.reply(lane, entry, claim, answered, retry_in).await {
            debug!(%error, "An answer could not be recorded");
        }
    }
}

const fn id_of(claim: &Claim) -> Option<ClaimId> {
    match claim {
        Claim::Call { options, .. } | Claim::LookUp { options, .. } => Some(options.claim),
        Claim::Nothing => None,
    }
}

/// A pause that ServiceNow has asked for is kept by the pace, for all calls: the entry itself is deferred only for a
/// moment, so that it goes at once when the pause is over, or is ended by an operator.
fn with_short_pause(reply: AwaReply) -> AwaReply {
    match reply {
        AwaReply::Busy { wait: Wait::RetryAfter(ms) } => {
            AwaReply::Busy { wait: Wait::RetryAfter(ms.min(MAX_DEFERRAL)) }
        }
        other => other,
    }
}

/// No call is made with this permit: what is parked or settled uses up neither rate nor budget.
fn give_back(permit: Option<Permit>, dispatch: &Dispatch) {
    if let Some(permit) = permit {
        permit.unused();
        dispatch.freed.notify_one();
    }
}

/// The answer to a call. Where the task panics it is unknown what ServiceNow did: the answer is that the call is in
/// doubt.
async fn answer_of(asked: &Asked<'_>, call: impl Future<Output = Reply>) -> Reply {
    let began = clock::instant();
    let defect = match contained(call).await {
        Ok(reply) => return reply,
        Err(Panicked(defect)) => defect,
    };
    counter!(names::CALL_PANICS).increment(1);
    let EventMeta { source, id: event_id, conversation, .. } = asked.event;
    let (call, attempt) = (asked.call.as_str(), asked.options.attempt);
    error!(
        %source, event_id, conversation, call, attempt, defect,
        "The task of the {call} panicked; what became of the call is looked up"
    );
    let elapsed_ms = clock::millis(began.elapsed());
    Reply {
        answered: after_defect(elapsed_ms),
        signal: Signal::Nothing,
        requests: 1,
        undocumented: false,
    }
}

/// The answer that is stored for a call whose task panicked.
fn after_defect(elapsed_ms: u64) -> Answered {
    let message = "the task of the call panicked".to_owned();
    let reply = AwaReply::InDoubt { why: message.clone() };
    Answered { reply, answer: Answer { status: None, message }, elapsed_ms }
}

/// The cause, at its most explicit.
fn why(answered: &Answered) -> &str {
    match &answered.reply {
        AwaReply::Unauthorised { why: detail } | AwaReply::NotServiceNow { what: detail } => detail,
        _ => &answered.answer.message,
    }
}

/// What was asked, for the log.
struct Asked<'a> {
    event: &'a EventMeta,
    call: CallKind,
    options: &'a CallOptions,
}

/// One line a call: debug where all is well, warn where something between here and ServiceNow is wrong, info where the
/// call is only made again. What an outage repeats is logged once in a while, with its count.
fn log(asked: &Asked<'_>, answered: &Answered, repeats: &Repeats) {
    let EventMeta { source, id: event_id, kind, conversation } = asked.event;
    let (call, attempt) = (asked.call.as_str(), asked.options.attempt);
    let outcome = answered.reply.name();
    let status = answered.answer.status;
    let answer = Some(answered.answer.message.as_str()).filter(|text| !text.is_empty());
    let elapsed_ms = answered.elapsed_ms;
    let class = answered.reply.meaning().class();
    if class != AnswerClass::Final {
        counter!(names::RETRIES, "why" => outcome).increment(1);
    }
    let said = match class {
        AnswerClass::Final => None,
        AnswerClass::Retry | AnswerClass::Fault => repeats.may_say(outcome, clock::now()),
    };
    match (class, said) {
        (AnswerClass::Final, _) | (AnswerClass::Retry | AnswerClass::Fault, None) => debug!(
            %source, event_id, kind, conversation, call, attempt, status, outcome, elapsed_ms, answer,
            "ServiceNow was asked"
        ),
        (AnswerClass::Retry, Some(repeats)) => info!(
            %source, event_id, kind, conversation, call, attempt, status, outcome, elapsed_ms, answer,
            repeats, "The {call} is made again if its time allows"
        ),
        (AnswerClass::Fault, Some(repeats)) => warn!(
            %source, event_id, kind, conversation, call, attempt, status, outcome, elapsed_ms, answer,
            repeats, "The {call} has no good answer yet; it is tried again inside its time"
        ),
    }
    if class == AnswerClass::Final
        && let Some(calls) = repeats.healed(clock::now())
    {
        info!(calls, "ServiceNow answers as it should again");
    }
}

/// The words themselves, so that what they mean can be found out; each answer once in a while.
fn log_undocumented(asked: &Asked<'_>, answered: &Answered, repeats: &Repeats) {
    let EventMeta { source, id: event_id, kind, conversation } = asked.event;
    let (call, attempt) = (asked.call.as_str(), asked.options.attempt);
    let Answered { reply, answer: Answer { status, message }, elapsed_ms } = answered;
    let outcome = reply.name();
    let Some(repeats) = repeats.may_say(message, clock::now()) else { return };
    warn!(
        %source, event_id, kind, conversation, call, attempt, status, outcome, elapsed_ms, text = message,
        repeats, "undocumented answer"
    );
}
