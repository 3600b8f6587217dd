//! `certify` where something is in the way: what could not be tried says why, and at every end nothing is left before
//! an agent.

use std::io::Write;
use std::process::{Child, Stdio};

use awa_bridge::testing::routing::SysId;
use awa_bridge::testing::sandbox::{Access, Endpoint, Fault, Misbehaviour, Sandbox};
use serde_json::json;

use super::certify::{Certified, arguments, certify, certify_by, instance, nothing_is_pending};
use super::support::bridge::Setup;
use super::support::program::{Home, run};
use super::support::{ADA, eventually};

fn id(text: &str) -> SysId {
    SysId::parse(text).expect("a sys_id")
}

#[tokio::test]
async fn an_instance_that_is_away_or_refuses_the_password_is_asked_once() {
    // Nobody listens on the discard port.
    let certified = certify_by("http://127.0.0.1:9", &arguments(1)).await;
    assert_eq!(certified.code, 1);
    assert!(
        certified.because("repeat_offer").contains("no connection"),
        "{:#?}",
        certified.findings
    );
    for (word, switches, access) in
        [("password", json!({}), true), ("hibernating", json!({ "hibernating": true }), false)]
    {
        let sandbox = instance(switches, 1).await;
        if access {
            sandbox.with_access(|access| {
                *access = Access::nobody().with_password("bridge", "another");
            });
        }
        let certified = certify(&sandbox, 1).await;
        assert_eq!(certified.code, 1);
        for probe in ["refused_call", "reject", "presence_lag"] {
            assert!(certified.because(probe).contains(word), "{:#?}", certified.findings);
        }
        assert_eq!(sandbox.calls().len(), 1, "a user is not locked for this");
    }
}

#[tokio::test]
async fn an_agent_who_is_offline_and_a_document_that_is_closed_or_in_use_are_named() {
    let sandbox = instance(json!({}), 1).await;
    sandbox.with_world(|world| world.set_available(id(ADA), false));
    let certified = certify(&sandbox, 1).await;
    assert_eq!(certified.code, 1);
    assert!(certified.because("repeat_offer").contains("available"), "{:#?}", certified.findings);
    for probe in ["refused_call", "clock", "blind_to_queue"] {
        assert_eq!(certified.result(probe), "holds", "one failure does not end the others");
    }
    nothing_is_pending(&sandbox);

    let sandbox = instance(json!({}), 2).await;
    let first = awa_bridge::testing::sandbox::world::sys_id_of("test 0");
    let close = |sandbox: &Sandbox| {
        sandbox.with_world(|world| {
            let document = world.document(first).expect("it is there").reference();
            world.add_document(&document, "closed_complete");
        });
    };
    close(&sandbox);
    let certified = certify(&sandbox, 1).await;
    assert_eq!(certified.code, 1);
    assert!(certified.because("reject").contains("--document"), "{:#?}", certified.findings);
    let certified = certify(&sandbox, 2).await;
    assert_eq!(certified.odd(), Vec::<&str>::new(), "the other document serves");
    assert_eq!(certified.code, 0);

    let sandbox = instance(json!({ "agents_appear": true }), 1).await;
    let certified = certify(&sandbox, 1).await;
    assert!(certified.because("refused_call").contains("not refused"), "{:#?}", certified.findings);
}

#[tokio::test]
async fn without_the_reject_reason_nothing_is_offered() {
    let sandbox = instance(json!({}), 1).await;
    let mut arguments = arguments(1);
    let reason = arguments.iter().position(|word| word == "--reject-reason");
    match reason {
        Some(place) => arguments[place + 1] = "e5".repeat(16),
        None => arguments.extend(["--reject-reason".to_owned(), "e5".repeat(16)]),
    }
    let certified = certify_by(&sandbox.url(), &arguments).await;
    assert_eq!(certified.code, 1);
    let because = certified.because("refused_call");
    assert!(because.contains("name one by --reject-reason"), "{because}");
    assert_eq!(sandbox.calls().iter().filter(|call| call.path.ends_with("/offer")).count(), 0);
}

#[tokio::test]
async fn work_of_others_is_not_touched() {
    let sandbox = instance(json!({}), 1).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let document = super::support::document("test 0");
    let body = json!({ "queue_id": "support-voice", "assignment": { "agent_sys_id": ADA } });
    let url = format!("{}/api/now/awa/documents/interaction/{document}/offer", sandbox.url());
    let offer = super::support::bridge::http_client().post(url).basic_auth("bridge", Some("x"));
    assert!(offer.json(&body).send().await.expect("an answer").status().is_success());
    let certified = certify(&sandbox, 1).await;
    assert!(certified.because("reject").contains("being worked on"), "{:#?}", certified.findings);
    assert_eq!(sandbox.with_world(|world| world.cards().count()), 1);
    assert_eq!(sandbox.calls_to(Endpoint::Reject).len(), 0);
    drop(home);
}

#[tokio::test]
async fn an_instance_that_is_busy_for_a_while_is_waited_for() {
    let sandbox = instance(json!({}), 1).await;
    let busy = |retry_after| Misbehaviour::TooManyRequests { retry_after };
    sandbox.inject(Fault::on(Endpoint::Offer, busy(Some(1))));
    sandbox.inject(Fault::on(Endpoint::Reject, busy(None)).times(2));
    let certified = certify(&sandbox, 1).await;
    assert_eq!(certified.odd(), Vec::<&str>::new(), "{:#?}", certified.findings);

    sandbox.inject(Fault::on(Endpoint::Transfer, busy(None)).times(1_000));
    let certified = certify(&sandbox, 1).await;
    assert_eq!(certified.code, 1);
    for probe in ["blind_to_agent", "transfer_of_pending", "consult", "transfer_of_accepted"] {
        assert!(certified.because(probe).contains("busy"), "{:#?}", certified.findings);
    }
    for probe in ["repeat_offer", "time_out", "presence_lag", "offered_on", "accept"] {
        assert_eq!(certified.result(probe), "holds", "{probe}");
    }
    let left = certified.end["left"].to_string();
    assert!(left.contains("has accepted work item"), "{left}");
}

#[tokio::test]
async fn an_instance_without_one_of_the_apis_is_tried_as_far_as_it_goes() {
    for (api, untried) in [
        ("end_consult", vec!["end_consult"]),
        ("agent", vec!["presence_lag"]),
        ("accept", vec!["consult", "end_consult", "rejected_consult", "transfer_of_accepted"]),
    ] {
        let sandbox = instance(json!({ "missing_apis": [api] }), 1).await;
        let certified = certify(&sandbox, 1).await;
        let odd = certified.odd().into_iter();
        let odd: Vec<_> = odd.filter(|odd| certified.result(odd) == "could not be tried").collect();
        assert_eq!(odd, untried, "{api}: {:#?}", certified.findings);
        nothing_is_pending(&sandbox);
    }
    // What could not be taken back is not begun.
    let sandbox = instance(json!({ "missing_apis": ["reject"] }), 1).await;
    let certified = certify(&sandbox, 1).await;
    assert!(certified.because("repeat_offer").contains("could not be taken back"));
    assert_eq!(sandbox.with_world(|world| world.work_items().count()), 0);
    let sandbox = instance(json!({ "plugin_missing": true }), 1).await;
    let certified = certify(&sandbox, 1).await;
    assert!(
        certified.because("repeat_offer").contains("com.glide.awa"),
        "{:#?}",
        certified.findings
    );
}

#[tokio::test]
async fn an_offer_whose_answer_is_lost_is_taken_back() {
    let sandbox = instance(json!({}), 1).await;
    // The second offer: the first is the one to nobody.
    let lost = || Fault::on(Endpoint::Offer, Misbehaviour::DropResponseAfterEffect);
    sandbox.inject(lost().times(2));
    let certified = certify(&sandbox, 1).await;
    assert_eq!(certified.code, 1);
    assert!(certified.because("reject").contains("no useful answer"), "{:#?}", certified.findings);
    assert_eq!(certified.result("repeat_offer"), "holds", "the others are tried");
    nothing_is_pending(&sandbox);
}

/// The command, started.
fn started(sandbox: &Sandbox, home: &Home) -> Child {
    let arguments = arguments(1);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut command = home.command(&arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    sandbox.forget_calls();
    command.spawn().expect("the program starts")
}

fn interrupt(child: &Child) {
    let process = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    let sent = rustix::process::kill_process(process.expect("one"), rustix::process::Signal::INT);
    sent.expect("it is sent");
}

async fn ended(child: Child) -> Certified {
    let ended = tokio::task::spawn_blocking(|| child.wait_with_output()).await;
    let output = ended.expect("it is waited for").expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Certified::read(output.status.code().unwrap_or(-1), &text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn an_interrupted_certification_leaves_no_card() {
    // While a card waits for its time to end.
    let sandbox = instance(json!({}), 1).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let child = started(&sandbox, &home);
    eventually("the card with the short ring", async || {
        let short = |call: &awa_bridge::testing::sandbox::RecordedCall| {
            call.body.as_ref().is_some_and(|body| body["assignment"]["timeout"] == 5)
        };
        sandbox.calls_to(Endpoint::Offer).iter().any(short).then_some(())
    })
    .await;
    interrupt(&child);
    let certified = ended(child).await;
    assert_eq!(certified.code, 1);
    assert!(certified.errors.contains("interrupted"), "{}", certified.errors);
    assert!(certified.because("time_out").contains("interrupted"), "{:#?}", certified.findings);
    nothing_is_pending(&sandbox);

    // While an offer that has taken effect is on its way back.
    let sandbox = instance(json!({}), 1).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let slow = Misbehaviour::DelayAfterEffect { ms: 700 };
    sandbox.inject(Fault::on(Endpoint::Offer, slow).times(10));
    let child = started(&sandbox, &home);
    eventually("a card", async || {
        sandbox.with_world(|world| world.cards().count() > 0).then_some(())
    })
    .await;
    interrupt(&child);
    let certified = ended(child).await;
    assert_eq!(certified.code, 1);
    nothing_is_pending(&sandbox);
    let undone = certified.end["undone"].to_string();
    assert!(undone.contains("rejected work item"), "{undone}");

    // While the agent is away.
    let sandbox = instance(json!({ "presence_lag_ms": 20000 }), 1).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let child = started(&sandbox, &home);
    eventually("the agent to go away", async || {
        let put = |call: &awa_bridge::testing::sandbox::RecordedCall| call.method == "PUT";
        sandbox.calls_to(Endpoint::Agent).iter().any(put).then_some(())
    })
    .await;
    interrupt(&child);
    let certified = ended(child).await;
    assert_eq!(certified.code, 1);
    nothing_is_pending(&sandbox);
    let presence = sandbox.with_world(|world| world.user(id(ADA)).map(|user| user.presence));
    assert_eq!(presence, Some(id("0b10223c57a313005baaaa65ef94f970")), "{:#}", certified.end);
}

#[tokio::test]
async fn the_report_has_what_was_sent_and_neither_secrets_nor_callers_data() {
    let sandbox = instance(json!({}), 1).await;
    let home = Home::new(&sandbox.url(), &Setup::default());
    let body = json!({ "result": {
        "state": "closed_abandoned", "short_description": "Erika Mustermann is angry",
        "opened_for": { "link": "https://x", "value": "5137153cc611227c000bbd1bd8cd2005" },
        "number": "+4930123456",
    } });
    let close = Misbehaviour::Status { status: 200, body, headers: Vec::new() };
    sandbox.inject(Fault::on(Endpoint::TableWrite, close));
    let report = home.directory.path().join("report.md");
    let mut arguments = arguments(1);
    arguments.extend(["--close-document", "--report"].map(str::to_owned));
    arguments.push(report.display().to_string());
    let ran = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        (run(&mut home.command(&arguments)), home)
    };
    let ((code, shown, errors), home) = tokio::task::spawn_blocking(ran).await.expect("it runs");
    let certified = Certified::read(code, &shown, errors);
    // The answer that was made up closed nothing, so that the card stayed until it was taken back.
    assert_eq!(certified.result("close_document"), "does not hold", "{:#?}", certified.findings);
    nothing_is_pending(&sandbox);
    let text = std::fs::read_to_string(&report).expect("the report");
    for part in [
        "| `repeat_offer` |",
        "POST /api/now/awa/documents/interaction/",
        "\"timed_out\": \"queued\"",
        "is not a valid agent",
        "offer.replace = \"reject\"",
        ADA,
    ] {
        assert!(text.contains(part), "{part} is not in the report:\n{text}");
    }
    for secret in ["change-me", "authorization", "Basic ", "Mustermann", "4930123456", "5137153c"] {
        assert!(!text.contains(secret), "{secret} is in the report:\n{text}");
    }
    drop(home);
}

#[tokio::test]
async fn a_document_is_closed_where_that_is_wanted() {
    let sandbox = instance(json!({}), 1).await;
    let mut arguments = arguments(1);
    arguments.push("--close-document".to_owned());
    let certified = certify_by(&sandbox.url(), &arguments).await;
    assert_eq!(certified.odd(), Vec::<&str>::new(), "{:#?}", certified.findings);
    assert_eq!(certified.result("close_document"), "holds");
    assert_eq!(certified.end["left"], json!([]));
    let document = awa_bridge::testing::sandbox::world::sys_id_of("test 0");
    let state = sandbox.with_world(|world| world.document(document).map(|it| it.state.clone()));
    assert_eq!(state.as_deref(), Some("closed_abandoned"));
}

#[test]
fn bad_input_and_a_missing_confirmation_exit_with_64_and_send_nothing() {
    let home = Home::new("http://127.0.0.1:9", &Setup::default());
    let good = arguments(1);
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut words = good.clone();
        change(&mut words);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (code, _, errors) = run(&mut home.command(&words));
        assert_eq!(code, 64, "{words:?}: {errors}");
        errors
    };
    let set = |words: &mut Vec<String>, from: &str, to: &str| {
        let place = words.iter().position(|word| word == from).expect("the word");
        to.clone_into(&mut words[place]);
    };
    assert!(with(&|words| set(words, ADA, "nonsense")).contains("32 lower-case hex digits"));
    assert!(with(&|words| set(words, super::support::GRACE, ADA)).contains("--second-agent"));
    assert!(with(&|words| set(words, "sales-voice", "support-voice")).contains("--second-queue"));
    let document = good.last().expect("the document").clone();
    let other = document.replace("interaction", "sys_user");
    assert!(with(&|words| set(words, &document, &other)).contains("servicenow.tables"));
    assert!(with(&|words| set(words, &document, "x")).contains("TABLE:SYS_ID"));
    assert!(
        with(&|words| words.retain(|word| word != "--agent" && word != ADA)).contains("--agent")
    );
    let nowhere = "/nowhere/report.md".to_owned();
    let report = |words: &mut Vec<String>| words.extend(["--report".to_owned(), nowhere.clone()]);
    assert!(with(&report).contains("/nowhere/report.md"));
    let unconfirmed = |words: &mut Vec<String>| words.retain(|word| word != "--yes-non-production");
    assert!(with(&unconfirmed).contains("not confirmed"));
}

#[test]
fn the_instances_name_typed_is_a_confirmation() {
    let home = Home::new("http://127.0.0.1:9", &Setup::default());
    let mut words = arguments(1);
    words.retain(|word| word != "--yes-non-production");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for (typed, code) in [("127\n", 1), ("dev\n", 64)] {
        let mut command = home.command(&words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("its stdin");
        stdin.write_all(typed.as_bytes()).expect("it is read");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
