//! The sandbox over real sockets: credentials, each fault once, what is true of the whole instance.

mod credentials;
mod faults;
mod instance;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use super::super::world::CALLER;
use super::super::{Match, Misbehaviour};
use super::*;
use crate::routing::SysId;

const DOCUMENT: &str = "59616aba87bd5210be070d48dabb35e6";
const GRACE: &str = "0d584509c323120095ccd02422d3ae5b";

struct Fixture {
    sandbox: Sandbox,
    client: Client,
}

async fn fixture() -> Fixture {
    fixture_with(Access::anyone()).await
}

async fn fixture_with(access: Access) -> Fixture {
    // A second installation is refused, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut world = World::demo();
    world.add_interaction(id(DOCUMENT));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sandbox = Sandbox::start_with(listener, world, access).unwrap();
    let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
    Fixture { sandbox, client }
}

fn id(text: &str) -> SysId {
    SysId::parse(text).unwrap()
}

fn offer() -> Value {
    json!({ "queue_id": "support-voice", "assignment": { "agent_sys_id": GRACE, "timeout": 30 } })
}

impl Fixture {
    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.sandbox.url()));
        request.header(CONTENT_TYPE, "application/json").body(body.to_string())
    }

    fn anonymous_offer(&self) -> RequestBuilder {
        self.post(&format!("/api/now/awa/documents/interaction/{DOCUMENT}/offer"), &offer())
    }

    fn offer(&self) -> RequestBuilder {
        self.anonymous_offer().basic_auth("bridge", Some("secret"))
    }

    fn work_items(&self) -> usize {
        self.sandbox.with_world(|world| world.work_items().count())
    }

    fn last_call(&self) -> RecordedCall {
        self.sandbox.calls().pop().unwrap()
    }
}

async fn body_of(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}
