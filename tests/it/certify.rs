//! `certify`: what an instance does where the pages leave it open is found out, each by its own switch of the sandbox.

use std::collections::BTreeMap;

use awa_bridge::testing::sandbox::world::{CHAT, VOICE, sys_id_of};
use awa_bridge::testing::sandbox::{Sandbox, Switches};
use serde_json::{Value, json};

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Home, run};
use super::support::{ADA, GRACE, document};

/// How a certification ended.
pub(super) struct Certified {
    pub(super) code: i32,
    /// By probe.
    pub(super) findings: BTreeMap<String, Value>,
    /// The last line.
    pub(super) end: Value,
    pub(super) errors: String,
}

impl Certified {
    pub(super) fn read(code: i32, shown: &str, errors: String) -> Self {
        let mut lines: Vec<Value> =
            shown.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
        let end = lines.pop().unwrap_or_else(|| panic!("nothing was said: {errors}"));
        let named =
            |finding: Value| (finding["probe"].as_str().expect("a name").to_owned(), finding);
        Self { code, findings: lines.into_iter().map(named).collect(), end, errors }
    }

    pub(super) fn result(&self, probe: &str) -> &str {
        self.findings[probe]["result"].as_str().expect("a result")
    }

    /// Why it could not be tried.
    pub(super) fn because(&self, probe: &str) -> &str {
        let because = &self.findings[probe]["because"];
        because.as_str().unwrap_or_else(|| panic!("{probe} was tried: {:#}", self.findings[probe]))
    }

    /// The probes that do not hold or could not be tried.
    pub(super) fn odd(&self) -> Vec<&str> {
        let odd = self.findings.iter().filter(|(_, finding)| finding["result"] != "holds");
        odd.map(|(probe, _)| probe.as_str()).collect()
    }
}

/// A sandbox with some open test documents.
pub(super) async fn instance(switches: Value, documents: usize) -> Sandbox {
    let switches: Switches = serde_json::from_value(switches).expect("switches");
    let sandbox = start_sandbox(switches).await;
    sandbox.with_world(|world| {
        for number in 0..documents {
            world.add_interaction(sys_id_of(&format!("test {number}")));
        }
    });
    sandbox
}

/// The arguments that name everything.
pub(super) fn arguments(documents: usize) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "certify",
        "--json",
        "--yes-non-production",
        "--agent",
        ADA,
        "--second-agent",
        GRACE,
        "--queue",
        "support-voice",
        "--second-queue",
        "sales-voice",
        "--accept",
    ]
    .map(str::to_owned)
    .into();
    for number in 0..documents {
        let sys_id = document(&format!("test {number}"));
        arguments.extend(["--document".to_owned(), format!("interaction:{sys_id}")]);
    }
    arguments
}

pub(super) async fn certify(sandbox: &Sandbox, documents: usize) -> Certified {
    certify_by(&sandbox.url(), &arguments(documents)).await
}

pub(super) async fn certify_by(instance: &str, arguments: &[String]) -> Certified {
    let home = Home::new(instance, &Setup::default());
    let arguments = arguments.to_owned();
    let ran = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(&mut home.command(&arguments))
    };
    let (code, shown, errors) = tokio::task::spawn_blocking(ran).await.expect("it runs");
    Certified::read(code, &shown, errors)
}

/// Nothing is before an agent any more.
pub(super) fn nothing_is_pending(sandbox: &Sandbox) {
    let pending = sandbox.with_world(|world| {
        let cards = world.cards().map(|(item, agent)| format!("{agent}: {:?}", item.state));
        cards.collect::<Vec<_>>()
    });
    assert!(pending.is_empty(), "{pending:?}");
}

#[tokio::test]
async fn an_instance_as_the_bridge_assumes_it_holds_in_all() {
    let sandbox = instance(json!({}), 1).await;
    let certified = certify(&sandbox, 1).await;
    assert_eq!(certified.odd(), Vec::<&str>::new(), "{:#?}", certified.findings);
    assert_eq!(certified.code, 0, "{}", certified.errors);
    assert_eq!(certified.findings.len(), 26);
    let defaults = serde_json::to_value(Switches::default()).expect("JSON");
    let switches = certified.end["switches"].as_object().expect("switches");
    assert!(switches.len() >= 12, "{switches:?}");
    for (name, value) in switches {
        assert_eq!(value, &defaults[name], "{name}");
    }
    let settings = &certified.end["settings"];
    assert_eq!(settings["offer.replace"], "\"reject\"");
    assert_eq!(settings["offer.hand_over"], "\"consult\"");
    nothing_is_pending(&sandbox);
    let left = certified.end["left"].to_string();
    assert!(left.contains("waits in a queue") && !left.contains("pending"), "{left}");
}

/// Switch, value, the probe that finds it, and what else it changes.
fn switches() -> Vec<(&'static str, Value, &'static str, &'static [&'static str])> {
    vec![
        ("refusals", json!("success_false"), "refused_call", &[]),
        ("refusals", json!("conflict_result"), "refused_call", &[]),
        ("repeat_offer", json!("already_assigned"), "repeat_offer", &[]),
        ("offer_to_another", json!("moves"), "offer_to_another", &[]),
        ("transfer_of_pending", json!("refused"), "transfer_of_pending", &[]),
        ("rejected_transfer", json!("canceled"), "rejected_transfer", &[]),
        ("rejected_consult", json!("queued"), "rejected_consult", &[]),
        ("timed_out", json!("canceled"), "time_out", &[]),
        ("reply_queue", json!("as_given"), "reply_queue", &[]),
        ("canceled_spelling", json!("cancelled"), "canceled_spelling", &[]),
        ("invalid_query_returns_no_rows", json!(true), "unknown_field", &[]),
        (
            "table_reads",
            json!("forbidden"),
            "look_up",
            &[
                "canceled_spelling",
                "rejected_consult",
                "rejected_transfer",
                "shared_external_id",
                "queue_ids",
                "time_out",
                "unknown_field",
            ],
        ),
        (
            "table_reads",
            json!("no_rows"),
            "look_up",
            &[
                "canceled_spelling",
                "rejected_consult",
                "rejected_transfer",
                "shared_external_id",
                "queue_ids",
                "time_out",
                "unknown_field",
            ],
        ),
        ("rate_limit", json!({ "limit": 1000 }), "rate_limit", &[]),
    ]
}

#[tokio::test]
async fn each_switch_changes_its_own_finding_and_is_named() {
    let one = async |(name, value, probe, more): (&str, Value, &str, &[&str])| {
        let sandbox = instance(json!({ name: value }), 1).await;
        let certified = certify(&sandbox, 1).await;
        let finding = &certified.findings[probe];
        assert_eq!(finding["result"], "does not hold", "{name} = {value}: {finding:#}");
        assert_eq!(finding["switches"][name], value, "{name}: {finding:#}");
        assert_eq!(certified.end["switches"][name], value, "{name}");
        let others = certified.odd().into_iter().filter(|odd| *odd != probe && !more.contains(odd));
        let others: Vec<_> = others.map(|odd| &certified.findings[odd]).collect();
        assert!(others.is_empty(), "{name} = {value} changes nothing else: {others:#?}");
        let untried =
            certified.odd().iter().any(|odd| certified.result(odd) == "could not be tried");
        assert_eq!(certified.code, i32::from(untried), "{}", certified.errors);
        nothing_is_pending(&sandbox);
        certified
    };
    let mut running = tokio::task::JoinSet::new();
    // A few at a time: each is a process.
    for switch in switches() {
        if running.len() == 4 {
            running.join_next().await.expect("one is under way").expect("it holds");
        }
        running.spawn(async move { drop(one(switch).await) });
    }
    while let Some(ended) = running.join_next().await {
        ended.expect("it holds");
    }
}

#[tokio::test]
async fn the_settings_that_follow_are_named_by_their_keys() {
    let lag = json!({ "presence_lag_ms": 1500, "clock_offset_ms": -7000,
                      "rate_limit": { "limit": 900 } });
    let sandbox = instance(lag, 1).await;
    let certified = certify(&sandbox, 1).await;
    assert_eq!(
        certified.odd(),
        ["clock", "presence_lag", "rate_limit"],
        "{:#?}",
        certified.findings
    );
    let lag = certified.findings["presence_lag"]["switches"]["presence_lag_ms"].as_u64();
    assert!(lag.is_some_and(|ms| (1_000..6_000).contains(&ms)), "{lag:?}");
    let offset = certified.findings["clock"]["switches"]["clock_offset_ms"].as_i64();
    assert!(offset.is_some_and(|ms| (-8_000..-6_000).contains(&ms)), "{offset:?}");
    let settings = &certified.end["settings"];
    assert_eq!(settings["rate_limit.per_hour"], "900");
    let pauses = settings["retry.agent_unavailable"].as_str().expect("pauses");
    assert!(pauses.starts_with("[\"500ms\", \"1s\", \"2s\", \"4s\""), "{pauses}");
    let agent = sandbox.with_world(|world| {
        world.set_available(sys_id_of("nobody"), true);
        let id = awa_bridge::testing::routing::SysId::parse(ADA).expect("a sys_id");
        world.user(id).map(|user| user.presence.to_string())
    });
    assert_eq!(agent.as_deref(), Some("0b10223c57a313005baaaa65ef94f970"), "available again");
}

#[tokio::test]
async fn of_queues_that_share_an_external_id_the_one_that_is_taken_is_named() {
    for value in ["first", "last", "not_found"] {
        let sandbox = instance(json!({ "shared_external_id": value }), 1).await;
        sandbox.with_world(|world| {
            world.add_queue(sys_id_of("older"), "Both", Some("both"), VOICE);
            world.add_queue(sys_id_of("newer"), "Both", Some("both"), CHAT);
        });
        let mut arguments = arguments(1);
        let queue = arguments.iter().position(|word| word == "support-voice").expect("the queue");
        arguments[queue] = "both".to_owned();
        let certified = certify_by(&sandbox.url(), &arguments).await;
        let finding = &certified.findings["shared_external_id"];
        assert_eq!(finding["result"], "does not hold", "{finding:#}");
        assert_eq!(finding["switches"]["shared_external_id"], value, "{finding:#}");
        let setting = finding["settings"]["queues.csv: external_id"].as_str().expect("a sys_id");
        assert!(setting.contains(&sys_id_of("older").to_string()), "{setting}");
        let dependent: &[&str] = match value {
            "not_found" => &["queue_ids", "reply_queue", "shared_external_id"],
            _ => &["shared_external_id"],
        };
        assert_eq!(certified.odd(), dependent, "{:#?}", certified.findings);
        nothing_is_pending(&sandbox);
    }
}

#[tokio::test]
async fn a_reject_that_ends_the_document_is_found_out_and_further_documents_let_the_rest_be_tried()
{
    let switches = json!({ "rejected_again": "closes_document" });
    let sandbox = instance(switches.clone(), 1).await;
    let certified = certify(&sandbox, 1).await;
    let finding = &certified.findings["reject_again"];
    assert_eq!(finding["result"], "does not hold", "{finding:#}");
    assert_eq!(finding["switches"]["rejected_again"], "closes_document");
    let settings = &certified.end["settings"];
    assert_eq!(
        (&settings["offer.replace"], &settings["withdraw.action"]),
        (&json!("\"wait\""), &json!("\"none\""))
    );
    assert!(certified.because("repeat_offer").contains("--document"), "{:#?}", certified.findings);
    assert_eq!(certified.code, 1);
    let sandbox = instance(switches, 8).await;
    let certified = certify(&sandbox, 8).await;
    assert_eq!(certified.odd(), ["reject_again"], "{:#?}", certified.findings);
    assert_eq!(certified.code, 0);
    nothing_is_pending(&sandbox);
}

#[tokio::test]
async fn a_missing_role_and_words_of_another_language_are_told_apart() {
    use awa_bridge::testing::routing::SysId;
    use awa_bridge::testing::sandbox::{Endpoint, Fault, Misbehaviour, world::CALLER};
    for value in
        ["unauthorised401", "forbidden403", "conflict409", "server_error500", "success_false200"]
    {
        let sandbox = instance(json!({ "missing_role": value }), 1).await;
        sandbox.with_world(|world| {
            let caller = SysId::parse(CALLER).expect("a sys_id");
            world.grant(caller, "awa_agent");
            world.revoke(caller, "awa_integration_user");
        });
        let certified = certify(&sandbox, 1).await;
        assert_eq!(certified.code, 1);
        let finding = &certified.findings["refused_call"];
        assert_eq!(finding["switches"]["missing_role"], value, "{finding:#}");
        assert!(certified.because("repeat_offer").contains("cards could not be taken back"));
    }
    let sandbox = instance(json!({}), 1).await;
    let body = json!({ "error": { "message": "Kein gültiger Agent", "detail": null },
                       "status": "failure" });
    let german = Misbehaviour::Status { status: 409, body, headers: Vec::new() };
    sandbox.inject(Fault::on(Endpoint::Offer, german));
    let certified = certify(&sandbox, 1).await;
    assert_eq!(certified.odd(), ["language"], "{:#?}", certified.findings);
    let detail = certified.findings["language"]["detail"].as_str().expect("a text");
    assert!(detail.contains("Kein gültiger Agent") && detail.contains("English"), "{detail}");
}
