//! The world held against the reference pages, call by call.

mod consults;
mod life_cycle;
mod offers;
mod reads;
mod workspace;

use serde_json::{Value, json};

use super::super::switches::{RejectedAgain, RejectedConsult, RejectedTransfer, TransferOfPending};
use super::seed::AWAY;
use super::*;

/// 2024-04-03T23:09:31Z, from the pages' own samples.
const NOON: UnixMillis = UnixMillis(1_712_185_771_000);
const DOCUMENT: &str = "59616aba87bd5210be070d48dabb35e6";
const QUEUE: &str = "92f8942787851210be070d48dabb35fb";
const GRACE: &str = "0d584509c323120095ccd02422d3ae5b";
const ADA: &str = "46d44a23a9fe19810012d100cca80666";

struct Fixture {
    world: World,
    now: UnixMillis,
    caller: SysId,
}

fn fixture() -> Fixture {
    let mut world = World::demo();
    world.add_interaction(id(DOCUMENT));
    Fixture { world, now: NOON, caller: id(CALLER) }
}

fn id(text: &str) -> SysId {
    SysId::parse(text).unwrap()
}

impl Fixture {
    fn ask(&mut self, method: &str, path: &str, body: &Value) -> Answer {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let body = Some(body).filter(|body| !body.is_null());
        self.world.answer(self.caller, ApiRequest { method, path, query: &query, body }, self.now)
    }

    fn get(&mut self, path: &str) -> Value {
        let answer = self.ask("GET", path, &Value::Null);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["result"].clone()
    }

    fn offer_with(&mut self, body: &Value) -> Answer {
        self.ask("POST", &format!("/api/now/awa/documents/interaction/{DOCUMENT}/offer"), body)
    }

    fn offer(&mut self, agent: &str) -> Answer {
        self.offer_with(&offer_to(agent))
    }

    /// Offers and gives the work item.
    fn offered(&mut self, agent: &str) -> SysId {
        work_item_of(&self.offer(agent))
    }

    fn transfer(&mut self, kind: &str, target_type: &str, target: &str) -> Answer {
        self.offer_with(&json!({ "transfer": {
            "transfer_type": kind, "target_type": target_type, "target_id": target,
            "source_queue_id": "support-voice",
        }}))
    }

    fn inbox(&mut self, action: &str, body: &Value) -> Answer {
        self.ask("POST", &format!("/api/now/awa/inbox/actions/{action}"), body)
    }

    fn accept(&mut self, item: SysId, agent: &str) -> Answer {
        self.inbox("accept", &json!({ "agent_id": agent, "work_item_id": item }))
    }

    /// For the reason "Busy".
    fn reject(&mut self, item: SysId, agent: &str) -> Answer {
        let reason = sys_id_of("voice Busy");
        let body = json!({ "agent_id": agent, "work_item_id": item, "reject_reason_id": reason });
        self.inbox("reject", &body)
    }

    fn item(&self, id: SysId) -> &WorkItem {
        self.world.work_item(id).unwrap()
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.plus(ms);
    }
}

fn offer_to(agent: &str) -> Value {
    json!({ "queue_id": "support-voice", "assignment": { "agent_sys_id": agent, "timeout": 30 } })
}

fn work_item_of(answer: &Answer) -> SysId {
    assert_eq!(answer.body["result"]["success"], json!(true), "{answer:?}");
    id(answer.body["result"]["work_item"]["sys_id"].as_str().unwrap())
}

/// The text of a refusal, whichever shape it has.
fn refusal(answer: &Answer) -> (u16, String) {
    let text = answer.body["error"]["message"].as_str();
    let text = text.or_else(|| answer.body["result"]["message"].as_str());
    (answer.status, text.unwrap_or_else(|| panic!("no refusal: {answer:?}")).to_owned())
}
