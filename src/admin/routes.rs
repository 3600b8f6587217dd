//! Paths of the admin address and what they answer.

use std::collections::HashMap;
use std::sync::Arc;

use hyper::http::request::Parts;
use hyper::{Method, Response};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::answer::{self, Body};
use super::todo::{self, Act};
use super::{
    Admin, HoldAnswer, HoldWish, Status, access, changes, overview, page, posts, reads, search,
};
use crate::clock;
use crate::routing::{ForeignText, State};
use crate::store::{DiscardAnswer, Failed, Filter, ReplayAnswer};

/// How many events one page has where the request does not say.
const PAGE: usize = 100;
/// How many it has at most.
const MAX_PAGE: usize = 1_000;

/// The type of the metrics page.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How many of the operators' actions an event's record keeps.
const ACTIONS_KEPT: usize = 8;

pub(super) async fn respond(admin: &Arc<Admin>, request: &Parts, has_body: bool) -> Response<Body> {
    let segments: Vec<String> = request
        .uri
        .path()
        .trim_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let open = matches!(path.as_slice(), ["livez" | "readyz" | "metrics"]);
    if let Some(why) = access::refusal(admin.listen, open, request) {
        return answer::problem(403, why);
    }
    if !open && !access::names_a_host(request) {
        return answer::problem(403, "The request has no Host header");
    }
    let get = request.method == Method::GET || request.method == Method::HEAD;
    if page::is_of(&path) {
        return match path.as_slice() {
            [name] if get => page::file(name),
            _ => answer::problem(405, "This path does not allow this method"),
        };
    }
    let authorised = access::authorised(&admin.token, request);
    if !open && !authorised {
        return answer::unauthorised();
    }
    let post = request.method == Method::POST;
    let query = query(request);
    if post && let Some(why) = posts::refusal(&path, &query, has_body) {
        return answer::problem(400, &why);
    }
    match path.as_slice() {
        ["livez"] if get => answer::text(200, "text/plain", "ok\n".to_owned()),
        ["readyz"] if get => readiness(admin, authorised),
        ["metrics"] if get => {
            let page = Arc::clone(admin);
            let page = reads::written(move || answer::text(200, METRICS, (page.metrics)()));
            admin.reads.metrics.ask(page).await
        }
        ["v1", "events"] if get => list(admin, &query).await,
        ["v1", "events", source, id] if get => show(admin, source, id).await,
        ["v1", "events", source, id, "replay"] if post => {
            let force = query.get("force").is_some_and(|force| force == "true" || force == "1");
            let verb = if force { "replayed by force" } else { "replayed" };
            let by = match who_did(admin, source, id, &query, verb).await {
                Ok(by) => by,
                Err(refused) => return refused,
            };
            let answer = admin.store.replay(source, id, force, by).await;
            replayed(admin, source, id, answer).await
        }
        ["v1", "events", source, id, "discard"] if post => {
            let by = match who_did(admin, source, id, &query, "discarded").await {
                Ok(by) => by,
                Err(refused) => return refused,
            };
            let answer = admin.store.discard(source, id, by).await;
            discarded(admin, source, id, answer).await
        }
        ["v1", "conversations", source, conversation] if get => {
            conversation_of(admin, source, conversation).await
        }
        ["v1", "events", source, id, "body"] if get => body(admin, source, id, &query).await,
        ["v1", "events", source, id, "story"] if get => search::of_event(admin, source, id).await,
        ["v1", "conversations", source, conversation, "story"] if get => {
            search::of_conversation(admin, source, conversation).await
        }
        ["v1", "changes"] if get => changes::told(admin, &query).await,
        ["v1", "search"] if get => search::search(admin, &query).await,
        ["v1", "activity"] if get => overview::activity(admin).await,
        ["v1", "sources"] if get => overview::sources(admin).await,
        ["v1", "todo"] if get => todo::groups(admin, &query).await,
        ["v1", "todo", "events"] if get => todo::events(admin, &query).await,
        ["v1", "todo", "replay"] if post => todo::act(admin, Act::Replay, &query).await,
        ["v1", "todo", "discard"] if post => todo::act(admin, Act::Discard, &query).await,
        ["v1", "status"] if get => answer::json(200, &(admin.status)()),
        ["v1", what @ ("hold" | "resume")] if post => {
            let (held, by) = (*what == "hold", who(&query));
            let until = query.get("for").and_then(|text| posts::hold_time(text).ok());
            let until = until.map(|time| admin.store.now().plus(clock::millis(time)));
            match (admin.hold)(HoldWish { held, until, by }).await {
                Ok(changed) => answer::json(200, &HoldAnswer { changed, status: (admin.status)() }),
                Err(failed) => answer::problem(503, &failed.to_string()),
            }
        }
        ["v1", "reload"] if post => match (admin.reload)().await {
            Ok(changes) => answer::json(200, &json!({ "reloaded": true, "changes": changes })),
            Err(problems) => answer::problems(
                422,
                "Reload refused; the previous configuration stays in force",
                &problems,
            ),
        },
        ["livez" | "readyz" | "metrics"]
        | ["v1", "events" | "reload" | "status" | "hold" | "resume"]
        | ["v1", "activity" | "changes" | "search" | "sources" | "todo"]
        | ["v1", "todo", "events" | "replay" | "discard"]
        | ["v1", "events" | "conversations", _, _]
        | ["v1", "conversations", _, _, "story"]
        | ["v1", "events", _, _, "replay" | "discard" | "body" | "story"] => {
            answer::problem(405, "This path does not allow this method")
        }
        _ => answer::problem(404, "No such path"),
    }
}

fn query(request: &Parts) -> HashMap<String, String> {
    let query = request.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// The reasons name accounts, files and addresses: they are for the holder of the token.
fn readiness(admin: &Admin, authorised: bool) -> Response<Body> {
    let Status { ready, reasons, held, .. } = (admin.status)();
    let code = if ready { 200 } else { 503 };
    if !authorised {
        return answer::json(code, &json!({ "ready": ready }));
    }
    // A hold is what an operator wants: it is said, and is no reason against.
    answer::json(code, &json!({ "ready": ready, "reasons": reasons, "held": held }))
}

async fn list(admin: &Admin, query: &HashMap<String, String>) -> Response<Body> {
    let text = |key: &str| query.get(key).filter(|value| !value.is_empty()).cloned();
    let limit = match text("limit").map(|limit| limit.parse::<usize>()) {
        None => PAGE,
        Some(Ok(limit)) => limit.clamp(1, MAX_PAGE),
        Some(Err(_)) => return answer::problem(400, "`limit` is not a whole number"),
    };
    if let Some(id) = text("id") {
        return of_id(admin, id).await;
    }
    let state = match text("state").map(|state| State::from_name(&state)) {
        None => None,
        Some(Some(state)) => Some(state),
        Some(None) => {
            return answer::problem(
                400,
                "`state` is not pending, parked, delivered, expired, superseded, dead or discarded",
            );
        }
    };
    let filter = Filter {
        state,
        source: text("source"),
        conversation: text("conversation"),
        reason: text("reason"),
        limit,
        cursor: text("cursor"),
    };
    let store = admin.store.clone();
    let question = async move {
        match store.events(filter).await {
            Ok(page) => reads::written(move || answer::json(200, &page)).await,
            Err(error) => answer::problem(503, &error.to_string()),
        }
    };
    admin.reads.store.ask(question).await
}

/// The event of that id in every source that has one.
async fn of_id(admin: &Admin, id: String) -> Response<Body> {
    let (store, sources) = (admin.store.clone(), (admin.sources)());
    let question = async move {
        let mut events = Vec::new();
        for source in sources {
            match store.event(&source.source, &id).await {
                Ok(found) => events.extend(found),
                Err(error) => return answer::problem(503, &error.to_string()),
            }
        }
        answer::json(200, &json!({ "events": events, "next_cursor": null }))
    };
    admin.reads.store.ask(question).await
}

async fn show(admin: &Admin, source: &str, id: &str) -> Response<Body> {
    let store = admin.store.clone();
    let (source, id) = (source.to_owned(), id.to_owned());
    let question = async move {
        match store.event(&source, &id).await {
            Ok(Some(event)) => answer::json(200, &event),
            Ok(None) => not_found(),
            Err(error) => answer::problem(503, &error.to_string()),
        }
    };
    admin.reads.store.ask(question).await
}

/// The vendor's body as it came: personal data, so whoever looks at it is named in the log.
async fn body(
    admin: &Admin,
    source: &str,
    id: &str,
    query: &HashMap<String, String>,
) -> Response<Body> {
    let store = admin.store.clone();
    let (source, id, by) = (source.to_owned(), id.to_owned(), who(query).to_owned());
    let question = async move {
        match store.body(&source, &id).await {
            Ok(Some(body)) => {
                tracing::info!(source, event_id = id, by, "An operator reads the vendor's body");
                answer::bytes(body)
            }
            Ok(None) => answer::problem(
                404,
                "No body is stored for this event; bodies are erased after store.body_retention",
            ),
            Err(error) => answer::problem(503, &error.to_string()),
        }
    };
    admin.reads.store.ask(question).await
}

async fn conversation_of(admin: &Admin, source: &str, conversation: &str) -> Response<Body> {
    let contact_center = (admin.contact_center)(source).unwrap_or_else(|| source.to_owned());
    let (store, conversation) = (admin.store.clone(), conversation.to_owned());
    let question = async move {
        match store.conversation(&contact_center, &conversation).await {
            Ok(Some(record)) => reads::written(move || answer::json(200, &record)).await,
            Ok(None) => answer::problem(404, "No such conversation is known for this source"),
            Err(error) => answer::problem(503, &error.to_string()),
        }
    };
    admin.reads.store.ask(question).await
}

/// The operator's name as the client gives it: for the record, not a proof.
pub(super) fn who(query: &HashMap<String, String>) -> String {
    let by = query.get("by").map(|by| ForeignText::of(by.trim()).to_string());
    // What operators did is told in one text, with semicolons between.
    by.filter(|by| !by.is_empty()).map_or_else(|| "somebody".to_owned(), |by| by.replace(';', ","))
}

/// Who does what to an event and when, after what was done to it before: `root replayed at …; anna discarded at …`.
async fn who_did(
    admin: &Admin,
    source: &str,
    id: &str,
    query: &HashMap<String, String>,
    verb: &str,
) -> Result<String, Response<Body>> {
    let (store, source, id) = (admin.store.clone(), source.to_owned(), id.to_owned());
    let before =
        async move { store.event(&source, &id).await.ok().flatten().and_then(|event| event.by) };
    Ok(with_action(admin.reads.store.look_up(before).await?, &who(query), verb))
}

/// What is done now after what was done before.
pub(super) fn with_action(before: Option<String>, who: &str, verb: &str) -> String {
    let (now, before) = (format!("{who} {verb} at {}", clock::now()), before.unwrap_or_default());
    let mut all: Vec<&str> = before.split("; ").filter(|one| !one.is_empty()).collect();
    all.push(&now);
    all[all.len().saturating_sub(ACTIONS_KEPT)..].join("; ")
}

async fn replayed(
    admin: &Admin,
    source: &str,
    id: &str,
    answer: Result<ReplayAnswer, Failed>,
) -> Response<Body> {
    match answer {
        Ok(ReplayAnswer::Replayed) => show(admin, source, id).await,
        Ok(ReplayAnswer::Unknown) => not_found(),
        Ok(answer) => answer::problem(409, &replay_refusal(&answer)),
        Err(error) => answer::problem(503, &error.to_string()),
    }
}

/// Why an event was not replayed.
pub(super) fn replay_refusal(answer: &ReplayAnswer) -> String {
    match answer {
        ReplayAnswer::Replayed | ReplayAnswer::Unknown => NOT_FOUND.to_owned(),
        ReplayAnswer::NotSettled => {
            "The event is not settled yet: there is nothing to replay".to_owned()
        }
        ReplayAnswer::NeedsForce(why) => {
            format!("Replaying cannot help: {why}; use force=true (--force) to replay it anyway")
        }
        ReplayAnswer::Unreadable => {
            "The request could not be read; fix the profile and have the vendor send it again"
                .to_owned()
        }
    }
}

async fn discarded(
    admin: &Admin,
    source: &str,
    id: &str,
    answer: Result<DiscardAnswer, Failed>,
) -> Response<Body> {
    match answer {
        Ok(DiscardAnswer::Discarded) => show(admin, source, id).await,
        Ok(DiscardAnswer::Unknown) => not_found(),
        Ok(answer) => answer::problem(409, &discard_refusal(&answer)),
        Err(error) => answer::problem(503, &error.to_string()),
    }
}

/// Why an event was not discarded.
pub(super) fn discard_refusal(answer: &DiscardAnswer) -> String {
    match answer {
        DiscardAnswer::Discarded | DiscardAnswer::Unknown => NOT_FOUND.to_owned(),
        DiscardAnswer::InFlight => {
            "A call for the event is in flight; try again when it has been answered".to_owned()
        }
        DiscardAnswer::Settled(outcome) => format!("The event is already {outcome}"),
    }
}

const NOT_FOUND: &str = "No such event is known for this source";

fn not_found() -> Response<Body> {
    answer::problem(404, NOT_FOUND)
}
