//! Whoever has seen one authentic request changes what its signature leaves out: no id, no time and no event changes
//! with it, or the delivery is known as the one that it was.

mod schemes;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::super::samples::{self, RECEIVED_AT, Sample};
use super::*;
use crate::source::load_profiles;
use schemes::{Signed, schemes};

fn vendors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/vendors")
}

const FORGED: [(&str, &str); 12] = [
    ("ce-id", "FORGED"),
    ("ce-time", "2030-01-01T00:00:00Z"),
    ("ce-type", "forged"),
    ("ce-specversion", "1.0"),
    ("x-8x8-event-id", "FORGED"),
    ("x-id", "FORGED"),
    ("x-ts", "1795280400"),
    ("webhook-id", "FORGED"),
    ("svix-id", "FORGED"),
    ("svix-signature", "v1,AAAA"),
    ("content-type", "application/cloudevents-batch+json"),
    ("content-type", "text/plain"),
];

/// Requests beside the signed one; what does not verify any more is as good.
fn mutations(request: &Request, with_forms: bool) -> Vec<Request> {
    let mut all = Vec::new();
    let all_forged = FORGED.iter().fold(request.clone(), |mut request, (name, value)| {
        request.headers.insert(*name, value.parse().unwrap());
        request
    });
    all.push(all_forged);
    for (name, value) in FORGED {
        let mut instead = request.clone();
        instead.headers.insert(name, value.parse().unwrap());
        let mut again = request.clone();
        again.headers.append(name, value.parse().unwrap());
        let mut binary = instead.clone();
        binary.headers.insert("ce-specversion", "1.0".parse().unwrap());
        all.extend([instead, again, binary]);
    }
    for (name, value) in &request.headers {
        let mut without = request.clone();
        without.headers.remove(name);
        let mut twice = request.clone();
        twice.headers.append(name, value.clone());
        let text = value.to_str().unwrap_or_default();
        let mut blank = request.clone();
        blank.headers.insert(name, format!("  {text} ").parse().unwrap());
        let mut upper = request.clone();
        upper.headers.insert(name, text.to_uppercase().parse().unwrap());
        let mut bearer = request.clone();
        bearer.headers.insert(name, format!("bEARER {text}").parse().unwrap());
        all.extend([without, twice, blank, upper, bearer]);
    }
    let with_query = |query: String| Request {
        path_and_query: format!("{}?{query}", request.path()),
        ..request.clone()
    };
    let query = request.raw_query();
    all.extend([
        with_query(format!("{query}&id=FORGED")),
        with_query(format!("id=FORGED&{query}")),
        with_query(format!("{query}&{query}")),
        with_query(query.split('&').rev().collect::<Vec<_>>().join("&")),
        with_query(query.replace('=', "%3D")),
    ]);
    let body = String::from_utf8_lossy(&request.body).into_owned();
    for changed in [
        format!("{body}\n"),
        format!(" {body}"),
        format!("\"{body}\""),
        format!("\u{feff}{body}"),
        body.replacen('{', "{\"id\":\"FORGED\",", 1),
        body.replace(':', ": "),
        format!("{body}="),
        String::new(),
    ] {
        all.push(Request { body: changed.into(), ..request.clone() });
    }
    let form = request.media_type().as_deref() == Some("application/x-www-form-urlencoded");
    if form && with_forms {
        all.extend(forms(request));
    }
    all
}

fn with_form(request: &Request, pairs: &[(String, String)]) -> Request {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Request { body: body.into(), ..request.clone() }
}

/// Forms whose sorted pairs, strung together, are the same text.
fn forms(request: &Request) -> Vec<Request> {
    let mut pairs: Vec<(String, String)> =
        form_urlencoded::parse(&request.body).into_owned().collect();
    pairs.sort();
    let mut all = vec![with_form(request, &pairs.iter().rev().cloned().collect::<Vec<_>>())];
    for at in 0..pairs.len() {
        let mut twice = pairs.clone();
        twice.push(pairs[at].clone());
        all.push(with_form(request, &twice));
        let text = format!("{}{}", pairs[at].0, pairs[at].1);
        for cut in (0..=text.len()).filter(|cut| text.is_char_boundary(*cut)).step_by(3) {
            let mut moved = pairs.clone();
            moved[at] = (text[..cut].to_owned(), text[cut..].to_owned());
            all.push(with_form(request, &moved));
            let mut split = pairs.clone();
            split[at].1.clear();
            split.insert(at + 1, (text[..cut].to_owned(), text[cut..].to_owned()));
            all.push(with_form(request, &split));
        }
        for end in at + 1..pairs.len() {
            let rest: String = pairs[at + 1..=end]
                .iter()
                .flat_map(|(name, value)| [name.as_str(), value])
                .collect();
            let mut merged = pairs[..=at].to_vec();
            merged[at].1.push_str(&rest);
            merged.extend_from_slice(&pairs[end + 1..]);
            all.push(with_form(request, &merged));
        }
    }
    let encoded = String::from_utf8_lossy(&request.body).replace("Sid=", "%53id=");
    all.push(Request { body: encoded.into_bytes().into(), ..request.clone() });
    all
}

/// What a verified request is known by and carried out as; none where it is refused.
fn reported(source: &Source, request: &Request) -> Option<Vec<Reading>> {
    source.verify(request).ok()?;
    source.read(request).ok()
}

/// Whether the store knows the second request for the first.
fn is_duplicate(source: &Source, first: &Request, second: &Request) -> bool {
    source.fingerprint(first).is_some_and(|found| source.fingerprint(second) == Some(found))
}

/// The same pairs in another order or more than once.
fn same_pairs(one: &Request, other: &Request) -> bool {
    let pairs = |request: &Request| {
        let mut pairs: Vec<_> = form_urlencoded::parse(&request.body).into_owned().collect();
        pairs.sort();
        pairs.dedup();
        pairs
    };
    pairs(one) == pairs(other)
}

/// A signed request of a sample; none where it cannot be one of that scheme.
fn signed_sample(
    profile: &Arc<Profile>,
    sample: &Sample,
    (verify, secret, signed): &(Option<Value>, String, Signed),
) -> Option<(Source, Request)> {
    let spec =
        SourceSpec { verify: verify.clone(), options: sample.options.clone(), ..spec(&[secret]) };
    let source = Source::build(Arc::clone(profile), spec).ok()?;
    let mut request = sample.request(profile, "/webhooks/demo", RECEIVED_AT);
    request.headers.insert("x-id", "one".parse().unwrap());
    let travels = source.verifier.covers_header(&request, "x-none");
    if sample.is_handshake() || travels {
        return None;
    }
    signed.sign(&source, &mut request)?;
    source.verify(&request).is_ok().then_some((source, request))
}

#[test]
fn what_still_verifies_is_the_same_events_or_a_duplicate() {
    let mut problems = Vec::new();
    let mut verified = std::collections::BTreeMap::<(String, usize), usize>::new();
    for (vendor, profile) in load_profiles(&vendors()).unwrap() {
        let samples = samples::load(&vendors().join(&vendor)).unwrap();
        for (number, scheme) in schemes().iter().enumerate() {
            // Many samples under the profile's own scheme, some under the others: a filter takes its time.
            let step = match number {
                _ if profile.filter.reads().headers => 6,
                0 => 3,
                _ => 15,
            };
            for (place, sample) in samples.iter().enumerate().step_by(step) {
                let Some((source, request)) = signed_sample(&profile, sample, scheme) else {
                    continue;
                };
                let original = reported(&source, &request);
                for mutation in mutations(&request, number == 0 && place % 9 == 0) {
                    let Some(found) = reported(&source, &mutation) else { continue };
                    *verified.entry((vendor.clone(), number)).or_default() += 1;
                    let other_body =
                        mutation.body != request.body && !same_pairs(&mutation, &request);
                    let same = if other_body && source.verifier.fits_other_bodies(&request) {
                        is_duplicate(&source, &request, &mutation)
                    } else {
                        Some(&found) == original.as_ref()
                    };
                    if !same {
                        problems.push(format!(
                            "{} scheme {number}: {} {:?}\n{}\n{original:?}\n{found:?}",
                            sample.file.display(),
                            mutation.path_and_query,
                            mutation.headers,
                            String::from_utf8_lossy(&mutation.body)
                        ));
                    }
                }
            }
        }
    }
    let shown = problems[..problems.len().min(4)].join("\n");
    assert!(problems.is_empty(), "{} of {verified:?}:\n{shown}", problems.len());
    let tried: std::collections::BTreeSet<_> = verified.keys().map(|(_, scheme)| scheme).collect();
    assert_eq!(tried.len(), schemes().len(), "{verified:?}");
}

#[test]
fn an_id_in_a_header_counts_where_the_header_is_signed() {
    let jq = r#"{id: $headers["x-id"], kind: "withdraw", conversation: .c}"#;
    let profile = profile("[request]\ndecode = \"json\"", jq).unwrap();
    let id = |message: &str, scheme: &str| {
        let mut verify = json!({ "scheme": "hmac", "header": "x-s", "algorithm": "sha256",
            "encoding": "hex", "message": message });
        if scheme == "header" {
            verify = json!({ "scheme": "header", "header": "x-s" });
        }
        let spec = SourceSpec { verify: Some(verify), ..spec(&["s"]) };
        let source = Source::build(Arc::clone(&profile), spec).unwrap();
        let mut signed = request(&[("x-id", "one")], r#"{"c":"c-1"}"#);
        source.sign(&mut signed).unwrap();
        let readings = source.read(&signed).unwrap();
        let Reading::Event(event) = &readings[0] else { panic!("{readings:?}") };
        let mut again = signed.clone();
        again.headers.append("x-id", "two".parse().unwrap());
        (event.id.to_string(), source.verify(&again).is_ok())
    };
    assert_eq!(id("{body}{header:x-id}", "hmac"), ("one".to_owned(), false), "twice is refused");
    assert_eq!(id("{body}", "header").0, "one");
    assert!(id("{body}", "hmac").0.starts_with("sha256:"));
}

#[test]
fn what_a_header_decides_leaves_an_id_of_the_body_and_makes_no_second_delivery() {
    let jq = r#"if $headers["x-type"] == "end"
        then {id: .id, kind: "withdraw", conversation: .c, occurred_at: .at}
        elif $headers["x-type"] == "other" then {id: $headers["x-id"], kind: "withdraw", conversation: .c}
        else {ignore: "another type"} end"#;
    let profile = profile("[request]\ndecode = \"json\"", jq).unwrap();
    let verify =
        json!({ "scheme": "hmac", "header": "x-s", "algorithm": "sha256", "encoding": "hex" });
    let spec = SourceSpec { verify: Some(verify), ..spec(&["s"]) };
    let source = Source::build(profile, spec).unwrap();
    assert_eq!(source.reads_unsigned(), ["x-id", "x-type"]);
    let signed = |headers: &[(&str, &str)]| {
        let mut signed = request(headers, r#"{"id":"e-1","c":"c-1","at":"2026-11-21T16:59:00Z"}"#);
        source.sign(&mut signed).unwrap();
        signed
    };
    let id = |request: &Request| match &source.read(request).unwrap()[0] {
        Reading::Event(event) => event.id.to_string(),
        other => format!("{other:?}"),
    };
    let end = signed(&[("x-type", "end")]);
    assert_eq!(id(&end), "e-1");
    let forged = signed(&[("x-type", "other"), ("x-id", "forged")]);
    assert!(id(&forged).starts_with("sha256:"), "{}", id(&forged));
    let ignored = signed(&[("x-type", "none")]);
    for request in [&forged, &ignored] {
        assert!(is_duplicate(&source, &end, request));
    }
}

#[test]
fn a_signed_header_that_is_there_twice_is_no_id() {
    let jq = r#"{id: $headers["x-ts"], kind: "withdraw", conversation: .c}"#;
    let profile = profile("[request]\ndecode = \"json\"", jq).unwrap();
    let verify = json!({ "scheme": "hmac", "header": "x-s", "algorithm": "sha256",
        "encoding": "hex", "message": "{timestamp}.{body}", "timestamp": "x-ts" });
    let spec = SourceSpec { verify: Some(verify), ..spec(&["s"]) };
    let source = Source::build(profile, spec).unwrap();
    let mut signed = request(&[], r#"{"c":"c-1"}"#);
    source.sign(&mut signed).unwrap();
    let mut twice = signed.clone();
    twice.headers.append("x-ts", "forged".parse().unwrap());
    let readings = reported(&source, &twice).unwrap_or_default();
    assert!(!format!("{readings:?}").contains("forged"), "{readings:?}");
    assert!(is_duplicate(&source, &signed, &twice));
}

#[test]
fn a_token_in_other_wrapping_is_the_same_event() {
    let jq = r#"{kind: "withdraw", conversation: .c}"#;
    let profile = profile("[request]\ndecode = \"jwt\"", jq).unwrap();
    let spec = SourceSpec { verify: Some(json!({ "scheme": "jwt_body" })), ..spec(&["s"]) };
    let source = Source::build(profile, spec).unwrap();
    let mut signed = request(&[], r#"{"c":"c-1"}"#);
    source.sign(&mut signed).unwrap();
    let token = String::from_utf8(signed.body.to_vec()).unwrap();
    let original = reported(&source, &signed).unwrap();
    for body in [format!("{token}\n"), format!("\"{token}\""), format!("  {token}")] {
        let wrapped = Request { body: body.into(), ..signed.clone() };
        assert_eq!(reported(&source, &wrapped), Some(original.clone()));
    }
}

#[test]
fn a_form_with_two_values_of_one_name_is_refused() {
    let profile = profile("[request]\ndecode = \"form\"", ".").unwrap();
    let spec = SourceSpec { verify: Some(json!({ "scheme": "twilio" })), ..spec(&["s"]) };
    let source = Source::build(profile, spec).unwrap();
    let form = |body: &str| {
        let mut signed = request(&[("content-type", "application/x-www-form-urlencoded")], body);
        source.sign(&mut signed).unwrap();
        source.read(&signed).map(|readings| readings.len())
    };
    assert_eq!(form("Sid=EV1&Sid=EV1&A=1"), Ok(1));
    assert!(form("Sid=EV1&Sid=EV2").is_err());
}
