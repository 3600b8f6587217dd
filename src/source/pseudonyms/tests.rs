use serde_json::json;

use super::*;

const JQ: &str = r#"# a comment with Anna
if .event == "ringing" then { kind: "offer", agent: .user, reason: "not-answered" } else empty end"#;
const TOML: &str = "[request]\ndecode = \"json\"\n[options]\nchannel = \"voice\"\n";

fn pseudonyms() -> Pseudonyms {
    let at = |text: &str| UnixMillis::from_rfc3339(text).unwrap();
    let (received, shown) = (at("2026-11-30T12:00:00.400Z"), at("2026-11-21T17:00:01Z"));
    let mut pseudonyms = Pseudonyms::new(received, shown, &["site".to_owned()]);
    pseudonyms.use_words_of(TOML, JQ, &Map::new());
    pseudonyms.use_ids_of(&json!({
        "id": "ringing/c-77001122/a.berg", "conversation": "c-77001122", "agent": "a.berg", "queue": "4711",
        "document": { "sys_id": "59616aba87bd5210be070d48dabb35e6" },
    }));
    pseudonyms
}

fn replaced(body: Value) -> Value {
    let mut pseudonyms = pseudonyms();
    pseudonyms.learn(&body);
    let replaced = pseudonyms.replaced(&body);
    assert_eq!(pseudonyms.left_in(&replaced.to_string()), None);
    replaced
}

#[test]
fn what_the_event_is_made_of_stays() {
    let body = json!({
        "event": "RINGING", "call": "c-77001122", "user": "a.berg", "queue_id": "4711", "line": 12, "ok": true,
        "topic": "v2.ringing.c-77001122.user", "note": "", "reason": "not-answered", "nothing": null, "gain": 0.5,
        "attributes": "{\"servicenow_document\":\"interaction:59616aba87bd5210be070d48dabb35e6\"}",
        "site": "Berlin Mitte",
    });
    assert_eq!(replaced(body.clone()), body);
}

#[test]
fn what_is_personal_by_its_field_or_its_look_is_replaced_everywhere() {
    let body = json!({
        "from": "+49 151 12345678", "caller": { "name": "Anna Berg", "id": "anna@berg.example.org" },
        "text": "Anna Berg (+4915112345678) lives in Berlin", "number": 4915112345678_i64,
        "conversation": "c-77001122:4915112345678", "ip": "10.1.2.3", "born": "1980-05-01",
        "custom": "{\"mail\":\"anna@berg.example.org\",\"deep\":[\"+4915112345678\"]}",
        "href": "https://crm.example.org/people/anna", "zip": "10115", "lat": 52.52,
        "data": "eyJuYW1lIjoiQW5uYSBCZXJnIiwidGVsIjoiKzQ5MTUxMTIzNDU2NzgifQ==",
        "+4915112345678": 1,
    });
    let replaced = replaced(body);
    assert_eq!(replaced["from"], "+49 555 00000001");
    assert_eq!(replaced["caller"], json!({ "name": "Person 1", "id": "person-1@example.com" }));
    assert_eq!(replaced["text"], "Text 1");
    assert_eq!(replaced["number"], 4955500000001_i64);
    assert_eq!(replaced["conversation"], "c-77001122:4955500000001");
    assert_eq!(replaced["ip"], "192.0.2.2");
    assert_eq!(replaced["born"], "1111-11-11");
    assert_eq!(
        replaced["custom"],
        "{\"deep\":[\"+4955500000001\"],\"mail\":\"person-1@example.com\"}"
    );
    assert_eq!(replaced["href"], "https://example.com/1");
    assert_eq!(replaced["+4955500000001"], 1);
    let data = shape::base64_inside(replaced["data"].as_str().unwrap()).unwrap();
    assert_eq!(data, "{\"name\":\"Person 1\",\"tel\":\"+4955500000001\"}");
    let text = replaced.to_string();
    for planted in
        ["Anna", "Berg", "berg", "15112345678", "10.1.2.3", "1980", "10115", "52.52", "crm"]
    {
        assert!(!text.contains(planted), "{planted}: {text}");
    }
}

#[test]
fn what_nothing_is_known_of_is_replaced_in_its_shape() {
    let body = json!({
        "account": "AC3f2e1d4c0a0b", "crm": "Berg-Anna", "pan": "4111 1111 1111 1111", "ref": "12-34-56-78-90",
        "big": 123456, "other": 1, "created": 1796040000400_i64, "at": "2026-11-30T12:00:00Z",
    });
    let replaced = replaced(body.clone());
    for (key, same) in [
        ("account", false),
        ("crm", false),
        ("pan", false),
        ("ref", false),
        ("big", false),
        ("other", true),
    ] {
        assert_eq!(replaced[key] == body[key], same, "{key}: {}", replaced[key]);
        assert_eq!(replaced[key].to_string().len(), body[key].to_string().len(), "{key}");
    }
    assert_eq!(replaced["created"], 1_795_280_400_400_i64);
    assert_eq!(replaced["at"], "2026-11-21T17:00:00Z");
    assert!(!replaced.to_string().contains("4111"), "{replaced}");
}

#[test]
fn an_id_that_is_somebodys_is_replaced_alike_wherever_it_stands() {
    let mut pseudonyms = pseudonyms();
    pseudonyms.use_ids_of(&json!({ "agent": "b.koch@example.org", "conversation": "+4930123456" }));
    let body = json!({ "agent": "b.koch@example.org", "call": "+4930123456", "topic": "user.b.koch@example.org" });
    pseudonyms.learn(&body);
    assert_eq!(
        pseudonyms.replaced(&body),
        json!({ "agent": "person-1@example.com", "call": "+4955500001", "topic": "user.person-1@example.com" })
    );
    assert_eq!(pseudonyms.left_in("about b.koch@example.org"), Some(Kind::Email));
    assert_eq!(pseudonyms.left_in("4930123456"), Some(Kind::Phone));
}
