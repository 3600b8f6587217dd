//! `check --online`: what ServiceNow lacks is named, with what to do, and the exit code says so.

use awa_bridge::testing::routing::SysId;
use awa_bridge::testing::sandbox::world::{CHAT, VOICE, sys_id_of};
use awa_bridge::testing::sandbox::{Access, Endpoint, Sandbox, Switches, TableReads};

use super::support::bridge::{Setup, start_sandbox};
use super::support::issuer::{Does, Issuer};
use super::support::program::{Home, run};
use super::support::{ADA, BUSY, GRACE};

/// Runs the command against that sandbox; exit code and everything that was printed.
async fn check(sandbox: &Sandbox, setup: &Setup) -> (i32, String) {
    check_at(&sandbox.url(), setup).await
}

async fn check_at(instance: &str, setup: &Setup) -> (i32, String) {
    let home = Home::new(instance, setup);
    let asked = move || {
        let (code, shown, errors) = run(&mut home.command(&["check", "--online"]));
        (code, format!("{shown}\n{errors}"))
    };
    tokio::task::spawn_blocking(asked).await.expect("it runs")
}

/// The table's line about a thing.
fn line<'a>(shown: &'a str, name: &str) -> &'a str {
    let found = shown.lines().find(|line| line.contains(name) && !line.contains("awa-bridge:"));
    found.unwrap_or_else(|| panic!("{name} is not shown:\n{shown}"))
}

fn id(text: &str) -> SysId {
    SysId::parse(text).expect("a sys_id")
}

#[tokio::test]
async fn an_instance_that_has_everything_passes() {
    let sandbox = start_sandbox(Switches::default()).await;
    let (code, shown) = check(&sandbox, &Setup::default()).await;
    assert_eq!(code, 0, "{shown}");
    for name in [
        "Offer Work",
        "Manual Assignment",
        "Inbox Actions",
        "Agent Consult",
        "support-voice",
        "sales-voice",
        ADA,
        GRACE,
        BUSY,
    ] {
        assert!(line(&shown, name).starts_with("ok "), "{shown}");
    }
    assert!(
        line(&shown, ADA).contains("(ada)"),
        "the contact centre's name stands beside: {shown}"
    );
    assert_eq!(sandbox.with_world(|world| world.work_items().count()), 0, "nothing was changed");
}

#[tokio::test]
async fn what_is_missing_ambiguous_or_unfit_is_named_and_fails() {
    let sandbox = start_sandbox(Switches::default()).await;
    let (first, second) = (sys_id_of("one"), sys_id_of("other"));
    sandbox.with_world(|world| {
        world.add_queue(first, "Both voice", Some("both"), VOICE);
        world.add_queue(second, "Both chat", Some("both"), CHAT);
        world.revoke(id(GRACE), "awa_external_user");
    });
    let gone = "5137153cc611227c000bbd1bd8cd2005";
    let setup = Setup {
        queues: format!("queue,channel,external_id\na,,both\nb,voice,nowhere\nc,,{first}\n"),
        agents: format!("agent,sys_id\nada,{ADA}\ngrace,{GRACE}\nben,{gone}\n"),
        reasons: format!("reason,reject_reason\nbusy,{gone}\nlunch,Lunch\n*,{BUSY}\n"),
        config: format!("[servicenow.channels]\nvoice = \"{VOICE}\"\n"),
        ..Setup::default()
    };
    let (code, shown) = check(&sandbox, &setup).await;
    assert_eq!(code, 1, "{shown}");
    let ambiguous = line(&shown, "both (a)");
    for part in ["ambiguous", "Both voice", "Both chat", &second.to_string(), "queues.csv"] {
        assert!(ambiguous.contains(part), "{part}: {ambiguous}");
    }
    assert!(line(&shown, "nowhere (b voice)").contains("Provider queue ID"), "{shown}");
    assert!(line(&shown, &format!("{first} (c)")).starts_with("ok "), "{shown}");
    assert!(line(&shown, GRACE).contains("awa_external_user"), "{shown}");
    assert!(line(&shown, &format!("{gone} (ben)")).starts_with("missing "), "{shown}");
    let reason = shown.lines().find(|line| line.contains("reject reason") && line.contains(gone));
    assert!(reason.is_some_and(|line| line.starts_with("missing ")), "{shown}");
    assert!(line(&shown, "Lunch").starts_with("missing "), "{shown}");
}

#[tokio::test]
async fn credentials_instance_plugin_and_roles_are_told_apart() {
    let wrong_password = start_sandbox(Switches::default()).await;
    wrong_password.with_access(|access| {
        *access = Access::nobody().with_password("bridge", "another");
    });
    let (code, shown) = check(&wrong_password, &Setup::default()).await;
    assert_eq!(code, 1, "{shown}");
    assert!(line(&shown, "instance").contains("password"), "{shown}");
    assert_eq!(wrong_password.calls().len(), 1, "a user is not locked for a check");

    let asleep = start_sandbox(Switches { hibernating: true, ..Switches::default() }).await;
    let (code, shown) = check(&asleep, &Setup::default()).await;
    assert_eq!(code, 1, "{shown}");
    assert!(line(&shown, "instance").contains("hibernating"), "{shown}");

    let no_plugin = start_sandbox(Switches { plugin_missing: true, ..Switches::default() }).await;
    let (code, shown) = check(&no_plugin, &Setup::default()).await;
    assert_eq!(code, 1, "{shown}");
    assert!(line(&shown, "Offer Work").contains("com.glide.awa"), "{shown}");

    let old = Switches { missing_apis: vec![Endpoint::Offer], ..Switches::default() };
    let (code, shown) = check(&start_sandbox(old).await, &Setup::default()).await;
    assert_eq!(code, 1, "{shown}");
    assert!(line(&shown, "Offer Work").starts_with("missing "), "{shown}");
    assert!(line(&shown, "Manual Assignment").starts_with("ok "), "{shown}");

    let no_role = start_sandbox(Switches::default()).await;
    let caller = id(awa_bridge::testing::sandbox::world::CALLER);
    no_role.with_world(|world| world.revoke(caller, "awa_integration_user"));
    let (code, shown) = check(&no_role, &Setup::default()).await;
    assert_eq!(code, 1, "{shown}");
    assert!(line(&shown, "Offer Work").contains("awa_integration_user"), "{shown}");

    // Nobody listens on the discard port; a port that was just given up may be another story's by now.
    let (code, shown) = check_at("http://127.0.0.1:9", &Setup::default()).await;
    assert_eq!(code, 1, "{shown}");
    assert!(line(&shown, "instance").contains("no connection"), "{shown}");
}

#[tokio::test]
async fn what_may_not_be_read_is_unknown_and_does_not_fail() {
    let forbidden = Switches { table_reads: TableReads::Forbidden, ..Switches::default() };
    let sandbox = start_sandbox(forbidden).await;
    let (code, shown) = check(&sandbox, &Setup::default()).await;
    assert_eq!(code, 0, "{shown}");
    assert!(line(&shown, "support-voice").starts_with("unknown "), "{shown}");
    let look_up = line(&shown, "awa_work_item");
    for part in ["forbidden", "in_doubt", "repeat", "role"] {
        assert!(look_up.contains(part), "{part}: {look_up}");
    }
}

/// A source that takes tokens under the keys at that URL.
fn source(name: &str, jwks_url: &str) -> String {
    format!(
        "[sources.{name}]\nvendor = \"native\"\ncontact_center = \"native\"\n\
         verify = {{ scheme = \"jwt_bearer\", jwks_url = \"{jwks_url}\", issuer = \"i\", audience = \"a\" }}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keys_of_each_issuer_are_fetched_and_counted_or_it_is_said_what_to_do() {
    let sandbox = start_sandbox(Switches::default()).await;
    let usable =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let of_another_use = r#"{"kty":"oct","k":"AAAA"}"#;
    let set = format!("{{\"keys\":[{usable},{of_another_use},{usable}]}}");
    let good = Issuer::start(Does::Answer(set)).await;
    let two_sources = source("grid", &good.url) + &source("other", &good.url);
    let setup = Setup { config: two_sources.clone(), ..Setup::default() };
    let (code, shown) = check(&sandbox, &setup).await;
    assert_eq!(code, 0, "{shown}");
    for name in ["sources.grid", "sources.other"] {
        let line = line(&shown, name);
        assert!(line.starts_with("ok ") && line.contains("2 usable keys"), "{shown}");
    }
    assert_eq!(good.asked(), 1, "once for a URL");
    assert_eq!(shown.matches("issuer's keys").count(), 2, "the others have no issuer: {shown}");

    let page = Issuer::start(Does::Answer("{\"jwks_uri\":\"elsewhere\"}".to_owned())).await;
    let down = Issuer::start(Does::Refuse).await;
    let config = two_sources + &source("page", &page.url) + &source("down", &down.url);
    let (code, shown) = check(&sandbox, &Setup { config, ..Setup::default() }).await;
    assert_eq!(code, 1, "{shown}");
    assert!(line(&shown, "sources.grid").starts_with("ok "), "{shown}");
    for (name, url, why) in
        [("sources.page", &page.url, "no list `keys`"), ("sources.down", &down.url, "answers 500")]
    {
        let line = line(&shown, name);
        for part in ["missing ", url, why, "`jwks_url`", "jwks_uri", "servicenow.proxy"] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}
