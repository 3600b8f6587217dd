//! ServiceNow as whole calls know it: the sandbox's world, asked through the client's own words.

use std::collections::HashMap;

use super::story::{AGENTS, Does};
use crate::awa::offline::{Asked, Offline};
use crate::awa::stand_in::Request;
use crate::awa::wire::ApiVersion;
use crate::routing::*;
use crate::sandbox::World;
use crate::sandbox::world::{ApiRequest, CALLER, WorkItemState};

/// A card before an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Card {
    pub(super) agent: &'static str,
    pub(super) accepted: bool,
    pub(super) consult: bool,
    pub(super) work_item: SysId,
}

pub(super) struct Instance {
    world: World,
    client: Offline,
}

impl Instance {
    pub(super) fn new() -> Self {
        let mut world = World::empty();
        let queues = ["sales", "care"].map(|name| (external_id(name), None));
        world.seed(queues, [], []);
        world.seed_reason(sys_id('e'));
        for name in AGENTS {
            world.add_agent(user(name), name);
        }
        world.add_document(&document(), "new");
        Self { world, client: Offline::new(HashMap::new(), ApiVersion::default()) }
    }

    pub(super) fn answers(
        &mut self,
        request: &Request,
        options: &CallOptions,
        now: UnixMillis,
    ) -> AwaReply {
        let Self { world, client } = self;
        let mut answer = |asked: Asked<'_>| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let query: Vec<(String, String)> = asked.query.iter().map(owned).collect();
            let request = ApiRequest {
                method: asked.method,
                path: asked.path,
                query: &query,
                body: asked.body,
            };
            let answer = world.answer(SysId::parse(CALLER).unwrap(), request, now);
            (answer.status, answer.body)
        };
        match request {
            Request::Call(call) => client.send(&mut answer, call, options, now).0,
            Request::LookUp(look_up) => client.look_up(&mut answer, look_up, now).0,
        }
    }

    /// Whether the agent had a card to do that with.
    pub(super) fn agent_does(&mut self, who: &str, does: Does, now: UnixMillis) -> bool {
        let who = user(who);
        let done = match does {
            Does::Accepts => self.world.agent_accepts(who, now),
            Does::Rejects => self.world.agent_rejects(who, now),
            Does::LetsTimeOut => self.world.card_times_out(who, now),
        };
        done.is_ok()
    }

    /// All cards, oldest first, once the time-outs have taken effect.
    pub(super) fn cards(&mut self, now: UnixMillis) -> Vec<Card> {
        self.world.tick(now);
        let cards = self.world.cards().map(|(item, holder)| Card {
            agent: AGENTS.into_iter().find(|name| user(name) == holder).unwrap_or("nobody"),
            accepted: item.state == WorkItemState::Accepted,
            consult: item.is_open_consult(),
            work_item: item.sys_id,
        });
        cards.collect()
    }
}

/// The tables of the contact centre.
pub(super) fn tables() -> Directory {
    let mut tables = Directory::default();
    for name in AGENTS {
        assert!(tables.add_agent(VendorAgentId::parse(name).unwrap(), user(name)));
    }
    for name in ["sales", "care"] {
        let queue = VendorQueueId::parse(name).unwrap();
        let row = QueueRow { queue, channel: None, external_id: external_id(name) };
        assert!(tables.add_queue(row));
    }
    assert!(tables.add_reason("*".to_owned(), ReasonRow::SysId(sys_id('e'))));
    tables
}

pub(super) fn document() -> DocumentRef {
    DocumentRef { table: TableName::parse("interaction").unwrap(), sys_id: sys_id('d') }
}

/// Who an agent is in ServiceNow: `a…` for anna, and so on.
pub(super) fn user(name: &str) -> SysId {
    sys_id(name.chars().next().unwrap())
}

fn external_id(queue: &str) -> ExternalId {
    ExternalId::parse(&format!("x-{queue}")).unwrap()
}

fn sys_id(digit: char) -> SysId {
    SysId::parse(&digit.to_string().repeat(32)).unwrap()
}
