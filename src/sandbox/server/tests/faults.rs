//! Each kind of misbehaviour once, as a client sees it.

use std::time::Duration;

use super::*;

impl Fixture {
    async fn faulty_offer(&self, what: Misbehaviour) -> reqwest::Result<Response> {
        let patience = match what {
            Misbehaviour::Hang
            | Misbehaviour::HangAfterEffect
            | Misbehaviour::DelayAfterEffect { .. } => Duration::from_secs(1),
            _ => Duration::from_secs(60),
        };
        self.sandbox.inject(Fault::on(Endpoint::Offer, what));
        self.offer().timeout(patience).send().await
    }
}

#[tokio::test]
async fn a_status_comes_with_its_body_and_headers_and_without_effect() {
    let fixture = fixture().await;
    let what = Misbehaviour::Status {
        status: 503,
        body: json!("upgrading"),
        headers: vec![("content-type".into(), "text/html".into()), ("x-why".into(), "test".into())],
    };
    let response = fixture.faulty_offer(what).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["x-why"], "test");
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(response.text().await.unwrap(), "upgrading");
    assert_eq!(fixture.work_items(), 0);
    let call = fixture.last_call();
    assert_eq!((call.fault, call.performed, call.status), (Some("status"), None, Some(503)));
    assert_eq!(fixture.offer().send().await.unwrap().status(), 200, "used up");
}

#[tokio::test]
async fn a_delay_only_delays() {
    let fixture = fixture().await;
    assert_eq!(fixture.faulty_offer(Misbehaviour::Delay { ms: 20 }).await.unwrap().status(), 200);
    let late = Misbehaviour::DelayAfterEffect { ms: 60_000 };
    assert!(fixture.faulty_offer(late).await.unwrap_err().is_timeout());
    assert_eq!(fixture.last_call().performed, Some(200));
}

#[tokio::test]
async fn hanging_times_the_client_out_with_or_without_effect() {
    let fixture = fixture().await;
    assert!(fixture.faulty_offer(Misbehaviour::Hang).await.unwrap_err().is_timeout());
    assert_eq!(fixture.work_items(), 0);
    assert!(fixture.faulty_offer(Misbehaviour::HangAfterEffect).await.unwrap_err().is_timeout());
    assert_eq!(fixture.work_items(), 1);
    let call = fixture.last_call();
    assert_eq!((call.performed, call.status), (Some(200), None));
}

#[tokio::test]
async fn a_connection_can_be_closed_before_and_after_the_effect() {
    let fixture = fixture().await;
    let error = fixture.faulty_offer(Misbehaviour::CloseBeforeAnswer).await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    assert_eq!(fixture.work_items(), 0);
    let error = fixture.faulty_offer(Misbehaviour::DropResponseAfterEffect).await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    assert_eq!(fixture.work_items(), 1);
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let fixture = fixture().await;
    let error = fixture.faulty_offer(Misbehaviour::Reset).await.unwrap_err();
    assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");
    assert_eq!(fixture.work_items(), 0);
}

#[tokio::test]
async fn pages_and_redirects_come_instead_of_json() {
    let fixture = fixture().await;
    let page = fixture.faulty_offer(Misbehaviour::Html { status: 200 }).await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html;charset=UTF-8");
    assert!(page.text().await.unwrap().contains("Sign In"));
    let to = "https://developer.servicenow.com/dev.do#!/home?wu=true".to_owned();
    let moved = fixture.faulty_offer(Misbehaviour::Redirect { to: to.clone() }).await.unwrap();
    assert_eq!(
        (moved.status().as_u16(), &moved.headers()["location"]),
        (302, &to.parse().unwrap())
    );
    assert_eq!(fixture.work_items(), 0);
}

#[tokio::test]
async fn a_body_can_be_missing_or_cut_after_the_effect() {
    let fixture = fixture().await;
    let empty = fixture.faulty_offer(Misbehaviour::EmptyBody).await.unwrap();
    assert_eq!((empty.status().as_u16(), empty.bytes().await.unwrap().len()), (200, 0));
    let cut = fixture.faulty_offer(Misbehaviour::CutBody).await.unwrap();
    assert_eq!(cut.status(), 200);
    assert!(cut.content_length().unwrap() > 100);
    assert!(cut.bytes().await.unwrap_err().is_decode());
    assert_eq!(fixture.work_items(), 1);
}

#[tokio::test]
async fn too_many_requests_come_with_and_without_a_time() {
    let fixture = fixture().await;
    let timed = Misbehaviour::TooManyRequests { retry_after: Some(7) };
    let timed = fixture.faulty_offer(timed).await.unwrap();
    assert_eq!(
        (timed.status().as_u16(), &timed.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    let untimed = Misbehaviour::TooManyRequests { retry_after: None };
    let untimed = fixture.faulty_offer(untimed).await.unwrap();
    assert_eq!(untimed.status(), 429);
    assert!(!untimed.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn success_false_comes_as_200() {
    let fixture = fixture().await;
    let what = Misbehaviour::SuccessFalse { message: "Agent is not available".into() };
    let answer = body_of(fixture.faulty_offer(what).await.unwrap()).await;
    let expected = json!({ "success": false, "message": "Agent is not available" });
    assert_eq!(answer["result"], expected);
}

#[tokio::test]
async fn a_fault_is_applied_to_what_it_matches_as_often_as_it_says() {
    let fixture = fixture().await;
    fixture.sandbox.inject(Fault::on(Endpoint::Accept, Misbehaviour::Html { status: 500 }));
    fixture.sandbox.inject(Fault::on(Endpoint::Offer, Misbehaviour::Html { status: 502 }).times(2));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(fixture.offer().send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [502, 502, 200]);
}

#[test]
fn a_probability_chooses_the_same_calls_for_the_same_seed() {
    let chosen = |seed| {
        let mut faults = Faults::default();
        let when = Match { probability: Some(0.3), seed, ..Match::default() };
        faults.add(Fault { when, times: u32::MAX, what: Misbehaviour::Reset });
        let matches = |_| faults.matching_fault(Endpoint::Offer).is_some();
        (0..1_000).map(matches).collect::<Vec<bool>>()
    };
    assert_eq!(chosen(7), chosen(7));
    assert_ne!(chosen(7), chosen(8));
    let share = chosen(7).iter().filter(|matches| **matches).count();
    assert!((250..350).contains(&share), "{share}");
}
