//! An instance with AWA as a pure state machine: records in, calls on them, answers out.
//!
//! It follows ServiceNow's reference pages to the letter; what they leave open is a [`Switches`] field. It reads no
//! clock and does no IO: the caller says what time it is, and time-outs take effect at the next call or
//! [`World::tick`].

mod agents;
mod answer;
mod assign;
mod consult;
mod inbox;
mod offer;
mod options;
mod query;
mod records;
mod route;
mod rows;
mod seed;
mod table;
#[cfg(test)]
mod tests;
mod transfer;
mod workspace;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

pub(crate) use answer::{Answer, Refusal};
pub(crate) use records::{AgentMapping, Queue, RejectReasonRecord, User};
pub use records::{ConsultState, Document, WorkItem, WorkItemState};
pub use route::Endpoint;
pub use seed::{CALLER, CHAT, VOICE, sys_id_of};

use super::switches::{Switches, TimedOut};
use crate::routing::{DocumentRef, ExternalId, SysId, UnixMillis};
use route::Route;

/// A request as the instance's APIs see it, after authentication.
#[derive(Debug, Clone, Copy)]
pub struct ApiRequest<'a> {
    /// HTTP method in capitals.
    pub method: &'a str,
    /// Path without the query.
    pub path: &'a str,
    /// Query parameters, decoded.
    pub query: &'a [(String, String)],
    /// JSON body, where there is one.
    pub body: Option<&'a Value>,
}

/// The records of one instance and how it behaves.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// How it behaves.
    pub(crate) switches: Switches,
    documents: BTreeMap<SysId, Document>,
    document_tables: BTreeSet<String>,
    /// Service channels, by name.
    channels: BTreeMap<SysId, String>,
    queues: BTreeMap<SysId, Queue>,
    queues_by_external_id: HashMap<ExternalId, Vec<SysId>>,
    users: BTreeMap<SysId, User>,
    users_by_name: HashMap<String, SysId>,
    agent_mappings: BTreeMap<SysId, AgentMapping>,
    /// Whether they mean available.
    presence_states: BTreeMap<SysId, bool>,
    reject_reasons: BTreeMap<SysId, RejectReasonRecord>,
    work_items: BTreeMap<SysId, WorkItem>,
    /// In order of creation.
    items_by_document: HashMap<SysId, Vec<SysId>>,
    time_outs: BTreeSet<(UnixMillis, SysId)>,
    created: u64,
}

impl World {
    /// Carries out an API request of an authenticated caller and answers it.
    pub fn answer(&mut self, caller: SysId, request: ApiRequest<'_>, now: UnixMillis) -> Answer {
        self.tick(now);
        let Some(route) = Route::parse(request.path) else {
            return Answer::no_such_api(request.path);
        };
        let endpoint = Endpoint::of(request.method, request.path, request.body);
        if (self.switches.plugin_missing && route.is_awa())
            || self.switches.missing_apis.contains(&endpoint)
        {
            return Answer::no_such_api(request.path);
        }
        if !route.takes(request.method) {
            return Answer::method_not_supported();
        }
        let nothing = json!({});
        let body = request.body.unwrap_or(&nothing);
        match route {
            Route::Offer { table, sys_id } => self.offer(caller, table, sys_id, body, now),
            Route::Assign { work_item } => self.assign(caller, work_item, body, now),
            Route::Accept => self.accept(caller, body, now),
            Route::Reject => self.reject(caller, body, now),
            Route::RejectReasons { channel } => self.list_reject_reasons(caller, channel),
            Route::EndConsult => self.end_consult(caller, body, now),
            Route::Agent { user } if request.method == "GET" => self.read_presence(caller, user),
            Route::Agent { user } => self.change_presence(caller, user, body, now),
            Route::Table { table } => self.read_table(table, request.query),
            Route::Record { table, sys_id } if request.method == "GET" => {
                self.read_record(table, sys_id, request.query)
            }
            Route::Record { table, sys_id } => self.update_record(table, sys_id, body, now),
        }
    }

    /// Lets the time-outs that are due take effect: the work item is queued again or canceled, its agent gets
    /// `after_timeout_presence`.
    pub fn tick(&mut self, now: UnixMillis) {
        while let Some(&(at, id)) = self.time_outs.first() {
            if at > now {
                return;
            }
            self.time_outs.pop_first();
            let Some(item) = self.work_items.get(&id) else { continue };
            // An entry whose item was answered or offered anew in the meantime is stale.
            if item.times_out_at() != Some(at) {
                continue;
            }
            self.time_out(id, at);
        }
    }

    /// The time of a pending card is over.
    fn time_out(&mut self, id: SysId, at: UnixMillis) {
        let Some(item) = self.work_items.get_mut(&id) else { return };
        let (agent, presence) = (item.assigned_to, item.after_timeout_presence);
        match self.switches.timed_out {
            TimedOut::Queued => item.back_to_queue(at),
            TimedOut::Canceled => {
                item.consult = item.consult.map(|_| ConsultState::Cancelled);
                item.cancel("Time out", at);
                item.assigned_to = None;
            }
        }
        item.timed_out = true;
        if let (Some(agent), Some(presence)) = (agent, presence) {
            self.set_presence(agent, presence);
        }
    }

    /// A document.
    #[must_use]
    pub fn document(&self, id: SysId) -> Option<&Document> {
        self.documents.get(&id)
    }

    /// A queue.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn queue(&self, id: SysId) -> Option<&Queue> {
        self.queues.get(&id)
    }

    /// A user.
    #[must_use]
    pub fn user(&self, id: SysId) -> Option<&User> {
        self.users.get(&id)
    }

    /// A user by user name.
    #[must_use]
    pub(crate) fn user_named(&self, user_name: &str) -> Option<&User> {
        self.users_by_name.get(user_name).and_then(|id| self.users.get(id))
    }

    /// A work item.
    #[must_use]
    pub(crate) fn work_item(&self, id: SysId) -> Option<&WorkItem> {
        self.work_items.get(&id)
    }

    /// Every work item, in no order.
    pub fn work_items(&self) -> impl Iterator<Item = &WorkItem> {
        self.work_items.values()
    }

    /// The work items of a document, oldest first.
    pub fn work_items_of(&self, document: SysId) -> impl Iterator<Item = &WorkItem> {
        let ids = self.items_by_document.get(&document).map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| self.work_items.get(id))
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        refusal.answer(self.switches.refusals, self.switches.missing_role)
    }

    fn has_role(&self, user: SysId, role: &str) -> bool {
        self.users.get(&user).is_some_and(|user| user.roles.contains(role))
    }

    /// The rule of the APIs that document a 403.
    fn may_integrate(&self, caller: SysId) -> Result<(), Answer> {
        if self.switches.awa_enabled && self.has_role(caller, "awa_integration_user") {
            Ok(())
        } else {
            Err(Answer::not_authorised())
        }
    }

    /// The rule of Offer Work and Manual Assignment.
    fn may_assign(&self, caller: SysId) -> Result<(), Refusal> {
        let roles = ["awa_manager", "awa_integration_user"];
        if roles.iter().any(|role| self.has_role(caller, role)) {
            Ok(())
        } else {
            Err(Refusal::CallerLacksRole(caller))
        }
    }

    /// The active work item that the document is worked on with; a consult's second item is not it.
    fn current_item(&self, document: SysId) -> Option<&WorkItem> {
        self.work_items_of(document).filter(|item| item.active && !item.is_open_consult()).last()
    }

    fn add_work_item(&mut self, document: DocumentRef, queue: SysId, now: UnixMillis) -> SysId {
        let sys_id = self.fresh_id();
        self.items_by_document.entry(document.sys_id).or_default().push(sys_id);
        let item = WorkItem {
            sys_id,
            document,
            queue,
            state: WorkItemState::Queued,
            active: true,
            assigned_to: None,
            offered_on: None,
            timeout_seconds: None,
            after_timeout_presence: None,
            allowed_to_decline: true,
            display_option: crate::routing::DisplayOption::CardOnly,
            auto_accepted: false,
            offer_count: 0,
            rejected: false,
            timed_out: false,
            previous_work_item: None,
            external_segment_id: None,
            consult: None,
            cancel_reason: None,
            created: now,
            updated: now,
            state_changed: now,
        };
        self.work_items.insert(sys_id, item);
        sys_id
    }

    /// Changes a work item that is known to be there.
    fn change(&mut self, id: SysId, change: impl FnOnce(&mut WorkItem)) {
        if let Some(item) = self.work_items.get_mut(&id) {
            change(item);
        }
    }

    fn fresh_id(&mut self) -> SysId {
        self.created += 1;
        sys_id_of(&format!("record {}", self.created))
    }
}
