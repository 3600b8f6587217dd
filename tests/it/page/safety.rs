//! Whom the page serves, and that nothing of others becomes part of it.

use serde_json::{Value, json};

use super::Opened;
use crate::support::bridge::http_client;
use crate::support::{an_offer, with};

#[tokio::test]
async fn a_wrong_token_is_said_plainly_and_the_right_one_is_kept_in_the_tab_alone() {
    let Some(page) = Opened::unsigned("").await else { return };
    let browser = &page.browser;
    let daemon = &page.daemon;
    for wrong in ["wrong", "Ω"] {
        browser.fill("#token", wrong).await;
        browser.click("Sign in").await;
        browser.says("#token-error", "token").await;
        assert_eq!(browser.text("#now").await, "", "nothing is shown");
    }
    assert_eq!(browser.script::<usize>("return sessionStorage.length").await, 0);
    page.sign_in().await;
    let kept = browser.script::<String>("return sessionStorage.getItem('awa-bridge-token')").await;
    assert_eq!(kept, daemon.token());
    let elsewhere = "return localStorage.length + document.cookie.length";
    assert_eq!(browser.script::<usize>(elsewhere).await, 0);
    browser.execute("location.reload()").await;
    browser.says("#bridge", "ready").await;

    // A token that is replaced while the page is open.
    browser.execute("sessionStorage.setItem('awa-bridge-token', 'old'); location.reload()").await;
    browser.says("#token-error", "does not accept this token").await;
    page.sign_in().await;
    browser.click("Sign out").await;
    browser.element("#token").await;
    assert_eq!(browser.script::<usize>("return sessionStorage.length").await, 0);
    assert!(!daemon.log().contains(&daemon.token()));
}

#[tokio::test]
async fn the_page_asks_nobody_else_and_its_policy_allows_nothing_inline() {
    let Some(page) = Opened::signed_in("").await else { return };
    for view in ["A call", "To do", "Sources", "Now"] {
        page.browser.click(view).await;
    }
    let own = format!("{}/", page.daemon.admin);
    let asked = page.asked().await;
    assert!(asked.iter().all(|address| address.starts_with(&own)), "{asked:?}");
    for part in ["page.js", "page.css", "v1/status", "v1/activity", "v1/sources", "v1/todo"] {
        assert!(asked.iter().any(|address| address.contains(part)), "{part}: {asked:?}");
    }
    let mut size = 0;
    for path in ["", "page.js", "page.css", "icon.svg"] {
        let answer = http_client().get(format!("{own}{path}")).send().await.expect("an answer");
        let header = |name: &str| answer.headers()[name].to_str().expect("a text").to_owned();
        let policy = header("content-security-policy");
        for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        let others = ["x-content-type-options", "referrer-policy", "x-frame-options"].map(header);
        assert_eq!(others, ["nosniff", "no-referrer", "DENY"]);
        let text = answer.text().await.expect("a text");
        let foreign = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!foreign.contains("//www") && !foreign.contains("http"), "{path} names others");
        for inline in [" style=", "onclick=", "innerHTML", "insertAdjacentHTML", "document.write"] {
            assert!(!text.contains(inline), "{path}: {inline}");
        }
        size += text.len();
    }
    assert!(size < 60_000, "{size} bytes");
    // What the policy forbids does not happen.
    let inline = "const script = document.createElement('div'); \
                  try { script.innerHTML = '<b>x</b>'; return 'taken' } catch { return 'refused' }";
    assert_eq!(page.browser.script::<String>(inline).await, "refused");
}

#[tokio::test]
async fn ids_full_of_markup_are_shown_as_text() {
    let Some(page) = Opened::signed_in("").await else { return };
    let browser = &page.browser;
    let markup = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>'&amp;\"/?#%2e";
    let id = format!("e {markup}");
    let conversation = format!("c {markup}");
    let members =
        json!({ "queue": format!("q {markup}"), "agent": markup, "timeout_seconds": 900 });
    let offer = with(an_offer(&id, &conversation), members);
    assert_eq!(page.daemon.post(&offer).await, Some(202));
    let unreadable =
        json!({ "id": format!("bad {markup}"), "kind": markup, "conversation": markup });
    assert_eq!(page.daemon.post(&unreadable).await, Some(202));

    browser.click("To do").await;
    browser.says("#parked", "onerror").await;
    browser.says("#dead", "unreadable").await;
    browser.click("Show events of native, unreadable").await;
    browser.says("#members", &format!("bad {markup}")).await;
    browser.click_on("#parked .actions button").await;
    browser.says("#members", &id).await;
    browser.click_on("#members td a").await;
    let story = browser.says("#story", &format!("Conversation {conversation}")).await;
    assert!(story.contains(&format!("agent {markup}")), "{story}");
    browser.fill("#words", &id).await;
    browser.click("Search").await;
    browser.says("#story", &conversation).await;
    for view in ["Sources", "Now", "A call"] {
        browser.click(view).await;
    }
    let made = "return document.querySelectorAll('main img, main script, dialog img').length";
    assert_eq!(browser.script::<usize>(made).await, 0);
    assert!(!browser.script::<String>("return document.title").await.contains("taken"));
}

#[tokio::test]
async fn a_page_of_another_origin_gets_nothing_and_does_nothing() {
    let Some(page) = Opened::signed_in("").await else { return };
    let (browser, daemon) = (&page.browser, &page.daemon);
    // The intake is another origin, and by the name localhost another site.
    let other = daemon.intake.replace("127.0.0.1", "localhost");
    browser.goto(&format!("{other}/livez")).await;
    let token = daemon.token();
    for (method, mode, headers) in [
        ("POST", "no-cors", String::new()),
        ("POST", "cors", format!("authorization: 'Bearer {token}'")),
        ("GET", "cors", format!("authorization: 'Bearer {token}'")),
    ] {
        let path = if method == "POST" { "hold?by=thief" } else { "status" };
        let script = format!(
            "return fetch('{}/v1/{path}', {{ method: '{method}', mode: '{mode}', headers: {{ {headers} }} }}) \
             .then((answer) => answer.type === 'opaque' ? 'unseen' : 'seen', () => 'refused')",
            daemon.admin
        );
        let seen = browser.script::<String>(&script).await;
        assert_ne!(seen, "seen", "{method} {mode}");
    }
    assert_eq!(daemon.get("/v1/status").await["held"], Value::Null);
    // Neither in a frame nor by a link of theirs.
    let frame = format!(
        "const frame = document.createElement('iframe'); frame.src = '{}/'; \
         return new Promise((done) => {{ frame.onload = () => {{ \
           try {{ done(frame.contentDocument ? 'seen' : 'unseen') }} catch {{ done('unseen') }} }}; \
           document.documentElement.append(frame); }})",
        daemon.admin
    );
    assert_eq!(browser.script::<String>(&frame).await, "unseen");
    browser.execute(&format!("location.href = '{}/'", daemon.admin)).await;
    browser.says("body", "Cross-site requests are refused").await;
}
