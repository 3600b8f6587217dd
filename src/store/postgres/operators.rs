//! What needs an operator, in groups, and which conversation a word belongs to.

use tokio_postgres::types::Type;

use super::rows::{Rows, json, shown, signed, unsigned};
use super::trouble::Trouble;
use crate::routing::{ConversationId, EventRecord, LaneKey, UnixMillis};
use crate::store::search::{Found, HITS, Hits, LOOKED_AT, OF_NAME, READ, Search, tells_of};
use crate::store::todo::{DeadGroup, Group, Grouped, Member, ParkedGroup, Todo};
use crate::store::{hashes, record};

/// The states of the two kinds of group, as the rows have them.
const PARKED: i16 = 1;
const DEAD: i16 = 3;
/// How many rows are read at a time.
const AT_ONCE: i64 = 200;

pub(super) async fn todo(rows: Rows<'_>) -> Result<Todo, Trouble> {
    let sql = "SELECT state, source, why, count(*), min(received_at), max(received_at) FROM @.event
               WHERE state IN (1, 3) AND why IS NOT NULL GROUP BY state, CASE state WHEN 3 THEN source END, why, source
               ORDER BY count(*) DESC";
    let mut todo = Todo::default();
    for row in rows.read(sql, &[]).await? {
        let (source, why): (&str, &str) = (row.try_get(1)?, row.try_get(2)?);
        let events = usize::try_from(row.try_get::<_, i64>(3)?).unwrap_or_default();
        let (since, latest) = (UnixMillis(row.try_get(4)?), UnixMillis(row.try_get(5)?));
        if row.try_get::<_, i16>(0)? == DEAD {
            let group = DeadGroup { source: source.to_owned(), reason: why.to_owned() };
            todo.all_dead += events;
            todo.dead.push(Grouped { group, events, since, latest });
        } else {
            let (contact_center, missing) = json(why.as_bytes())?;
            let group = ParkedGroup { contact_center, missing };
            todo.all_parked += events;
            match todo.parked.iter_mut().find(|parked| parked.group == group) {
                // Sources of one contact centre may lack the same row.
                Some(parked) => {
                    parked.events += events;
                    parked.since = parked.since.min(since);
                    parked.latest = parked.latest.max(latest);
                }
                None => todo.parked.push(Grouped { group, events, since, latest }),
            }
        }
    }
    todo.parked.sort_by_key(|group| std::cmp::Reverse(group.events));
    Ok(todo)
}

pub(super) async fn of_group(
    rows: Rows<'_>,
    group: &Group,
    after: u64,
    limit: usize,
) -> Result<Vec<Member>, Trouble> {
    let (state, source, why) = match group {
        Group::Dead(group) => (DEAD, Some(group.source.as_str()), group.reason.clone()),
        Group::Parked(group) => {
            let why = serde_json::to_string(&(&group.contact_center, &group.missing));
            (PARKED, None, why.expect("texts can be written"))
        }
    };
    let (after, limit) = (signed(after), i64::try_from(limit).unwrap_or(i64::MAX));
    let values = [
        (&state as _, Type::INT2),
        (&source as _, Type::TEXT),
        (&why as _, Type::TEXT),
        (&after as _, Type::INT8),
        (&limit as _, Type::INT8),
    ];
    let sql = "SELECT number, content FROM @.event WHERE state = $1 AND ($2 IS NULL OR source = $2) AND why = $3
               AND number > $4 ORDER BY number LIMIT $5";
    let mut members = Vec::new();
    for row in rows.read(sql, &values).await? {
        let Some(event) = shown(row.try_get(1)?).map(record::event) else { continue };
        members.push(Member { number: unsigned(row.try_get(0)?), event });
    }
    Ok(members)
}

pub(super) async fn find(rows: Rows<'_>, search: &Search) -> Result<Found, Trouble> {
    let mut hits = Hits::default();
    if search.cursor.is_none() {
        known_by_name(rows, search, &mut hits).await?;
    }
    let mut found = Found::default();
    let mut before = search.cursor.map_or(i64::MAX, signed);
    let mut read = 0;
    loop {
        let sql =
            "SELECT number, content FROM @.event WHERE number < $1 ORDER BY number DESC LIMIT $2";
        let values = [(&before as _, Type::INT8), (&AT_ONCE as _, Type::INT8)];
        let latest = rows.read(sql, &values).await?;
        for row in &latest {
            if found.searched == LOOKED_AT || read >= READ || hits.all.len() >= HITS {
                found.next = Some(unsigned(before));
                found.hits = hits.all;
                return Ok(found);
            }
            let content: &[u8] = row.try_get(1)?;
            (before, read) = (row.try_get(0)?, read + content.len());
            found.searched += 1;
            let Some(event) = shown(content) else { continue };
            found.searched_since = Some(event.origin.received_at);
            hits.add(event, |event| tells_of(event, &search.text));
        }
        if latest.is_empty() {
            found.hits = hits.all;
            return Ok(found);
        }
    }
}

/// Adds the conversations that the word names, or one of whose events or documents it is.
async fn known_by_name(rows: Rows<'_>, search: &Search, hits: &mut Hits) -> Result<(), Trouble> {
    let text = search.text.as_str();
    let ids: Vec<Vec<u8>> =
        search.sources.iter().map(|source| hashes::of_event(source, text).to_vec()).collect();
    let sql = "SELECT content FROM @.known JOIN @.event USING (number) WHERE hash = ANY($1)";
    for row in rows.read(sql, &[(&ids as _, Type::BYTEA_ARRAY)]).await? {
        if let Some(event) = shown(row.try_get(0)?) {
            hits.add(event, |_| Some("event"));
        }
    }
    let mut conversations = Vec::from_iter(ConversationId::parse(text).ok());
    if let Some(document) = search.document() {
        let documents: Vec<Vec<u8>> = search
            .contact_centers
            .iter()
            .map(|contact_center| hashes::of_document(contact_center, &document).to_vec())
            .collect();
        let sql = "SELECT name FROM @.document WHERE hash = ANY($1)";
        for row in rows.read(sql, &[(&documents as _, Type::BYTEA_ARRAY)]).await? {
            let name: &str = row.try_get(0)?;
            conversations.push(json::<LaneKey>(name.as_bytes())?.conversation);
        }
    }
    let most = i64::try_from(OF_NAME).unwrap_or(i64::MAX);
    for conversation in conversations {
        let is = if conversation.as_str() == text { "conversation" } else { "document" };
        let hash = hashes::of_conversation(&conversation).cast_signed();
        let values = [(&hash as _, Type::INT8), (&most as _, Type::INT8)];
        let sql = "SELECT content FROM @.event WHERE conversation = $1 OR lane_conversation = $1
                   ORDER BY number DESC LIMIT $2";
        for row in rows.read(sql, &values).await? {
            // Two conversations may share a hash, and a lane may be another's.
            let is_it = |event: &EventRecord| {
                is != "conversation" || event.conversation.as_deref() == Some(text)
            };
            if let Some(event) = shown(row.try_get(0)?) {
                hits.add(event, |event| is_it(event).then_some(is));
            }
        }
    }
    Ok(())
}
