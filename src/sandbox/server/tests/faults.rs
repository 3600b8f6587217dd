//! Each kind of misbehaviour once, as a client sees it.

use std::time::Duration;

use super::*;

impl Bench {
    async fn struck(&self, what: Misbehaviour) -> reqwest::Result<Response> {
        let patience = match what {
            Misbehaviour::Hang
            | Misbehaviour::HangAfterEffect
            | Misbehaviour::DelayAfterEffect { .. } => Duration::from_secs(1),
            _ => Duration::from_secs(60),
        };
        self.sandbox.script(Fault::on(Endpoint::Offer, what));
        self.offer().timeout(patience).send().await
    }
}

#[tokio::test]
async fn a_status_comes_with_its_body_and_headers_and_without_the_deed() {
    let bench = bench().await;
    let what = Misbehaviour::Status {
        status: 503,
        body: json!("upgrading"),
        headers: vec![("content-type".into(), "text/html".into()), ("x-why".into(), "test".into())],
    };
    let response = bench.struck(what).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["x-why"], "test");
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(response.text().await.unwrap(), "upgrading");
    assert_eq!(bench.work_items(), 0);
    let call = bench.last_call();
    assert_eq!((call.fault, call.done, call.status), (Some("status"), None, Some(503)));
    assert_eq!(bench.offer().send().await.unwrap().status(), 200, "used up");
}

#[tokio::test]
async fn a_delay_only_delays() {
    let bench = bench().await;
    assert_eq!(bench.struck(Misbehaviour::Delay { ms: 20 }).await.unwrap().status(), 200);
    let late = Misbehaviour::DelayAfterEffect { ms: 60_000 };
    assert!(bench.struck(late).await.unwrap_err().is_timeout());
    assert_eq!(bench.last_call().done, Some(200));
}

#[tokio::test]
async fn hanging_times_the_client_out_with_or_without_the_deed() {
    let bench = bench().await;
    assert!(bench.struck(Misbehaviour::Hang).await.unwrap_err().is_timeout());
    assert_eq!(bench.work_items(), 0);
    assert!(bench.struck(Misbehaviour::HangAfterEffect).await.unwrap_err().is_timeout());
    assert_eq!(bench.work_items(), 1);
    let call = bench.last_call();
    assert_eq!((call.done, call.status), (Some(200), None));
}

#[tokio::test]
async fn a_connection_can_be_closed_before_and_after_the_deed() {
    let bench = bench().await;
    let error = bench.struck(Misbehaviour::CloseBeforeAnswer).await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    assert_eq!(bench.work_items(), 0);
    let error = bench.struck(Misbehaviour::DropResponseAfterEffect).await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    assert_eq!(bench.work_items(), 1);
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let bench = bench().await;
    let error = bench.struck(Misbehaviour::Reset).await.unwrap_err();
    assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");
    assert_eq!(bench.work_items(), 0);
}

#[tokio::test]
async fn pages_and_redirects_come_instead_of_json() {
    let bench = bench().await;
    let page = bench.struck(Misbehaviour::Html { status: 200 }).await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html;charset=UTF-8");
    assert!(page.text().await.unwrap().contains("Sign In"));
    let to = "https://developer.servicenow.com/dev.do#!/home?wu=true".to_owned();
    let moved = bench.struck(Misbehaviour::Redirect { to: to.clone() }).await.unwrap();
    assert_eq!(
        (moved.status().as_u16(), &moved.headers()["location"]),
        (302, &to.parse().unwrap())
    );
    assert_eq!(bench.work_items(), 0);
}

#[tokio::test]
async fn a_body_can_be_missing_or_cut_after_the_deed() {
    let bench = bench().await;
    let empty = bench.struck(Misbehaviour::EmptyBody).await.unwrap();
    assert_eq!((empty.status().as_u16(), empty.bytes().await.unwrap().len()), (200, 0));
    let cut = bench.struck(Misbehaviour::CutBody).await.unwrap();
    assert_eq!(cut.status(), 200);
    assert!(cut.content_length().unwrap() > 100);
    assert!(cut.bytes().await.unwrap_err().is_decode());
    assert_eq!(bench.work_items(), 1);
}

#[tokio::test]
async fn too_many_requests_come_with_and_without_a_time() {
    let bench = bench().await;
    let told = Misbehaviour::TooManyRequests { retry_after: Some(7) };
    let told = bench.struck(told).await.unwrap();
    assert_eq!(
        (told.status().as_u16(), &told.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    let untold = Misbehaviour::TooManyRequests { retry_after: None };
    let untold = bench.struck(untold).await.unwrap();
    assert_eq!(untold.status(), 429);
    assert!(!untold.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn success_false_comes_as_200() {
    let bench = bench().await;
    let what = Misbehaviour::SuccessFalse { message: "Agent is not available".into() };
    let answer = body_of(bench.struck(what).await.unwrap()).await;
    let expected = json!({ "success": false, "message": "Agent is not available" });
    assert_eq!(answer["result"], expected);
}

#[tokio::test]
async fn a_fault_strikes_what_it_matches_and_no_more() {
    let bench = bench().await;
    let what = Misbehaviour::Html { status: 502 };
    let when = Match {
        body_contains: Some("support-voice".into()),
        path_prefix: Some("/api/now/awa".into()),
        nth: Some(2),
        ..Match::default()
    };
    bench.sandbox.script(Fault { when, times: 2, what });
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(bench.offer().send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [200, 502, 502, 200]);
}

#[test]
fn a_share_of_calls_is_struck_the_same_way_every_time() {
    let strikes = |seed| {
        let mut script = Script::default();
        let when = Match { probability: Some(0.3), seed, ..Match::default() };
        script.add(Fault { when, times: u32::MAX, what: Misbehaviour::Reset });
        let struck = |_| script.matching_fault(Endpoint::Offer, "/", "").is_some();
        (0..1_000).map(struck).collect::<Vec<bool>>()
    };
    assert_eq!(strikes(7), strikes(7));
    assert_ne!(strikes(7), strikes(8));
    let share = strikes(7).iter().filter(|struck| **struck).count();
    assert!((250..350).contains(&share), "{share}");
}
