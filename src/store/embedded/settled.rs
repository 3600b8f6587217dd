//! The order of settling: read for whoever is told of it, and forgotten from its beginning once the events are.

use super::kept::Kept;
use super::retention::readable;
use super::{RowError, Rows};
use crate::store::changes::Change;
use crate::store::record;
use crate::store::records::RegisterRow;
use crate::store::request::Failed;
use crate::store::settled::{Changes, Cursor, FORGOTTEN, LOOKED_AT, READ};

pub(super) fn changes(kept: &Kept, after: Option<Cursor>, limit: usize) -> Result<Changes, Failed> {
    let rows = kept.rows()?;
    let Some(after) = after else {
        let last = rows.last_settled()?.map(Cursor::of_place);
        return Ok(Changes::none(last.unwrap_or_default().max(forgotten(&rows)?)));
    };
    let (mut events, mut cursor, mut read) = (Vec::new(), after, 0);
    // The last place whose event is forgotten before it.
    let mut gone = None;
    for (looked_at, (place, event)) in rows.settled(after.place() + 1).enumerate() {
        if events.len() == limit || looked_at == LOOKED_AT || read >= READ {
            break;
        }
        let found = match event {
            Ok(event) => rows.event_and_length(event),
            Err(error) => Err(error),
        };
        match found {
            Ok(Some(_)) if gone.is_some() => break,
            Ok(Some((row, length))) => {
                read += length;
                let event = record::event(row);
                if event.settled_at.is_some() {
                    events.push((Cursor::of_place(place), event));
                }
            }
            Err(RowError::Read(why)) => return Err(Failed::Write(why)),
            Ok(None) if after != Cursor::default() => {
                // What comes before it is told first.
                if !events.is_empty() {
                    break;
                }
                gone = Some(Cursor::of_place(place));
            }
            // One damaged row is not to hide the others.
            Ok(None) | Err(RowError::Corrupt(_) | RowError::Newer(_)) => {}
        }
        cursor = Cursor::of_place(place);
    }
    // Looked at last: what is forgotten meanwhile is not passed over in silence.
    let oldest = forgotten(&rows)?.max(gone.unwrap_or_default());
    if after != Cursor::default() && (after < oldest || !after.is_of_one_writer()) {
        return Ok(Changes::Forgotten { oldest });
    }
    Ok(Changes::Told { events, cursor })
}

/// The last place that is forgotten.
fn forgotten(rows: &Rows) -> Result<Cursor, Failed> {
    let row = rows.register(FORGOTTEN)?;
    Ok(row.map(|row| Cursor::of_register(&row)).unwrap_or_default())
}

/// Forgets places from the first on, up to the first whose event is kept: so one number says what is gone. Whether
/// there may be more.
pub(super) fn forget(rows: &Rows, most: usize, changes: &mut Vec<Change>) -> Result<bool, Failed> {
    let mut last = None;
    let mut count = 0;
    for (place, event) in rows.settled(0).take(most) {
        if let Some(event) = readable(event)?
            && readable(rows.index(event))?.flatten().is_some()
        {
            break;
        }
        changes.push(Change::Settled(place, None));
        (last, count) = (Some(place), count + 1);
    }
    if let Some(place) = last {
        let value = Cursor::of_place(place).to_string().into();
        changes.push(Change::Register(FORGOTTEN, RegisterRow { version: 1, value }));
    }
    Ok(count == most)
}
