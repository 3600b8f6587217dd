use std::time::Duration;

use super::*;
use crate::credentials::{Grant, TokenUrl};
use crate::routing::{DisplayOption, Doubt, SysId, WithdrawAction};

const INSTANCE: &str = "servicenow.instance = 'https://example.service-now.com'\n";

#[test]
fn every_key_is_read() {
    let settings = parse(
        r#"
        [intake]
        listen = "[::1]:0"
        public_url = "https://bridge.example.com/hooks/"
        max_body = 2048
        max_connections = 2
        max_pending = 3
        max_pending_per_source = 1
        max_pending_per_conversation = 4
        header_timeout = "4s"
        body_timeout = "5s"
        tls = { certificate = "c.pem", key = { credential = "k" } }
        [admin]
        listen = "0.0.0.0:1"
        token = "t"
        [servicenow]
        instance = "http://127.0.0.1:9"
        api_version = "v1"
        request_timeout = "6s"
        max_in_flight = 7
        in_doubt = "dead"
        ca = "ca.pem"
        proxy = "http://proxy.example.com:3128"
        no_proxy = [".example.com", "10.0.0.0/8", "[::1]"]
        client_certificate = { certificate = "c.pem", key = "k.pem" }
        channels = { voice = "59616aba87bd5210be070d48dabb35e6" }
        [servicenow.auth]
        kind = "oauth"
        grant = "jwt_bearer"
        client_id = "id"
        key_file = "jwt.pem"
        issuer = "i"
        audience = "a"
        subject = "s"
        key_id = "kid"
        token_url = "https://login.example.com/token"
        client_secret = "s"
        client_auth = "basic"
        scope = "api://now/.default"
        extra = { resource = "r", audience = { env = "AUDIENCE" } }
        [rate_limit]
        per_second = 8
        burst = 9
        per_hour = 10
        reserve = 0
        [retry]
        initial = "11ms"
        max = "12s"
        give_up_after = "13m"
        hold = "0s"
        agent_unavailable = []
        [offer]
        timeout = "15s"
        allowed_to_decline = false
        enable_auto_assign = true
        display_option = "card_and_tab"
        after_timeout_presence = "59616aba87bd5210be070d48dabb35e6"
        [withdraw]
        action = "close_document"
        end_consult = true
        [store]
        path = "s"
        retention = "16h"
        body_retention = "16h"
        [mappings]
        directory = "m"
        [log]
        filter = "debug"
        [sources.a-b_1]
        vendor = "v"
        secrets = []
        contact_center = "cc"
        pass_through_queues = true
        verify = { scheme = "hmac", tolerance = 5 }
        options = { deep = { list = [1, "2", 3.5, true] } }
        "#,
    )
    .unwrap();

    let public_url = settings.intake.public_url.as_ref().unwrap();
    assert_eq!(public_url.to_string(), "https://bridge.example.com/hooks");
    let (instance, auth) = settings.instance().unwrap();
    assert_eq!(settings.servicenow.api_version, Some(1));
    assert_eq!(instance.to_string(), "http://127.0.0.1:9");
    let Some(Auth::OAuth(oauth)) = auth else { panic!("{auth:?}") };
    let token_url = BaseUrl::parse("https://login.example.com/token").unwrap();
    assert_eq!(oauth.token_url, Some(TokenUrl::Elsewhere(token_url)));
    assert!(matches!(oauth.grant, Grant::JwtBearer { key_id: Some(_), .. }));
    assert_eq!(settings.contact_centers().into_iter().collect::<Vec<_>>(), ["cc"]);
    let source = &settings.sources["a-b_1"];
    assert_eq!(source.verify.as_ref().unwrap()["tolerance"], 5);
    assert_eq!(source.options["deep"]["list"], serde_json::json!([1, "2", 3.5, true]));

    let rules = settings.rules(Arc::default());
    assert_eq!(
        (rules.offer.timeout_seconds, rules.offer.display_option),
        (15, DisplayOption::CardAndTab)
    );
    assert_eq!(
        rules.offer.after_timeout_presence,
        SysId::parse("59616aba87bd5210be070d48dabb35e6").ok()
    );
    assert_eq!((rules.give_up_after, rules.hold, rules.unavailable_pauses.len()), (780_000, 0, 0));
    assert_eq!((rules.doubt, rules.withdraw), (Doubt::Dead, WithdrawAction::CloseDocument));
    assert!(rules.withdraw_ends_consult);
}

#[test]
fn a_form_field_that_the_bridge_writes_itself_is_not_a_further_one() {
    let problems = |more: &str| {
        let auth = "kind = 'oauth', grant = 'jwt_bearer', client_id = 'i', key_file = 'k', issuer = 'i', audience = 'a', subject = 's'";
        let text = format!("{INSTANCE}servicenow.auth = {{ {auth}, {more} }}");
        parse(&text).unwrap_err().to_string()
    };
    assert!(problems("extra = { grant_type = 'x' }").contains("grant_type"));
    assert!(problems("client_auth = 'basic'").contains("client_secret"));
    assert!(problems("client_auth = 'header'").contains("post, basic"));
    assert!(
        !problems("extra = { resource = 1.5, b = 's3cret', client_id = 'x' }").contains("s3cret")
    );
}

#[test]
fn the_defaults_are_those_of_the_rules_of_routing() {
    let (ours, theirs) = (parse("").unwrap().rules(Arc::default()), Rules::default());
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
}

#[test]
fn tables_are_names_of_tables_each_of_them_once() {
    let tables = |value: &str| {
        parse(&format!("servicenow.tables = {value}"))
            .map(|settings| settings.servicenow.tables.len())
            .map_err(|problems| problems.to_string())
    };
    assert_eq!(tables("['interaction', 'x_acme_work']"), Ok(2));
    for wrong in ["[]", "['']", "['Interaction']", "['a b']", "['9']", "['_']", "[1]", "['a', 'a']"]
    {
        assert!(tables(wrong).is_err_and(|text| text.contains("servicenow.tables")), "{wrong}");
    }
}

#[test]
fn an_api_version_is_v_and_a_number_or_empty() {
    let version = |value: &str| {
        parse(&format!("servicenow.api_version = {value}"))
            .map(|settings| settings.servicenow.api_version)
    };
    for (value, expected) in [("''", None), ("'v1'", Some(1)), ("'v12'", Some(12))] {
        assert_eq!(version(value).unwrap(), expected, "{value}");
    }
    for value in
        ["'1'", "'V1'", "'v'", "'v0'", "'v01'", "'v+1'", "'v1/../v2'", "' v1'", "'v65536'", "1"]
    {
        let told = version(value).unwrap_err().to_string();
        assert!(told.contains("servicenow.api_version: is "), "{told}");
        assert!(told.contains("such as \"v1\""), "{told}");
    }
}

#[test]
fn oauth_asks_for_what_its_grant_needs() {
    let auth = |rest: &str| {
        parse(&format!("servicenow.auth = {{ kind = 'oauth', client_id = 'c', {rest} }}"))
    };
    assert!(auth("grant = 'client_credentials', client_secret = 's'").is_ok());
    assert!(
        auth("grant = 'password', client_secret = 's', username = 'u', password = 'p'").is_ok()
    );

    let told = auth("grant = 'password', issuer = 'i'").unwrap_err().to_string();
    for missing in ["client_secret", "username", "password"] {
        assert!(told.contains(&format!("servicenow.auth.{missing}: is missing")), "{told}");
    }
    assert!(told.contains("servicenow.auth.issuer: is not a key of [servicenow.auth]"), "{told}");
    let told = auth("grant = 'implicit'").unwrap_err().to_string();
    assert!(told.contains("write one of client_credentials, password, jwt_bearer"), "{told}");
}

#[test]
fn every_problem_of_a_file_is_told_at_once_with_its_line() {
    let told = parse(
        "[intake]\nlisten = 8080\nmax_body = 0\nbody_timeout = 10\n\
         [servicenow]\nmax_in_flight = 0\nrequest_timeout = '2h'\n\
         [rate_limit]\nper_second = 0\nreserve = 1\n\
         [withdraw]\naction = 'panic'\nend_consult = 'yes'\n\
         [sources.'Not A Name']\nvendor = ''\n",
    )
    .unwrap_err()
    .to_string();
    let places: Vec<_> = told
        .lines()
        .map(|line| line.splitn(3, ": ").take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        places,
        [
            "t.toml:2 intake.listen",
            "t.toml:3 intake.max_body",
            "t.toml:4 intake.body_timeout",
            "t.toml:7 servicenow.request_timeout",
            "t.toml:6 servicenow.max_in_flight",
            "t.toml:9 rate_limit.per_second",
            "t.toml:10 rate_limit.reserve",
            "t.toml:12 withdraw.action",
            "t.toml:13 withdraw.end_consult",
            "t.toml:14 sources.Not A Name",
            "t.toml:15 sources.Not A Name.vendor",
        ],
        "{told}"
    );
    assert!(told.contains("is 0; write a whole number from 1 to 1024"), "{told}");
    assert!(told.contains("is 10; write a duration with its unit, such as \"10s\""), "{told}");
}

#[test]
fn a_problem_hides_no_other_one_beside_or_behind_it() {
    let told = parse(
        "[servicenow]\nproxy = 1.5\nca = ''\nunknown = 1\nchannels = { a = 1 }\n\
         auth = { kind = 'oauth', grant = 'jwt_bearer', client_auth = 'basic', other = 1 }\n\
         [retry]\nmax = '0s'\nhold = '10m'\n\
         [sources.a]\nunknown = 1\nsecrets = [1.5]\n[sources.b]\nvendor = 'n'\nunknown = 1\n[unknown]\n",
    )
    .unwrap_err();
    let mut keys: Vec<_> = told.iter().map(|problem| problem.key.as_str()).collect();
    keys.sort_unstable();
    let expected = [
        "retry.hold",
        "retry.max",
        "servicenow.auth.audience",
        "servicenow.auth.client_auth",
        "servicenow.auth.client_id",
        "servicenow.auth.issuer",
        "servicenow.auth.key_file",
        "servicenow.auth.other",
        "servicenow.auth.subject",
        "servicenow.ca",
        "servicenow.channels.a",
        "servicenow.proxy",
        "servicenow.unknown",
        "sources.a.secrets",
        "sources.a.unknown",
        "sources.a.vendor",
        "sources.b.unknown",
        "unknown",
    ];
    assert_eq!(keys, expected, "{told}");
    assert!(told.iter().all(|problem| problem.place.is_some()), "{told}");
}

#[test]
fn keys_that_do_not_go_together_are_told() {
    for (text, expected) in [
        (
            "admin.listen = '0.0.0.0:9180'",
            "admin.token: is missing, and `listen` is not a loopback",
        ),
        ("admin.listen = '127.0.0.1:8080'", "admin.listen: is the address of the intake too"),
        ("servicenow.instance = 'http://example.service-now.com'", "servicenow.instance: is http"),
        (
            "servicenow.instance = 'https://example.service-now.com/api'",
            "servicenow.instance: has a path",
        ),
        (
            "servicenow.instance = 'https://u:p@example.com'",
            "servicenow.instance: holds a user name",
        ),
        (
            "servicenow.instance = 'example.com'",
            "servicenow.instance: does not start with https://",
        ),
        ("retry = { initial = '20s' }", "retry.initial: is longer than `max` (10s)"),
        ("retry = { hold = '10m' }", "retry.hold: must be shorter than `give_up_after` (10m)"),
        ("offer.timeout = '1500ms'", "offer.timeout: has a part of a second"),
        ("log.filter = 'a=b=c'", "log.filter: is no filter"),
        ("servicenow.channels = { voice = 'Phone' }", "servicenow.channels.voice: is not a sys_id"),
        ("intake = 3", "intake: is not a table"),
    ] {
        let told = parse(text).unwrap_err().to_string();
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.starts_with("t.toml:1: ") && told.contains(expected), "{told}");
    }
}

#[test]
fn a_command_that_calls_servicenow_asks_for_the_instance_and_its_credentials() {
    let told = parse("").unwrap().instance().unwrap_err().to_string();
    assert!(
        told.contains("servicenow.instance: is missing")
            && told.contains("servicenow.auth: is missing")
    );

    let by_certificate = "servicenow.client_certificate = { certificate = 'c', key = 'k' }";
    let settings = parse(&format!("{INSTANCE}{by_certificate}")).unwrap();
    assert!(matches!(settings.instance(), Ok((_, None))));
}

#[test]
fn a_whole_number_in_the_file_is_a_secret_and_a_broken_one_is_not() {
    let secret =
        |value: &str| parse(&format!("servicenow.auth = {{ kind = 'api_key', key = {value} }}"));
    let settings = secret("12345").unwrap();
    let [key] = settings.keys.secrets() else { panic!("one") };
    assert_eq!(secrecy::ExposeSecret::expose_secret(&key.reveal().unwrap()), "12345");

    for value in [
        "1.50",
        "''",
        "['x']",
        "{}",
        "{ env = '' }",
        "{ env = 'A', file = 'B' }",
        "{ credential = '../x' }",
    ] {
        assert!(
            secret(value).unwrap_err().to_string().contains("servicenow.auth.key: "),
            "{value}"
        );
    }
}

#[test]
fn durations_are_whole_numbers_with_a_unit() {
    let hold =
        |text: &str| parse(&format!("retry.hold = '{text}'")).map(|settings| settings.retry.hold);
    assert_eq!(hold("250ms").unwrap(), Duration::from_millis(250));
    assert_eq!(hold("3m").unwrap(), Duration::from_secs(180));
    for text in [
        "",
        "s",
        "1",
        "-1s",
        "1.5s",
        "1 s",
        "1w",
        "1S",
        "99999999999999999999s",
        "18446744073709551615h",
    ] {
        assert!(hold(text).is_err(), "{text}");
    }
}

fn parse(text: &str) -> Result<Settings, Problems> {
    Settings::parse(text, "t.toml")
}

#[test]
fn sections_lie_over_the_file_and_their_keys_have_to_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "[withdraw]\naction = \"reject\"\n[offer]\ntimeout = \"20s\"\n").unwrap();
    let over = |value: serde_json::Value| value.as_object().unwrap().clone();
    let sections =
        over(serde_json::json!({"withdraw": {"action": "none"}, "retry": {"hold": "5s"}}));
    let settings = Settings::load_with(Some(file.clone()), &sections).unwrap();
    assert_eq!(settings.withdraw.action, WithdrawAction::None);
    assert_eq!(settings.offer.timeout_seconds, 20);
    assert_eq!(settings.retry.hold, Duration::from_secs(5));
    let settings = Settings::defaults_with(&sections).unwrap();
    assert_eq!(settings.offer.timeout_seconds, 30);

    let wrong = over(serde_json::json!({"withdraw": {"acton": "none"}, "offer": {"timeout": 5}}));
    let told = Settings::load_with(Some(file), &wrong).unwrap_err().to_string();
    assert!(told.contains("withdraw.acton") && told.contains("offer.timeout"), "{told}");
}
