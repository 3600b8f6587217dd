//! What a stranger makes the daemon work: a request that nobody signed costs about what a plain one of the same size
//! does, whatever its headers, names and body are. Measured as the processor time of the built program.

use super::support::bridge::{Setup, start_sandbox};
use super::support::program::{Daemon, Home};

/// As large as bodies may be where nothing else is configured.
const BODY: usize = 256 * 1024;
/// Header lines of this length together still pass the server.
const HEADERS: usize = 28_000;
/// How often a worst request may cost what a plain one does.
const FACTOR: u64 = 12;
/// Requests of each kind that are measured together.
const TIMES: u64 = 15;

struct Case {
    what: &'static str,
    source: &'static str,
    query: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

fn case(
    what: &'static str,
    source: &'static str,
    query: String,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Case {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Case { what, source, query, headers, body: body.to_owned() }
}

/// Ticks of the processor that the process has used.
fn ticks(daemon: &Daemon) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).expect("it runs");
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // utime and stime, fields 14 and 15 of proc(5); the third is the first behind the name.
    [11, 12].map(|at| fields[at].parse::<u64>().expect("a number")).iter().sum()
}

async fn cost(daemon: &Daemon, http: &reqwest::Client, case: &Case) -> u64 {
    let before = ticks(daemon);
    for _ in 0..TIMES {
        let url = format!("{}/webhooks/{}{}", daemon.intake, case.source, case.query);
        let mut request = http.post(url).body(case.body.clone());
        for (name, value) in &case.headers {
            request = request.header(*name, value);
        }
        let status = request.send().await.expect("an answer").status().as_u16();
        assert!((400..500).contains(&status), "{}: {status}", case.what);
    }
    ticks(daemon) - before
}

fn many(entry: &str, room: usize) -> String {
    entry.repeat(room / entry.len())
}

fn names(count: usize) -> String {
    (0..count).map(|number| format!("{number:03x}")).collect::<Vec<_>>().join("&")
}

fn cases() -> Vec<Case> {
    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
    const JSON: (&str, &str) = ("content-type", "application/json");
    let body = format!("[{}0]", many("0,", BODY - 2));
    let now = (awa_bridge::testing::clock::now().0 / 1000).to_string();
    let mac = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let standard = |signature: &str| {
        let id = [("webhook-id", "m"), ("webhook-timestamp", now.as_str()), JSON];
        let headers = [id.as_slice(), &[("webhook-signature", signature)]].concat();
        case("standard webhooks", "native", String::new(), &headers, &body)
    };
    let twilio = |query: &str, body: &str| {
        let signature = ("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
        case("twilio", "twi", query.to_owned(), &[FORM, signature], body)
    };
    let repeated: Vec<_> = (0..80).map(|_| ("x-webexcc-signature", mac)).collect();
    let validation = format!("{{\"event\":\"endpoint.url_validation\",\"a\":{body}}}");
    let validation = &validation[..validation.len().min(BODY)];
    vec![
        standard(&many("v1, ", HEADERS)),
        standard(&many(&format!("{mac} "), HEADERS)),
        twilio(&format!("?{}", names(7_000)), ""),
        twilio("", &names(BODY / 4)),
        twilio("?a=1", &many("a=1&", BODY)),
        case("webex, repeated", "webex", String::new(), &repeated, &body),
        case(
            "webex, entries",
            "webex",
            String::new(),
            &[("x-webexcc-signature", &many("sub1=00,", HEADERS)), JSON],
            &body,
        ),
        case("zoom, a handshake", "zoom", String::new(), &[JSON], validation),
        case(
            "jwt in a header",
            "vonage",
            String::new(),
            &[("vonage-signature", &many("a.", HEADERS)), JSON],
            &body,
        ),
        case(
            "jwt for a body",
            "dialpad",
            String::new(),
            &[("content-type", "application/jwt")],
            &many("a.", BODY),
        ),
        case("a secret in the query", "grid", format!("?{}", many("code=A&", HEADERS)), &[], &body),
        case(
            "a secret in the body",
            "aircall",
            String::new(),
            &[JSON],
            &format!("{{{}\"a\":1}}", many("\"token\":\"\",", BODY - 8)),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worst_unsigned_request_costs_what_a_plain_one_does() {
    let sources = [
        ("twi", "twilio-taskrouter", "secret-of-thirty-two-characters1"),
        ("webex", "webex-cc", "sub1=secret-of-thirty-two-characters1"),
        ("zoom", "zoom-cc", "secret-of-thirty-two-characters1"),
        ("vonage", "vonage", "secret-of-thirty-two-characters1"),
        ("dialpad", "dialpad", "secret-of-thirty-two-characters1"),
        ("aircall", "aircall", "secret-of-thirty-two-characters1"),
    ];
    let tables = sources.map(|(name, vendor, secret)| {
        format!("[sources.{name}]\nvendor = \"{vendor}\"\ncontact_center = \"native\"\nsecrets = [\"{secret}\"]\n")
    });
    let config = format!(
        "[intake]\npublic_url = \"https://bridge.example.com\"\n{}[sources.grid]\nvendor = \"native\"\nsecrets = \
         [\"secret-of-thirty-two-characters1\"]\nverify = {{ scheme = \"query\", parameter = \"code\" }}\n",
        tables.concat()
    );
    let sandbox = start_sandbox(Setup::default().switches).await;
    let home = Home::new(&sandbox.url(), &Setup { config, ..Setup::default() });
    let daemon = home.start().await;
    let http = super::support::bridge::http_client();
    let headers = [("x-pad", many("x", HEADERS)), ("content-type", "application/json".to_owned())];
    let plain = Case {
        what: "plain",
        source: "native",
        query: String::new(),
        headers: headers.to_vec(),
        body: "x".repeat(BODY),
    };
    let plain = cost(&daemon, &http, &plain).await.max(4);
    let mut costs = Vec::new();
    for case in cases() {
        costs.push((case.what, cost(&daemon, &http, &case).await));
    }
    let dear: Vec<_> = costs.iter().filter(|(_, cost)| *cost > FACTOR * plain).collect();
    assert!(dear.is_empty(), "ticks for {TIMES} requests, {plain} for plain ones: {costs:?}");
}
