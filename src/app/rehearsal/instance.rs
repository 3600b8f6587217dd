//! The instance of a rehearsal: the sandbox's world, asked with the client's own requests.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::story::CardShown;
use crate::awa::offline::{Asked, Offline};
use crate::awa::wire::ApiVersion;
use crate::routing::{
    Answer, AwaCall, AwaReply, CallOptions, DocumentRef, LookUp, SysId, TransferTarget, UnixMillis,
    VendorAgentId,
};
use crate::sandbox::World;
use crate::sandbox::world::{ApiRequest, CALLER, ConsultState, WorkItemState};
use crate::source::flows::{Also, CardState};

/// What came of a call or a look-up; the request is the last of those that it took.
pub(super) struct Performed {
    pub(super) reply: AwaReply,
    pub(super) answer: Answer,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

/// A world, the client that asks it, and the vendor's names of its agents.
pub(super) struct Instance {
    world: World,
    client: Offline,
    agents: BTreeMap<SysId, VendorAgentId>,
}

impl Instance {
    pub(super) fn new(
        world: World,
        channels: HashMap<String, String>,
        version: ApiVersion,
    ) -> Self {
        Self { world, client: Offline::new(channels, version), agents: BTreeMap::new() }
    }

    /// Remembers what the vendor calls an agent; one who is not known comes into being.
    pub(super) fn add_agent(&mut self, agent: &VendorAgentId, sys_id: SysId) {
        if self.world.user(sys_id).is_none() {
            self.world.add_agent(sys_id, agent.as_str());
        }
        self.agents.insert(sys_id, agent.clone());
    }

    /// A document that is not known comes into being, open.
    pub(super) fn add_document(&mut self, document: &DocumentRef) {
        if self.world.document(document.sys_id).is_none() {
            self.world.add_document(document, "new");
        }
    }

    /// Lets the time-outs of cards take effect.
    pub(super) fn tick(&mut self, now: UnixMillis) {
        self.world.tick(now);
    }

    pub(super) fn send(
        &mut self,
        call: &AwaCall,
        options: &CallOptions,
        now: UnixMillis,
    ) -> Performed {
        self.ask(now, |client, instance| client.send(instance, call, options, now))
    }

    pub(super) fn look_up(&mut self, question: &LookUp, now: UnixMillis) -> Performed {
        self.ask(now, |client, instance| client.look_up(instance, question, now))
    }

    /// Who would be shown a second card of the same document by that call.
    pub(super) fn shown_already(&self, call: &AwaCall) -> Option<String> {
        let (document, agent) = match call {
            AwaCall::Offer { document, agent, .. }
            | AwaCall::Transfer { document, target: TransferTarget::Agent(agent), .. } => {
                (document.sys_id, *agent)
            }
            AwaCall::Transfer { .. }
            | AwaCall::Assign { .. }
            | AwaCall::Accept { .. }
            | AwaCall::Reject { .. }
            | AwaCall::EndConsult { .. }
            | AwaCall::CloseDocument { .. } => return None,
        };
        let pending = self.world.cards().any(|(item, holder)| {
            item.document.sys_id == document
                && holder == agent
                && item.state == WorkItemState::PendingAccept
        });
        pending.then(|| self.name_of(agent))
    }

    /// Lets an agent act, or a card's time end.
    ///
    /// # Errors
    /// Says why it cannot be.
    pub(super) fn also(&mut self, also: &Also, now: UnixMillis) -> Result<(), String> {
        let (Also::AgentAccepts(agent) | Also::AgentRejects(agent) | Also::CardTimesOut(agent)) =
            also;
        let known = self.agents.iter().find(|(_, name)| *name == agent);
        let sys_id = *known.ok_or("is no agent of the tables")?.0;
        match also {
            Also::AgentAccepts(_) => self.world.agent_accepts(sys_id, now),
            Also::AgentRejects(_) => self.world.agent_rejects(sys_id, now),
            Also::CardTimesOut(_) => self.world.card_times_out(sys_id, now),
        }
    }

    /// All cards, oldest first.
    pub(super) fn cards(&self) -> Vec<CardShown> {
        let shown = self.world.cards().filter_map(|(item, agent)| {
            let state = match item.state {
                WorkItemState::PendingAccept => CardState::PendingAccept,
                WorkItemState::Accepted => CardState::Accepted,
                WorkItemState::Queued | WorkItemState::Canceled => return None,
            };
            Some(CardShown {
                document: item.document.sys_id,
                agent: self.name_of(agent),
                state: state.as_str(),
                since: item.state_changed,
                work_item: item.sys_id,
                consult: matches!(
                    item.consult,
                    Some(ConsultState::Requested | ConsultState::Accepted)
                ),
            })
        });
        shown.collect()
    }

    fn name_of(&self, agent: SysId) -> String {
        self.agents.get(&agent).map_or_else(|| agent.to_string(), ToString::to_string)
    }

    fn ask(
        &mut self,
        now: UnixMillis,
        question: impl FnOnce(&Offline, &mut dyn FnMut(Asked<'_>) -> (u16, Value)) -> (AwaReply, Answer),
    ) -> Performed {
        let Self { world, client, agents: _ } = self;
        let (mut method, mut path, mut body) = (String::new(), String::new(), None);
        let mut answer = |asked: Asked<'_>| {
            let query: Vec<(String, String)> = asked
                .query
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            asked.method.clone_into(&mut method);
            path = with_query(asked.path, asked.query);
            body = asked.body.cloned();
            let request = ApiRequest {
                method: asked.method,
                path: asked.path,
                query: &query,
                body: asked.body,
            };
            let caller = SysId::parse(CALLER)
                .expect("the sandbox's own constant is 32 hex digits, as a sys_id is");
            let answer = world.answer(caller, request, now);
            (answer.status, answer.body)
        };
        let (reply, answer) = question(client, &mut answer);
        Performed { reply, answer, method, path, body }
    }
}

fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    if query.is_empty() {
        return path.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("{path}?{query}")
}
