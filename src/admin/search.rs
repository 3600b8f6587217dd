//! Where a call is found by a word that an operator has, and its story.

use std::collections::HashMap;
use std::sync::Arc;

use hyper::Response;
use serde_json::json;

use super::answer::{self, Body};
use super::story::Story;
use super::{Admin, reads};
use crate::store::{Found, Search};

/// The longest id is shorter.
const MOST: usize = 512;

/// Conversations of an event, a conversation, a document or an agent.
pub(super) async fn search(admin: &Arc<Admin>, query: &HashMap<String, String>) -> Response<Body> {
    let text = query.get("q").map(|text| text.trim()).unwrap_or_default().to_owned();
    if text.is_empty() || text.len() > MOST {
        let title = "`q` has to be an id of an event, a conversation, a document or an agent";
        return answer::problem(400, title);
    }
    let cursor = query.get("cursor").filter(|cursor| !cursor.is_empty());
    let Ok(cursor) = cursor.map(|cursor| cursor.parse()).transpose() else {
        return answer::problem(400, "`cursor` is not one of an earlier answer");
    };
    let (mut sources, mut contact_centers) = (Vec::new(), Vec::new());
    for source in (admin.sources)() {
        sources.push(source.source);
        contact_centers.push(source.contact_center.as_str().into());
    }
    contact_centers.sort();
    contact_centers.dedup();
    let store = admin.store.clone();
    let search = Search { text, sources, contact_centers, cursor };
    let question = async move {
        match store.search(search).await {
            Ok(Found { hits, searched, searched_since, next }) => {
                let found = json!({
                    "found": hits,
                    "searched": searched,
                    "searched_since": searched_since.map(|at| at.to_string()),
                    "next_cursor": next.map(|next: u64| next.to_string()),
                });
                answer::json(200, &found)
            }
            Err(error) => answer::problem(503, &error.to_string()),
        }
    };
    admin.reads.store.ask(question).await
}

/// What happened in a conversation.
pub(super) async fn of_conversation(
    admin: &Admin,
    source: &str,
    conversation: &str,
) -> Response<Body> {
    let contact_center = (admin.contact_center)(source).unwrap_or_else(|| source.to_owned());
    let (store, conversation) = (admin.store.clone(), conversation.to_owned());
    let question = async move {
        match store.conversation(&contact_center, &conversation).await {
            Ok(Some(record)) => {
                let story = move || Story::of_conversation(&record, &conversation).to_json();
                reads::written(move || answer::json(200, &story())).await
            }
            Ok(None) => answer::problem(404, "No such conversation is known for this source"),
            Err(error) => answer::problem(503, &error.to_string()),
        }
    };
    admin.reads.store.ask(question).await
}

/// What happened to one event.
pub(super) async fn of_event(admin: &Admin, source: &str, id: &str) -> Response<Body> {
    let (store, source, id) = (admin.store.clone(), source.to_owned(), id.to_owned());
    let question = async move {
        match store.event(&source, &id).await {
            Ok(Some(event)) => answer::json(200, &Story::of_event(&event).to_json()),
            Ok(None) => answer::problem(404, "No such event is known for this source"),
            Err(error) => answer::problem(503, &error.to_string()),
        }
    };
    admin.reads.store.ask(question).await
}
