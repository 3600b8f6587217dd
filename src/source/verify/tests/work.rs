//! What a stranger can make a scheme work: no more than a plain request of the same size does, whatever is in it.
//!
//! Work is counted as keyed hashes, and measured as the thread's own processor time against the plain request's in the
//! same run.

use super::super::mac::hashes_made;
use super::public_keys::{P256_PEM, RSA_PEM};
use super::*;

/// As large as bodies may be where nothing else is configured.
const BODY: usize = 256 * 1024;
/// Header lines of this length together still pass the server.
const HEADERS: usize = 40_000;
/// How often a worst request may cost what a plain one does.
const FACTOR: u64 = 12;

/// A scheme with its keys, a plain request, and what costs it most; `hashes` is what both may have made.
struct Case {
    verify: Value,
    secrets: Vec<String>,
    plain: Request,
    worst: Vec<(&'static str, Request)>,
    hashes: u64,
}

#[test]
fn the_worst_request_of_each_scheme_costs_what_a_plain_one_does() {
    let mut problems = Vec::new();
    for case in cases() {
        let secrets: Vec<&str> = case.secrets.iter().map(String::as_str).collect();
        let source = source(case.verify.clone(), &secrets);
        let plain = cost(&source, &case.plain).max(2_000_000);
        for (what, worst) in &case.worst {
            let before = hashes_made();
            assert!(source.verify(worst).is_err(), "{what}");
            let hashes = hashes_made() - before;
            let cost = cost(&source, worst);
            if hashes > case.hashes || cost > FACTOR * plain {
                problems.push(format!(
                    "{what}: {hashes} keyed hashes of {}, {cost} ns beside {plain} ns",
                    case.hashes
                ));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Nanoseconds of this thread for one verification; the kernel counts in ticks, so many are made.
fn cost(source: &Source, request: &Request) -> u64 {
    const ENOUGH: u64 = 40_000_000;
    let (start, mut times) = (on_processor(), 0);
    loop {
        drop(source.verify(request));
        times += 1;
        let spent = on_processor() - start;
        if spent >= ENOUGH || times == 200 {
            return spent / times;
        }
    }
}

fn on_processor() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

fn cases() -> Vec<Case> {
    let body = "x".repeat(BODY);
    let hashes = 16;
    let texts = || (0..16).map(|n| format!("secret-{n}")).collect::<Vec<_>>();
    let keys = || (0..16).map(|n| format!("whsec_{}", base64_of(&[n; 24]))).collect::<Vec<_>>();
    let one = |header: &'static str, value: &str, body: &str| request(&[(header, value)], body);
    let mac = base64_of(&[1; 32]);
    let standard_request = |signatures: &str| {
        let headers = [
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", "1795280400"),
            ("webhook-signature", signatures),
        ];
        request(&headers, &body)
    };
    let many = |entry: &str, joint: &str| {
        let entry = format!("{entry}{joint}");
        entry.repeat(HEADERS / entry.len()).trim_end_matches(joint).to_owned()
    };
    let ed = format!("v1a,{}", base64_of(&[1; 64]));
    let mut cases = vec![
        Case {
            verify: standard(),
            secrets: keys(),
            plain: standard_request(&format!("v1,{mac}")),
            worst: vec![
                ("standard_webhooks, empty entries", standard_request(&many("v1,", " "))),
                (
                    "standard_webhooks, whole entries",
                    standard_request(&many(&format!("v1,{mac}"), " ")),
                ),
                (
                    "standard_webhooks, ten entries",
                    standard_request(&[format!("v1,{mac}").as_str(); 10].join(" ")),
                ),
            ],
            hashes,
        },
        Case {
            verify: standard(),
            secrets: vec![format!("whpk_{}", base64_of(&[7; 32]))],
            plain: standard_request(&ed),
            worst: vec![
                ("standard_webhooks, public key", standard_request(&many(&ed, " "))),
                (
                    "standard_webhooks, ten for a public key",
                    standard_request(&[ed.as_str(); 10].join(" ")),
                ),
            ],
            hashes: 0,
        },
        Case {
            verify: json!({ "scheme": "hmac", "header": "x-s", "algorithm": "sha256", "encoding": "hex",
                "signature_key": "v1", "timestamp_key": "t", "message": "{timestamp}.{body}" }),
            secrets: texts(),
            plain: one("x-s", &format!("t=1795280400,v1={}", "00".repeat(32)), &body),
            worst: vec![
                (
                    "hmac, empty entries",
                    one("x-s", &format!("t=1795280400,{}", many("v1=", ",")), &body),
                ),
                (
                    "hmac, whole entries",
                    one(
                        "x-s",
                        &format!("t=1795280400,{}", many(&format!("v1={}", "00".repeat(32)), ",")),
                        &body,
                    ),
                ),
            ],
            hashes,
        },
        Case {
            verify: json!({ "scheme": "hmac", "header": "x-s", "algorithm": "sha256", "encoding": "hex",
                "secret_by": "/source" }),
            secrets: (0..16).map(|n| format!("s={n}")).collect(),
            plain: one(
                "x-s",
                &"00".repeat(32),
                &format!("{{\"a\":[{}0],\"source\":\"s\"}}", "{},".repeat(BODY / 3)),
            ),
            worst: vec![(
                "hmac, secret_by: long path, the name repeated",
                one(
                    "x-s",
                    &"00".repeat(32),
                    &format!(
                        "{{{}\"source\":\"{}s\"}}",
                        "\"source\":1,".repeat(BODY / 22),
                        "/".repeat(BODY / 2)
                    ),
                ),
            )],
            hashes,
        },
        Case {
            verify: json!({ "scheme": "header", "header": "x-k" }),
            secrets: texts(),
            plain: one("x-k", "secret-x", &body),
            worst: vec![("header", one("x-k", &"s".repeat(HEADERS), &body))],
            hashes: 0,
        },
        Case {
            verify: json!({ "scheme": "basic", "username": "u" }),
            secrets: texts(),
            plain: one("authorization", "Basic dTpz", &body),
            worst: vec![(
                "basic",
                one("authorization", &format!("Basic {}", "dTpz".repeat(HEADERS / 4)), &body),
            )],
            hashes: 0,
        },
        Case {
            verify: json!({ "scheme": "query", "parameter": "code" }),
            secrets: texts(),
            plain: Request {
                path_and_query: format!("/x?a={}", "x".repeat(HEADERS)),
                ..request(&[], &body)
            },
            worst: vec![
                (
                    "query, names",
                    Request {
                        path_and_query: format!("/x?{}", many("code", "&")),
                        ..request(&[], &body)
                    },
                ),
                (
                    "query, encoded",
                    Request {
                        path_and_query: format!("/x?code={}", "%41".repeat(HEADERS / 3)),
                        ..request(&[], &body)
                    },
                ),
            ],
            hashes: 0,
        },
        Case {
            verify: json!({ "scheme": "field", "pointer": "/token" }),
            secrets: texts(),
            plain: one("x", "x", &format!("[{}0]", "{},".repeat(BODY / 3))),
            worst: vec![
                (
                    "field, repeated",
                    one("x", "x", &format!("{{{}\"a\":1}}", "\"token\":\"\",".repeat(BODY / 11))),
                ),
                (
                    "field, long",
                    one("x", "x", &format!("{{\"token\":\"{}\"}}", "\\u0000".repeat(BODY / 6))),
                ),
            ],
            hashes: 0,
        },
    ];
    let twilio_request = |path: &str, body: &str| {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ];
        Request { path_and_query: path.to_owned(), ..request(&headers, body) }
    };
    let names = |count: usize| (0..count).map(|n| format!("{n:03x}")).collect::<Vec<_>>().join("&");
    cases.push(Case {
        verify: json!({ "scheme": "twilio" }),
        secrets: texts(),
        plain: twilio_request("/webhooks/demo?a=1", &format!("A={}", "x".repeat(BODY))),
        worst: vec![
            ("twilio, names in the query", twilio_request(&format!("/x?{}", names(8_000)), "")),
            (
                "twilio, ninety names",
                twilio_request(&format!("/x?{}'", names(90)), &format!("A={}", "x".repeat(BODY))),
            ),
            ("twilio, names in the form", twilio_request("/x", &names(BODY / 4))),
            (
                "twilio, a signature of another length",
                Request {
                    headers: request(&[("x-twilio-signature", &"AAAA".repeat(HEADERS / 4))], "")
                        .headers,
                    ..twilio_request("/x", "")
                },
            ),
        ],
        hashes: 6 * 16,
    });
    let token = |head: &str, claims: &str, signature: &str| {
        format!("{}.{}.{signature}", url_of(head.as_bytes()), url_of(claims.as_bytes()))
    };
    let hs = r#"{"alg":"HS256"}"#;
    let wide = format!("{{\"alg\":\"HS256\",\"x\":[{}0]}}", "0,".repeat(HEADERS / 4));
    let mac = url_of(&[1; 32]);
    cases.push(Case {
        verify: json!({ "scheme": "jwt_header", "header": "x-j" }),
        secrets: texts(),
        plain: one("x-j", &token(hs, &"x".repeat(HEADERS / 2), &mac), &body),
        worst: vec![
            ("jwt_header, a wide head", one("x-j", &token(&wide, "{}", &mac), &body)),
            (
                "jwt_header, a long signature",
                one("x-j", &token(hs, "{}", &"A".repeat(HEADERS)), &body),
            ),
        ],
        hashes,
    });
    let wide = format!("{{\"alg\":\"HS256\",\"x\":[{}0]}}", "0,".repeat(BODY / 3));
    cases.push(Case {
        verify: json!({ "scheme": "jwt_body" }),
        secrets: texts(),
        plain: request(&[], &token(hs, &"x".repeat(BODY / 2), &mac)),
        worst: vec![
            ("jwt_body, a wide head", request(&[], &token(&wide, "{}", &mac))),
            ("jwt_body, dots", request(&[], &".".repeat(BODY))),
        ],
        hashes,
    });
    let rs = r#"{"alg":"RS256"}"#;
    let jws = |head: &str, signature: &str| {
        one("x-s", &format!("{}..{signature}", url_of(head.as_bytes())), &body)
    };
    let crit =
        format!("{{\"alg\":\"RS256\",\"crit\":[{}\"b64\"]}}", "\"b64\",".repeat(HEADERS / 8));
    cases.push(Case {
        verify: json!({ "scheme": "jws_detached", "header": "x-s" }),
        secrets: vec![RSA_PEM.to_owned()],
        plain: jws(rs, &url_of(&[1; 256])),
        worst: vec![
            ("jws_detached, a wide head", jws(&crit, &url_of(&[1; 256]))),
            ("jws_detached, a long signature", jws(rs, &"A".repeat(HEADERS))),
        ],
        hashes: 0,
    });
    cases.push(Case {
        verify: json!({ "scheme": "ecdsa", "header": "x-s" }),
        secrets: vec![P256_PEM.to_owned()],
        plain: one("x-s", &"01".repeat(64), &body),
        worst: vec![
            ("ecdsa, a long signature", one("x-s", &"30".repeat(HEADERS / 2), &body)),
            ("ecdsa, DER", one("x-s", "3006020101020101", &body)),
        ],
        hashes: 0,
    });
    cases
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn url_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
