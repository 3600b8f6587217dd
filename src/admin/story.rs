//! What happened to a conversation or an event, in words: the command `trace` prints them, the page shows them as
//! lanes.

mod cards;

use std::fmt::Display;

use serde::Serialize;

use super::wording::{call, full_time, meaning, time_of_day, words};
use crate::routing::{
    CallKind, CallRecord, ConversationRecord, EarlierRecord, EventRecord, Meaning, UnixMillis,
    rfc3339, visible_line,
};
use cards::Cards;

/// What is known of a conversation, and all that happened, by time.
pub(crate) struct Story {
    pub(crate) title: String,
    /// A name and what it is.
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) moments: Vec<Moment>,
}

/// One thing that happened.
pub(crate) struct Moment {
    /// None: this is how it stands now.
    pub(crate) at: Option<UnixMillis>,
    pub(crate) source: String,
    pub(crate) id: String,
    /// The event's kind and id, and its conversation where that is another one.
    pub(crate) name: String,
    pub(crate) what: What,
    /// Who has the card from now on, where that has changed.
    pub(crate) card: Option<String>,
}

/// See [`Moment`].
pub(crate) enum What {
    /// The event came in: `received from native: agent anna`.
    CameIn(String),
    /// A call or look-up, and what ServiceNow answered.
    Call { asks: String, answer: String },
    /// It ended so, or stands so now.
    Is(String),
    /// An operator did something: `anna replayed`.
    OperatorAction(String),
}

impl Story {
    /// Of a conversation with all that share its document.
    pub(crate) fn of_conversation(record: &ConversationRecord, conversation: &str) -> Self {
        let center = &record.contact_center;
        let mut facts = Vec::new();
        let mut fact = |name, value: Option<String>| {
            facts.extend(value.map(|value| (name, value)));
        };
        let document = record.document.as_ref();
        fact("document", document.map(|of| format!("{} {}", of.table, of.sys_id)));
        let others = Some(record.shared_with.join(", "));
        fact("shared with", others.filter(|others| !others.is_empty()));
        fact("last queue", record.queue.clone());
        fact("channel", record.channel.clone());
        let since = record.consult_since.map(full_time);
        fact("consult", since.map(|since| format!("open since {since}")));
        fact("from", record.events.first().map(|first| full_time(first.received_at)));
        Self {
            title: format!("Conversation {conversation} of {center}"),
            facts,
            moments: moments_of(&record.events, conversation),
        }
    }

    /// Of one event.
    pub(crate) fn of_event(event: &EventRecord) -> Self {
        let conversation = event.conversation.clone().unwrap_or_default();
        let moments = moments_of(std::slice::from_ref(event), &conversation);
        let kind = event.kind.as_deref().map_or_else(|| "Event".to_owned(), words);
        let title = format!("{kind} {} from {}", event.id, event.source);
        let facts = vec![("from", full_time(event.received_at))];
        Self { title, facts, moments }
    }

    /// How the moments are shown.
    pub(crate) fn times(&self) -> fn(UnixMillis) -> String {
        moments(self.moments.iter().filter_map(|moment| moment.at))
    }

    /// For the page, every text in it fit to stand in a line.
    pub(super) fn to_json(&self) -> impl Serialize + use<> {
        let shown = |text: &str| visible_line(text).into_owned();
        let times = self.times();
        let moment = |moment: &Moment| {
            let (lane, text, answer) = match &moment.what {
                What::CameIn(said) => ("event", said, None),
                What::Call { asks, answer } => ("call", asks, Some(shown(answer))),
                What::Is(state) => ("decision", state, None),
                What::OperatorAction(action) => ("operator", action, None),
            };
            MomentJson {
                at: moment.at,
                time: moment.at.map_or_else(|| "now".to_owned(), times),
                // Ids stay as they are: they are what is asked for next.
                source: moment.source.clone(),
                id: moment.id.clone(),
                name: shown(&moment.name),
                lane,
                text: shown(text),
                answer,
                card: moment.card.as_deref().map(shown),
            }
        };
        let facts = self.facts.iter().map(|(name, value)| FactJson { name, value: shown(value) });
        StoryJson {
            title: shown(&self.title),
            facts: facts.collect(),
            moments: self.moments.iter().map(moment).collect(),
        }
    }
}

#[derive(Serialize)]
struct StoryJson {
    title: String,
    facts: Vec<FactJson>,
    moments: Vec<MomentJson>,
}

#[derive(Serialize)]
struct FactJson {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct MomentJson {
    #[serde(with = "rfc3339::optional")]
    at: Option<UnixMillis>,
    time: String,
    source: String,
    id: String,
    name: String,
    lane: &'static str,
    text: String,
    answer: Option<String>,
    card: Option<String>,
}

impl Moment {
    /// As a line after its time.
    pub(crate) fn line(&self) -> String {
        let name = &self.name;
        match &self.what {
            What::CameIn(said) => format!("{name} {said}"),
            What::Call { asks, answer } => format!("  {name}: {asks}: {answer}"),
            What::Is(state) => format!("  {name} is {state}"),
            What::OperatorAction(action) => format!("  {name}: {action}"),
        }
    }
}

/// What happened with these events, by time. Of another conversation that shares the document, with its name.
fn moments_of(events: &[EventRecord], conversation: &str) -> Vec<Moment> {
    let mut all: Vec<(Moment, &EventRecord, Option<&CallRecord>)> = Vec::new();
    for event in events {
        let other = event.conversation.as_deref().filter(|other| *other != conversation);
        let of = other.map(|other| format!(" (of {other})")).unwrap_or_default();
        let kind = event.kind.as_deref().map(words).unwrap_or_default();
        let name = format!("{kind} {}{of}", event.id);
        let moment = |at, what| {
            let (source, id, name) = (event.source.clone(), event.id.clone(), name.clone());
            Moment { at, source, id, name, what, card: None }
        };
        let came_in = What::CameIn(came_in(event));
        all.push((moment(Some(event.received_at), came_in), event, None));
        for (at, what) in happened(event) {
            let (what, call) = match what {
                Happened::Call(one) => {
                    (What::Call { asks: call(&one.call), answer: answer_of(one) }, Some(one))
                }
                Happened::Ended(end) => (What::Is(earlier_end(end)), None),
                Happened::OperatorAction(action) => (What::OperatorAction(action.to_owned()), None),
            };
            all.push((moment(Some(at), what), event, call));
        }
        let state = state_and_why(&event.state, event.reason.as_deref(), event.detail.as_deref());
        all.push((moment(event.settled_at, What::Is(state)), event, None));
    }
    all.sort_by_key(|(moment, ..)| moment.at.unwrap_or(UnixMillis::MAX));
    let mut cards = Cards::default();
    let with_card = |(mut moment, event, call): (Moment, &EventRecord, Option<&CallRecord>)| {
        moment.card = call.and_then(|call| cards.after(event, call));
        moment
    };
    all.into_iter().map(with_card).collect()
}

/// What came in, with the members that tell the story.
fn came_in(event: &EventRecord) -> String {
    let said = event.event.clone().unwrap_or_default();
    let target = said.transfer.and_then(|transfer| transfer.target).unwrap_or_default();
    let parts = [
        said.agent.map(|agent| format!("agent {agent}")),
        said.queue.map(|queue| format!("queue {queue}")),
        said.channel.map(|channel| format!("channel {channel}")),
        said.reason.map(|reason| format!("reason {reason}")),
        said.timeout_seconds.map(|seconds| format!("rings {seconds} s")),
        target.agent.map(|agent| format!("to agent {agent}")),
        target.queue.map(|queue| format!("to queue {queue}")),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    let said = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    format!("received from {}{said}", event.source)
}

/// One call and its answer, after its number or time.
pub(crate) fn call_line(one: &CallRecord) -> String {
    format!("{}: {}", call(&one.call), answer_of(one))
}

/// What ServiceNow answered.
fn answer_of(one: &CallRecord) -> String {
    // Where all went well, ServiceNow's words say nothing more.
    let all_well = one.meaning.as_ref().is_some_and(|meaning| *meaning == Meaning::Landed);
    let message = one.message.as_deref().filter(|message| !message.is_empty() && !all_well);
    let message = message.map(|message| format!(" “{message}”")).unwrap_or_default();
    let answer = match (one.status.filter(|status| *status != 0), one.elapsed_ms) {
        (None, None) => String::new(),
        (None, Some(elapsed)) => format!(" ({elapsed} ms)"),
        (Some(status), None) => format!(" (HTTP {status})"),
        (Some(status), Some(elapsed)) => format!(" (HTTP {status}, {elapsed} ms)"),
    };
    let meaning = one.meaning.as_ref().map_or_else(|| "no answer yet".to_owned(), meaning);
    format!("{meaning}{answer}{message}")
}

/// A state and why, in brackets: `dead (misconfigured: …)`.
pub(crate) fn state_and_why(
    state: &impl Display,
    code: Option<&str>,
    detail: Option<&str>,
) -> String {
    match reason(code, detail) {
        why if why.is_empty() => state.to_string(),
        why => format!("{state} ({why})"),
    }
}

/// How an event had ended before it was replayed or discarded.
pub(crate) fn earlier_end(end: &EarlierRecord) -> String {
    state_and_why(&end.state, Some(&end.reason), end.detail.as_deref())
}

/// The reason's word and its sentence.
pub(crate) fn reason(code: Option<&str>, detail: Option<&str>) -> String {
    let parts = [code.map(words), detail.map(str::to_owned)];
    let parts: Vec<_> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    parts.join(": ")
}

/// What happened to an event between its coming in and how it stands, each with its moment: the calls, how it had ended
/// before an operator replayed or discarded it, and what operators did.
pub(crate) fn happened(event: &EventRecord) -> Vec<(UnixMillis, Happened<'_>)> {
    let mut all = Vec::new();
    all.extend(event.earlier.iter().map(|end| (end.settled_at, Happened::Ended(end))));
    let actions = event.by.as_deref().unwrap_or_default().split("; ");
    for action in actions.filter(|action| !action.is_empty()) {
        let dated = action.rsplit_once(" at ");
        let dated = dated.and_then(|(what, at)| Some((what, UnixMillis::from_rfc3339(at)?)));
        let (what, at) = dated.unwrap_or((action, event.received_at));
        all.push((at, Happened::OperatorAction(what)));
    }
    all.extend(event.calls.iter().map(|call| (call.at, Happened::Call(call))));
    all.sort_by_key(|(at, _)| *at);
    all
}

/// One thing that happened to an event.
pub(crate) enum Happened<'a> {
    /// A call or look-up with its answer.
    Call(&'a CallRecord),
    /// It had ended so.
    Ended(&'a EarlierRecord),
    /// An operator did something: `anna replayed`.
    OperatorAction(&'a str),
}

/// How moments are shown: by the time of day where all of them are of one day.
pub(crate) fn moments(all: impl IntoIterator<Item = UnixMillis>) -> fn(UnixMillis) -> String {
    let mut days = all.into_iter().map(|at| at.0.div_euclid(86_400_000));
    let first = days.next();
    if days.all(|day| Some(day) == first) { time_of_day } else { full_time }
}
