use super::super::fixture::request;
use super::*;

fn to_json(value: &Val) -> serde_json::Value {
    serde_json::Value::deserialize(Reader(value)).unwrap()
}

fn form(body: &str, json_fields: &[&str]) -> Result<String, Malformed> {
    let fields: Vec<String> = json_fields.iter().map(|field| (*field).to_owned()).collect();
    let request = request(&[], body);
    decode(Decode::Form, &fields, &request).map(|value| to_json(&value).to_string())
}

fn json(body: &str) -> Result<String, Malformed> {
    parse_json(body.as_bytes()).map(|value| value.to_string())
}

fn cloudevents(headers: &[(&str, &str)], body: &str) -> Result<serde_json::Value, Malformed> {
    decode(Decode::Cloudevents, &[], &request(headers, body)).map(|value| to_json(&value))
}

#[test]
fn integers_of_any_size_and_decimals_stay_digit_for_digit() {
    let text = r#"{"a":9007199254740993,"b":123456789012345678901234567890,"c":1.10,"d":-0}"#;
    let value = parse_json(text.as_bytes()).unwrap();
    let reported = |place| pointer(&value, place).and_then(string_of).unwrap();
    assert_eq!(reported("/a"), "9007199254740993");
    assert_eq!(reported("/b"), "123456789012345678901234567890");
    assert_eq!(reported("/c"), "1.10");
    let json = to_json(&value);
    assert_eq!(json["a"], 9_007_199_254_740_993_u64);
    assert_eq!(json["b"], "123456789012345678901234567890");
    assert_eq!(json["c"], 1.1);
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert_eq!(json("\u{feff}{\"a\":1}").unwrap(), r#"{"a":1}"#);
}

#[test]
fn what_jq_reads_but_json_does_not_know_is_refused() {
    for body in ["", "{", "# x\n1", "NaN", "b\"x\"", "{1:2}", "1 2", "[1,]", "+1", "01", "'a'"] {
        assert!(matches!(json(body), Err(Malformed::Syntax(_))), "{body}");
    }
    let not_utf8 = parse_json(b"\"\xff\"").unwrap_err();
    assert_eq!(not_utf8.to_string(), "the body is not JSON: it is not UTF-8");
}

#[test]
fn nesting_that_would_exhaust_the_stack_is_refused() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(json(&deep(128)).is_ok());
    assert!(json(&deep(129)).is_err());
    assert!(json(&deep(100_000)).is_err());
    assert!(json(&"[".repeat(100_000)).is_err());
    let text = format!("\"{}\\\"{}\"", "[".repeat(500), "{".repeat(500));
    assert!(json(&text).is_ok(), "brackets in a string are no nesting");
}

#[test]
fn half_an_emoji_is_replaced_and_not_refused() {
    let value = parse_json(br#"{"a":"\ud83d\ude00 \ud83d cut \ude00","b":"\\ud83d","c":"\u00e9"}"#)
        .unwrap();
    let json = to_json(&value);
    assert_eq!(json["a"], "\u{1F600} \u{FFFD} cut \u{FFFD}");
    assert_eq!(json["b"], "\\ud83d");
    assert_eq!(json["c"], "é");
    assert!(parse_json(br#""\ud83d\u0041\ud83d""#).is_ok());
}

#[test]
fn a_syntax_error_says_where_and_never_what() {
    let error = json("{\"caller\": +4915112345678}").unwrap_err().to_string();
    assert!(error.contains("1:12") && !error.contains("4915"), "{error}");
}

#[test]
fn form_values_are_text_and_declared_fields_are_opened_where_they_are_json() {
    let body = "A=1&B=%7B%22x%22%3A1%7D&C=%7Bnot&D=a+b&D=c&E=";
    let found = form(body, &["B", "C"]).unwrap();
    assert_eq!(found, r#"{"A":"1","B":{"x":1},"C":"{not","D":["a b","c"],"E":""}"#);
    assert_eq!(form("", &[]).unwrap(), "{}");
    assert!(form("{\"a\":1}", &[]).is_err());
}

#[test]
fn the_claims_of_a_jwt_are_the_value() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJjYWxsX2lkIjo5MDA3MTk5MjU0NzQwOTkzfQ.c2ln";
    let value = decode(Decode::Jwt, &[], &request(&[], jwt)).unwrap();
    assert_eq!(value.to_string(), r#"{"call_id":9007199254740993}"#);
    let bare = decode(Decode::Jwt, &[], &request(&[], r#"{"call_id":9007199254740993}"#)).unwrap();
    assert_eq!(bare, value, "without a secret the claims come as they are");
    for broken in ["a.b", "a.!.c", "a.b.c.d", "", "{", "\"a\""] {
        assert!(decode(Decode::Jwt, &[], &request(&[], broken)).is_err(), "{broken}");
    }
}

#[test]
fn a_binary_cloudevent_becomes_a_structured_one() {
    let headers = [
        ("ce-id", "a%20b"),
        ("ce-specversion", "1.0"),
        ("ce-type", "x"),
        ("content-type", "application/json"),
    ];
    let event = cloudevents(&headers, r#"{"k":1}"#).unwrap();
    assert_eq!(event["id"], "a b");
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["data"]["k"], 1);
    let text = [("ce-id", "1"), ("content-type", "text/plain")];
    assert_eq!(cloudevents(&text, "hello").unwrap()["data"], "hello");
    assert!(cloudevents(&headers, "{").is_err());
}

#[test]
fn a_batch_is_an_array_and_base64_data_is_opened() {
    let batch = [("content-type", "application/cloudevents-batch+json")];
    let events = cloudevents(
        &batch,
        r#"[{"id":"1","data_base64":"eyJrIjoxfQ=="},{"id":"2","datacontenttype":"text/plain","data_base64":"aGk="}]"#,
    )
    .unwrap();
    assert_eq!(events[0]["data"]["k"], 1);
    assert_eq!(events[1]["data"], "hi");
    assert!(cloudevents(&batch, "{}").is_err());
    assert_eq!(cloudevents(&[], r#"{"id":"1"}"#).unwrap()["id"], "1");
}

#[test]
fn content_types_are_compared_without_case_and_parameters() {
    let types = Decode::Json.default_content_types();
    let fits = |value: &str| {
        content_type_fits(Decode::Json, &types, &request(&[("content-type", value)], ""))
    };
    assert!(fits("Application/JSON; charset=utf-8") && fits("application/vnd.x+json"));
    assert!(!fits("text/plain") && !fits("application/x-www-form-urlencoded"));
    assert!(content_type_fits(Decode::Json, &types, &request(&[], "")));
}

/// Were each value to copy those before it, this would take minutes.
#[test]
fn a_body_that_repeats_one_name_is_read_in_one_go() {
    let body = format!("a=&{}", "a&".repeat(130_000));
    let found = form(&body, &[]).unwrap();
    assert_eq!(found.matches("\"\"").count(), 130_001);
}

#[test]
fn a_number_that_would_take_long_to_read_is_refused() {
    let long = |digits: usize| format!("{{\"a\": -{}.{}}}", "9".repeat(digits), "9".repeat(digits));
    assert!(json(&long(1_000)).is_ok());
    assert_eq!(json(&long(1_001)), Err(Malformed::Syntax("JSON: a number is too long".to_owned())));
    assert!(json(&"9".repeat(262_144)).is_err());
    let text = format!("\"{}\"", "9".repeat(5_000));
    assert!(json(&text).is_ok(), "digits in a string are no number");
}
