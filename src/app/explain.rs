//! The dry run: which routing events a vendor's request is, and which AWA requests they would become. Sends and stores
//! nothing.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::files::Files;
use super::inputs::{Kind, kind_of, raw_request};
use crate::awa::wire::{self, ApiVersion};
use crate::config::Settings;
use crate::problem::Problem;
use crate::routing::{
    Action, Answer, Answered, AwaReply, Conversation, ConversationId, Effect, EntryId, Input,
    RoutingEvent, Rules, SysId, UnixMillis, Unreadable, Waited, decide,
};
use crate::source::{Inspected, Malformed, Reading, Request, Source};

/// What becomes of one event.
#[derive(Debug, Serialize)]
pub(crate) struct Explained {
    /// The routing event, or null where the profile made none.
    pub(crate) event: Option<Value>,
    /// The request to AWA, or null where none would be sent.
    pub(crate) request: Option<Asked>,
    /// Why none would be sent, or what the request depends on.
    pub(crate) reason: Option<String>,
}

/// A request to AWA.
#[derive(Debug, Serialize)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
}

/// One source, ready to explain requests. Conversations are kept from one request to the next, as they would in the
/// daemon, so that an accept finds its offer.
pub(crate) struct Explainer {
    source: Arc<Source>,
    rules: Arc<Rules>,
    api_version: ApiVersion,
    conversations: HashMap<ConversationId, Conversation>,
    entries: u64,
}

impl Explainer {
    /// Takes a source by its name.
    ///
    /// # Errors
    /// Names the sources that there are.
    pub(crate) fn new(settings: &Settings, files: &Files, source: &str) -> Result<Self, String> {
        let built = files.source(source)?;
        let directory = files.directories.get(built.contact_center()).cloned().unwrap_or_default();
        Ok(Self {
            source: Arc::clone(built),
            rules: Arc::new(settings.rules(directory)),
            api_version: ApiVersion::new(settings.servicenow.api_version),
            conversations: HashMap::new(),
            entries: 0,
        })
    }

    /// The request that a file holds: a sample as it would be sent, anything else as the body.
    ///
    /// # Errors
    /// It is meant as a sample and is none, or it is a whole call.
    pub(crate) fn request(
        &self,
        file: &Path,
        body: Vec<u8>,
        received_at: UnixMillis,
    ) -> Result<Request, Problem> {
        let path = format!("/webhooks/{}", self.source.name());
        match kind_of(file, &body)? {
            Kind::Sample(sample) => Ok(sample.request(self.source.profile(), &path, received_at)),
            Kind::Body => Ok(raw_request(&self.source, body, received_at)),
            Kind::Flow(_) => Err(Problem::in_file(file, "is a flow: use `rehearse`")),
        }
    }

    /// Reads a request as the intake would, but for its signature, and follows each event to its call.
    ///
    /// # Errors
    /// Where the intake would answer 400 or 415.
    pub(crate) fn explain(&mut self, request: &Request) -> Result<Vec<Explained>, Malformed> {
        let inspected = self.source.inspect(request)?;
        let follow = |one: Inspected| {
            let mut explained = self.follow(one.reading, request.received_at);
            if !one.unread.is_empty() {
                let keys = format!("nothing reads its keys `{}`", one.unread.join("`, `"));
                let reason = explained.reason.take().map(|reason| format!("{reason}; {keys}"));
                explained.reason = Some(reason.unwrap_or(keys));
            }
            explained
        };
        Ok(inspected.into_iter().map(follow).collect())
    }

    fn follow(&mut self, reading: Reading, received_at: UnixMillis) -> Explained {
        let nothing =
            |reason: String| Explained { event: None, request: None, reason: Some(reason) };
        match reading {
            Reading::Ignored { why, .. } => nothing(format!("ignored by the profile: {why}")),
            Reading::Unknown { event_type } => nothing(match event_type {
                Some(event_type) => format!("not known to the profile: {event_type}"),
                None => "not known to the profile".to_owned(),
            }),
            Reading::Unreadable(Unreadable { problem, .. }) => {
                nothing(format!("cannot be read and would be kept as a dead letter: {problem}"))
            }
            Reading::Event(event) => self.follow_event(*event, received_at),
        }
    }

    /// Decides the event at its own time, so that old samples are not simply late.
    fn follow_event(&mut self, event: RoutingEvent, received_at: UnixMillis) -> Explained {
        let json = serde_json::to_value(event.to_json()).ok();
        let at = event.occurred_at.min(received_at);
        let key = event.conversation.clone();
        let teaches = matches!(event.action, Action::Bind | Action::Withdraw);
        self.entries += 1;
        let entry = EntryId(self.entries);
        let conversation = self.conversations.remove(&key);
        let decision = decide(conversation, Input::Event { entry, event, at }, &self.rules);
        let mut conversation = decision.conversation;
        let mut explained = explain_effects(&decision.effects, self.api_version);
        if explained.is_none() {
            let due = Input::Due { entry, waited: Waited::default(), clock: None, at };
            let decision = decide(Some(conversation), due, &self.rules);
            conversation = decision.conversation;
            explained = explain_effects(&decision.effects, self.api_version);
            conversation = self.answer(conversation, entry, at);
        }
        self.conversations.insert(key, conversation);
        let (request, reason) = explained.unwrap_or_else(|| {
            let why = if teaches { "nothing is sent for it" } else { "nothing would be sent" };
            (None, Some(why.to_owned()))
        });
        Explained { event: json, request, reason }
    }

    /// Answers in place of ServiceNow: every call lands, and an offer gets a work item of zeros. What waits is
    /// discarded, since nothing else will come.
    fn answer(&self, conversation: Conversation, entry: EntryId, at: UnixMillis) -> Conversation {
        let reply = AwaReply::Landed { work_item: SysId::parse(&"0".repeat(32)).ok() };
        let answered = Answered { reply, answer: Answer::default(), elapsed_ms: 0 };
        let claim = conversation.entry(entry).and_then(|entry| entry.story.claim);
        let landed = claim.map(|claim| Input::Reply { entry, claim, answered, retry_in: 0, at });
        let conversation = match landed {
            Some(landed) => decide(Some(conversation), landed, &self.rules).conversation,
            None => conversation,
        };
        decide(Some(conversation), Input::Discard { entry, at }, &self.rules).conversation
    }
}

/// The first effect that says what is sent, or why nothing is.
fn explain_effects(
    effects: &[Effect],
    api_version: ApiVersion,
) -> Option<(Option<Asked>, Option<String>)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Call { call, .. } => {
            let request = wire::request(call, api_version);
            let asked = Asked {
                method: request.method.to_string(),
                path: request.path,
                body: request.body,
            };
            Some((Some(asked), None))
        }
        Effect::Park { missing, .. } => Some((None, Some(format!("parked: {missing}")))),
        Effect::Reschedule { why, .. } => Some((None, Some(format!("would wait: {why}")))),
        Effect::Settle { outcome, reason, .. } => {
            Some((None, Some(format!("{outcome}: {reason}"))))
        }
        Effect::Enqueue { .. }
        | Effect::LookUp { .. }
        | Effect::Resume { .. }
        | Effect::Amend { .. } => None,
    })
}
