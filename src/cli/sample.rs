//! `events sample`: an event's request as a sample of its profile, or its whole call as a flow.

use std::path::{Path, PathBuf};

use super::admin_client::{AdminClient, Unanswered, operator, read_raw, segment};
use super::events::place;
use super::{Exit, say};
use crate::app::recorded::{self, Made, Recorded};
use crate::config::Settings;
use crate::routing::{ConversationRecord, EventRecord};

/// So many events of a conversation the daemon tells at most.
const MOST_EVENTS: usize = 100;

/// What is wanted.
pub(super) struct Wish {
    pub(super) id: String,
    /// The whole conversation.
    pub(super) call: bool,
    /// Where the file goes; `-` is stdout.
    pub(super) output: Option<PathBuf>,
    /// Fields whose values stay.
    pub(super) keep: Vec<String>,
}

pub(super) async fn run(
    admin: &AdminClient,
    settings: &Settings,
    wish: Wish,
) -> Result<Exit, Exit> {
    let (source, id) = place(admin, &wish.id).await?;
    let path = format!("/v1/events/{}/{}", segment(&source), segment(&id));
    let about = |refused: Unanswered| refused.about(&format!("{source}/{id}"));
    let event: EventRecord = read_raw(admin.get(&path).await.map_err(about)?)?;
    let cannot = |why: String| Exit::Failed(format!("{source}/{id}: {why}"));
    let made = if wish.call {
        let (events, whole) = call(admin, &event).await?;
        let requests = requests(admin, &events).await?;
        let mut made = recorded::flow(settings, &requests, &source, &wish.keep).map_err(cannot)?;
        if !whole {
            made.notes.push(format!("only the last {MOST_EVENTS} events are in it"));
        }
        made
    } else {
        let requests = requests(admin, std::slice::from_ref(&event)).await?;
        let request = requests.first().ok_or_else(|| cannot("it has no request".to_owned()))?;
        recorded::sample(settings, request, &wish.keep).map_err(cannot)?
    };
    written(settings, wish.output.as_deref(), &made)
}

/// The events of the conversation, oldest first, and whether they are all.
async fn call(admin: &AdminClient, event: &EventRecord) -> Result<(Vec<EventRecord>, bool), Exit> {
    let Some(conversation) = &event.conversation else {
        let why = "it names no conversation that could be written as a call";
        return Err(Exit::Failed(format!("{}/{}: {why}", event.source, event.id)));
    };
    let path = format!("/v1/conversations/{}/{}", segment(&event.source), segment(conversation));
    let record: ConversationRecord = read_raw(admin.get(&path).await?)?;
    let mut events = record.events;
    events.sort_by_key(|event| event.received_at);
    let whole = events.len() < MOST_EVENTS;
    Ok((events, whole))
}

/// The requests that brought the events, each once. The daemon writes into its log who reads them.
async fn requests(admin: &AdminClient, events: &[EventRecord]) -> Result<Vec<Recorded>, Exit> {
    let by = segment(&operator());
    let mut requests: Vec<Recorded> = Vec::new();
    let mut erased = Vec::new();
    for event in events {
        let name = format!("{}/{}", event.source, event.id);
        let path =
            format!("/v1/events/{}/{}/body?by={by}", segment(&event.source), segment(&event.id));
        let body = match admin.get_bytes(&path).await {
            Ok(body) => body,
            Err(Unanswered::Refused { status: 404, .. }) => {
                erased.push(name);
                continue;
            }
            Err(refused) => return Err(refused.about(&name)),
        };
        let source = event.source.clone();
        let named = (event.kind.clone(), event.conversation.clone());
        let known = requests.iter_mut().find(|request| {
            request.source == source
                && request.received_at == event.received_at
                && request.body == body
        });
        match known {
            Some(request) => request.events.push(named),
            None => requests.push(Recorded {
                source,
                received_at: event.received_at,
                body,
                events: vec![named],
            }),
        }
    }
    if erased.is_empty() {
        return Ok(requests);
    }
    Err(Exit::Failed(format!(
        "the vendor's body is erased already, or was never kept: {}; bodies of settled events are kept for \
         store.body_retention",
        erased.join(", ")
    )))
}

#[expect(clippy::disallowed_methods, reason = "a command has the process to itself")]
fn written(settings: &Settings, output: Option<&Path>, made: &Made) -> Result<Exit, Exit> {
    if output == Some(Path::new("-")) {
        say(made.text.trim_end());
        return Ok(Exit::Done);
    }
    let file = match output {
        Some(file) => file.to_owned(),
        None => recorded::place(settings, made).map_err(Exit::Usage)?,
    };
    recorded::write(&file, &made.text)
        .map_err(|error| Exit::Failed(format!("{} cannot be written: {error}", file.display())))?;
    say(&file.display().to_string());
    made.notes.iter().for_each(|note| say(note));
    say(
        "Look through it before it goes anywhere, and put right what is expected; then `awa-bridge check` plays it.",
    );
    Ok(Exit::Done)
}
