//! What is true of the whole instance: its clock, cookies, limits, sleep.

use super::*;
use crate::sandbox::RateLimit;

#[tokio::test]
async fn the_date_is_the_instances_own_and_cookies_are_set() {
    let fixture = fixture().await;
    fixture.sandbox.with_world(|world| world.switches.clock_offset_ms = -3_600_000);
    let before = clock::now().0;
    let response = fixture.offer().send().await.unwrap();
    let date = response.headers()["date"].to_str().unwrap();
    let parsed = jiff::fmt::rfc2822::parse(date).unwrap().timestamp().as_millisecond();
    // The header has whole seconds.
    let between = before - 3_601_000..=clock::now().0 - 3_600_000;
    assert!(between.contains(&parsed), "{date}");
    assert!(response.headers().get_all("set-cookie").iter().count() >= 3);
    assert!(fixture.last_call().header("cookie").is_none());
}

#[tokio::test]
async fn a_rate_limit_rule_shows_in_headers_and_then_refuses() {
    let fixture = fixture().await;
    fixture.sandbox.with_world(|world| world.switches.rate_limit = Some(RateLimit::per_hour(1)));
    let first = fixture.offer().send().await.unwrap();
    assert_eq!(
        (first.status().as_u16(), &first.headers()["x-ratelimit-limit"]),
        (200, &"1".parse().unwrap())
    );
    let second = fixture.offer().send().await.unwrap();
    assert_eq!(second.status(), 429);
    let wait: u64 = second.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=3_600).contains(&wait));
    let answer = body_of(second).await;
    assert_eq!(answer["error"]["message"], json!("Rate limit exceeded"));
}

#[tokio::test]
async fn an_instance_asleep_answers_every_path_with_a_page() {
    let fixture = fixture().await;
    fixture.sandbox.set_switches(Switches { hibernating: true, ..Switches::default() });
    for request in [fixture.offer(), fixture.post("/oauth_token.do", &json!({}))] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.text().await.unwrap().contains("Instance Hibernating page"));
    }
}

#[tokio::test]
async fn bodies_that_are_not_json_are_refused() {
    let fixture = fixture().await;
    let broken = fixture.offer().body("{").send().await.unwrap();
    assert_eq!(broken.status(), 400);
    let path = "/api/now/awa/inbox/actions/accept";
    let url = format!("{}{path}", fixture.sandbox.url());
    let xml = fixture.client.post(url).basic_auth("bridge", Some("s"));
    let xml = xml.header(CONTENT_TYPE, "application/xml").body("<a/>").send().await.unwrap();
    assert_eq!(xml.status(), 415);
}

#[tokio::test]
async fn a_stopped_sandbox_refuses_connections_even_while_one_hangs() {
    let fixture = fixture().await;
    fixture.sandbox.inject(Fault::next(Misbehaviour::Hang));
    let hanging = tokio::spawn(fixture.offer().send());
    while fixture.sandbox.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    fixture.sandbox.stop().await;
    assert!(hanging.await.unwrap().is_err());
    assert!(fixture.offer().send().await.unwrap_err().is_connect());
}
