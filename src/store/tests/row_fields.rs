//! The rows of this version, by their fields and words. A program that does not know a field loses it when it writes a
//! row anew, and takes a word that it does not know for damage: so another field or word is another version, once a
//! release has written this one. Then raise `ROWS`, and with it the schema of stores in files; give the field a
//! default; write it only into rows of the new version; and add it here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::routing::{
    Action, CallKind, DisplayOption, HandOver, ItemState, Kind, Missing, Outcome, PauseCause,
    Rings, Stage, Step, TransferKind, VendorTarget,
};
use crate::store::records::{Content, EventRow, LaneRow, ROWS};

const ID: &str = "59616aba87bd5210be070d48dabb35e6";

/// A row with all that it can have.
fn event() -> Value {
    let document = json!({ "table": "interaction", "sys_id": ID });
    let reason = json!({ "code": "word", "detail": "sentence" });
    let call = json!({ "call": "offer", "at": 1, "elapsed_ms": 1, "status": 200, "meaning": "landed", "message": "ok" });
    let waited = json!({ "lane": 1, "rate_limit": 1, "backoff": 1, "retry_after": 1, "breaker": 1, "answer": 1, "mapping": 1 });
    let story = json!({
        "attempts": 1, "claim": 1, "leave_by": 1, "offered_on": 1, "tries": 1, "unavailable": 1, "corrections": 1,
        "first_sent": 1, "step": { "step": "take_back", "work_item": ID, "agent": "a" }, "no_room": true, "moves": 1,
        "behind": true, "brought": { "document": document, "channel": "chat", "queue": "q" },
        "last_answer": { "status": 200, "message": "ok" }, "work_item": ID, "withdrawn": true,
        "pause": { "cause": "back_off", "ms": 1 }, "calls": [call], "waited": waited,
    });
    json!({
        "contact_center": "connect",
        "content": { "event": {
            "id": "e", "conversation": "c", "segment": "s", "occurred_at": 1, "document": document, "queue": "q",
            "channel": "chat", "style": { "rings": "several", "hand_over": "leave" },
            "action": { "offer": { "agent": "a", "timeout_seconds": 20, "assignment": {
                "allowed_to_decline": true, "enable_auto_assign": true, "display_option": "card_only",
                "after_timeout_presence": ID,
            } } },
        } },
        "source": "demo", "received_at": 1, "body": 1, "order": 1, "why": reason, "by": "ann",
        "earlier": [{ "outcome": "dead", "reason": reason, "settled_at": 1, "by": "ann", "attempts": 1, "calls": [call] }],
        "end": { "outcome": "dead", "reason": reason, "settled_at": 1, "story": story },
        "entry": {
            "lane": "c", "received_at": 1, "deadline": 1, "due": 1, "stage": { "stage": "waiting" }, "story": story,
            "ended": { "outcome": "dead", "reason": reason, "at": 1 },
        },
    })
}

fn lane() -> Value {
    let document = json!({ "table": "interaction", "sys_id": ID });
    json!({
        "key": { "contact_center": "connect", "conversation": "c" }, "document": document, "last_queue": "q",
        "channel": "chat",
        "work_items": [{ "sys_id": ID, "document": document, "conversation": "c", "agent": "a", "segment": "s", "entry": 1,
            "state": "pending", "rung": 1, "until": 1, "consult": true }],
        "consult": { "document": document, "conversation": "c", "segment": "s", "entry": 1, "since": 1, "by_ring": "leave" },
        "legs": [{ "conversation": "c", "segment": "s", "agent": "a", "rung": 1, "accepted": 1, "ended": 1,
            "failed": { "code": "word", "detail": "sentence" } }],
        "recent": [{ "event": "e", "conversation": "c", "kind": "offer", "segment": "s", "agent": "a", "occurred_at": 1 }],
        "named": document, "documents": [document], "moved_to": "c",
    })
}

/// Rows with each of the actions, stages and steps that have fields.
fn events() -> Vec<Value> {
    let document = json!({ "table": "interaction", "sys_id": ID });
    let actions = [
        json!({ "transfer": { "kind": "blind", "source_queue": "q", "target": { "agent": "a" } } }),
        json!({ "assign": { "agent": "a", "work_item": ID, "timeout_seconds": 1 } }),
        json!({ "accept": { "agent": "a", "work_item": ID } }),
        json!({ "reject": { "agent": "a", "work_item": ID, "reason": "r" } }),
        json!({ "consult_end": { "hand_over": true } }),
        json!({ "leave": { "agent": "a" } }),
    ];
    let missing = [
        json!({ "table": "queues", "queue": "q", "channel": "c" }),
        json!({ "table": "agents", "agent": "a" }),
        json!({ "table": "reject_reasons", "reason": "r" }),
    ];
    let steps = [
        json!({ "step": "hand_over", "kind": "blind" }),
        json!({ "step": "accept", "work_item": ID }),
        json!({ "step": "reject", "work_item": ID }),
        json!({ "step": "end_consult", "document": document, "hand_over": true }),
        json!({ "step": "close_document", "document": document }),
    ];
    let with = |path: &str, value: Value| {
        let mut row = event();
        *row.pointer_mut(path).expect("it is there") = value;
        row
    };
    let unreadable =
        json!({ "id": "e", "kind": "ring", "conversation": "c", "problem": "sentence" });
    let mut rows = vec![event(), with("/content", json!({ "unreadable": unreadable }))];
    rows.extend(actions.map(|action| with("/content/event/action", action)));
    rows.extend(
        missing
            .map(|missing| with("/entry/stage", json!({ "stage": "parked", "missing": missing }))),
    );
    rows.extend(steps.map(|step| with("/entry/story/step", step)));
    rows
}

/// The fields of each type in what `{:?}` prints, whether a row leaves them out or not.
fn fields<T: Debug + DeserializeOwned + Serialize>(row: &Value) -> BTreeSet<String> {
    let read: T = serde_json::from_value(row.clone()).expect("a row of this version can be read");
    assert_eq!(serde_json::to_value(&read).expect("a row"), *row, "nothing of it is lost or added");
    let (mut fields, mut types) = (BTreeSet::new(), Vec::new());
    let (mut word, mut goes_on) = (String::new(), false);
    for letter in format!("{read:?}").chars() {
        if letter.is_alphanumeric() || letter == '_' {
            if !goes_on {
                word.clear();
            }
            word.push(letter);
            goes_on = true;
            continue;
        }
        goes_on = false;
        match letter {
            '{' => types.push(word.clone()),
            '}' => drop(types.pop()),
            ':' => {
                fields.insert(format!("{}.{word}", types.last().map_or("", String::as_str)));
            }
            _ => {}
        }
    }
    fields
}

#[test]
fn the_fields_of_rows_are_those_of_their_version() {
    assert_eq!(ROWS, 1);
    let mut found = fields::<LaneRow>(&lane());
    found.extend(events().iter().flat_map(fields::<EventRow>));
    let mut types = BTreeMap::<&str, Vec<&str>>::new();
    for (of, field) in found.iter().filter_map(|field| field.split_once('.')) {
        types.entry(of).or_default().push(field);
    }
    let found: Vec<_> =
        types.iter().map(|(of, fields)| format!("{of}: {}", fields.join(" "))).collect();
    assert_eq!(found, FIELDS, "{found:#?}");
}

const FIELDS: [&str; 39] = [
    "Accept: agent work_item",
    "Agents: agent",
    "Answer: message status",
    "Assign: agent assignment timeout_seconds work_item",
    "AssignmentWish: after_timeout_presence allowed_to_decline display_option enable_auto_assign",
    "Attempt: at call elapsed_ms meaning message status",
    "Brought: channel document queue",
    "CloseDocument: document",
    "ConsultEnd: hand_over",
    "DocumentRef: sys_id table",
    "EarlierEnd: attempts by calls outcome reason settled_at",
    "End: outcome reason settled_at story",
    "EndConsult: document hand_over",
    "Ended: at outcome reason",
    "EntryRow: deadline due ended lane received_at stage story",
    "EventRow: contact_center content entry origin",
    "HandOver: kind",
    "LaneKey: contact_center conversation",
    "LaneRow: channel consult document documents key last_queue legs moved_to named recent work_items",
    "Leave: agent",
    "Leg: accepted agent conversation ended failed rung segment",
    "Offer: agent assignment timeout_seconds",
    "OpenConsult: by_ring conversation document entry segment since",
    "Origin: body by earlier end order received_at source why",
    "Parked: missing",
    "Pause: cause ms",
    "Queues: channel queue",
    "Reason: code detail",
    "Recent: agent conversation event kind occurred_at segment",
    "Reject: agent reason work_item",
    "RejectReasons: reason",
    "RoutingEvent: action channel conversation document id occurred_at queue segment style",
    "Story: attempts behind brought calls claim corrections doubt_until first_sent last_answer leave_by moves no_room offered_on pause step tries unavailable waited withdrawn work_item",
    "Style: hand_over rings",
    "TakeBack: agent work_item",
    "Transfer: kind source_queue target",
    "Unreadable: conversation id kind problem",
    "Waited: answer backoff breaker lane mapping rate_limit retry_after",
    "WorkItem: agent consult conversation document entry rung segment state sys_id until",
];

#[test]
fn a_meaning_of_another_version_stays_in_its_row_as_it_came() {
    let mut row = event();
    for calls in ["/end/story/calls", "/entry/story/calls", "/earlier/0/calls"] {
        row.pointer_mut(calls).expect("calls")[0]["meaning"] = json!("cold_already");
    }
    let read: EventRow = serde_json::from_value(row.clone()).expect("it can be read");
    assert_eq!(serde_json::to_value(&read).expect("a row"), row);
}

/// The words that a row may have in one place, as the refusal of another says.
fn words<T: DeserializeOwned>(other: Value) -> String {
    let Err(refused) = serde_json::from_value::<T>(other) else { panic!("it is no word") };
    let text = refused.to_string();
    let words = text.split_once("expected").map_or("", |(_, words)| words);
    words.trim_start_matches(" one of").replace(['`', ','], "").trim().to_owned()
}

#[test]
fn the_words_of_rows_are_those_of_their_version() {
    let other = || json!("other");
    let of_map = || json!({ "other": {} });
    let found = [
        words::<Content>(of_map()),
        words::<Action>(of_map()),
        words::<Stage>(json!({ "stage": "other" })),
        words::<Step>(json!({ "step": "other" })),
        words::<Missing>(json!({ "table": "other" })),
        words::<VendorTarget>(of_map()),
        words::<Outcome>(other()),
        words::<Kind>(other()),
        words::<CallKind>(other()),
        words::<ItemState>(other()),
        words::<HandOver>(other()),
        words::<Rings>(other()),
        words::<TransferKind>(other()),
        words::<PauseCause>(other()),
        words::<DisplayOption>(other()),
    ];
    assert_eq!(found, WORDS);
}

const WORDS: [&str; 15] = [
    "event unreadable lost",
    "offer transfer assign accept reject consult_end withdraw leave bind",
    "waiting held parked sending in_doubt looking_up",
    "own take_back hand_over accept reject end_consult close_document",
    "queues agents reject_reasons",
    "agent or queue",
    "delivered expired superseded dead discarded",
    "offer transfer assign accept reject consult_end withdraw leave bind",
    "offer transfer assign accept reject end_consult close_document look_up",
    "queued pending accepted returned",
    "consult leave on_accept blind",
    "one or several",
    "blind or consult",
    "back_off or retry_after",
    "card_only or card_and_tab",
];
