//! The order of settling over several nodes, whose transactions commit in another order than that in which they began.
//!
//! A row's `position` is the greater of two numbers that the server gives: the id of the transaction that wrote it, and
//! the first id that no finished transaction had reached when it was written.
//!
//! A reader must not pass a place while a lower one may still appear. A transaction that runs has an id of at least the
//! snapshot's xmin, and gives positions of at least its id. So below xmin nothing can appear any more, and only what is
//! below it is read. The sequence alone would not do: a transaction may draw its number, and commit after another one
//! that drew a higher number. Nor would the id alone: one that began earlier may have waited for the lane of one that
//! began later, and would come before it. The second number is what puts it behind: what settles after another settling
//! was committed has a position that is as high, and of the same position the number decides, which is drawn when the
//! lanes are locked already.
//!
//! Where the database has no such numbers (`means = "plain"`), a row is written without a position, 0, and is not told;
//! now and then all that are there get the next one. That serializes, so a position that can be read has all lower ones
//! before it.
//!
//! A transaction that lasts long, whosever it is and in whatever database of the server, delays what is told while it
//! lasts.

use tokio_postgres::types::Type;

use super::parts::{Part, value};
use super::rows::{NUMBERS, Rows, json, read_row, shown, signed, text_of, unsigned};
use super::trouble::Trouble;
use crate::store::record;
use crate::store::records::{EventRow, RegisterRow};
use crate::store::settled::{Changes, Cursor, FORGOTTEN, READ};

/// How many places are read at a time.
const AT_ONCE: usize = 200;
/// How many are forgotten in one statement.
const FORGET: i64 = 500;

const INSERT: &str = "INSERT INTO @.settled (position, event)
    SELECT greatest(txid_current(), txid_snapshot_xmax(txid_current_snapshot())), event FROM unnest($1::int8[]) AS these (event)";

const CHANGES: &str =
    "SELECT settled.position, settled.number, event.content, event.row_version FROM @.settled LEFT JOIN @.event ON event.number = settled.event
    WHERE (settled.position, settled.number) > ($1, $2) AND settled.position < txid_snapshot_xmin(txid_current_snapshot())
    ORDER BY settled.position, settled.number LIMIT $3";

const END: &str = "SELECT position, number FROM @.settled
    WHERE position < txid_snapshot_xmin(txid_current_snapshot()) ORDER BY position DESC, number DESC LIMIT 1";

const INSERT_UNPLACED: &str = "INSERT INTO @.settled (position, event) SELECT 0, event FROM unnest($1::int8[]) AS these (event)";

const PLACED: &str =
    "SELECT settled.position, settled.number, event.content, event.row_version FROM @.settled
    LEFT JOIN @.event ON event.number = settled.event
    WHERE settled.position > 0 AND (settled.position, settled.number) > ($1, $2)
    ORDER BY settled.position, settled.number LIMIT $3";

const LAST_PLACED: &str = "SELECT position, number FROM @.settled
    WHERE position > 0 ORDER BY position DESC, number DESC LIMIT 1";

const OLDEST_PLACED: &str = "SELECT position, number,
    EXISTS (SELECT FROM @.event WHERE event.number = settled.event) FROM @.settled
    WHERE position > 0 ORDER BY position, number LIMIT $1";

/// From the first place on, up to the first whose event is kept: so one cursor says what is gone.
/// One node after the other, by the row that they note it in.
const FORGET_SETTLED: &str =
    "WITH turn AS (SELECT FROM @.register WHERE name = $2 FOR UPDATE),
    oldest AS (SELECT position, number, EXISTS (SELECT FROM @.event WHERE event.number = settled.event) AS kept
    FROM @.settled WHERE position < txid_snapshot_xmin(txid_current_snapshot()) AND (SELECT count(*) FROM turn) >= 0
    ORDER BY position, number LIMIT $1),
    gone AS (DELETE FROM @.settled USING oldest WHERE settled.position = oldest.position AND settled.number = oldest.number
    AND NOT EXISTS (SELECT FROM oldest AS first WHERE first.kept
    AND (first.position, first.number) <= (oldest.position, oldest.number)) RETURNING settled.position, settled.number),
    noted AS (INSERT INTO @.register (name, version, value) SELECT $2, 1, '\"' || position || '-' || number || '\"' FROM gone
    ORDER BY position DESC, number DESC LIMIT 1 ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value)
    SELECT count(*) FROM gone";

/// Writes the order in which events settle; when all lanes of its transaction are locked.
pub(super) fn settled_part<'a>(settled: &[u64], is_plain: bool) -> Option<Part<'a>> {
    let events: Vec<i64> = settled.iter().map(|event| signed(*event)).collect();
    let sql = if is_plain { INSERT_UNPLACED } else { INSERT };
    (!settled.is_empty()).then(|| Part::new(sql, vec![value(events, NUMBERS)]))
}

impl Rows<'_> {
    /// Forgets places whose events are forgotten; whether there may be more.
    pub(super) async fn forget_settled(&self) -> Result<bool, Trouble> {
        if self.schema.is_plain {
            return self.forget_placed().await;
        }
        let values = [(&FORGET as _, Type::INT8), (&FORGOTTEN as _, Type::TEXT)];
        let gone = self.read(FORGET_SETTLED, &values).await?;
        let gone = gone.first().map(|row| row.try_get::<_, i64>(0)).transpose()?;
        Ok(gone == Some(FORGET))
    }

    /// Gives what has settled without a place the next position.
    pub(super) async fn place_settled(&self) -> Result<(), Trouble> {
        let waiting = "SELECT FROM @.settled WHERE position = 0 LIMIT 1";
        if self.read(waiting, &[]).await?.is_empty() {
            return Ok(());
        }
        self.run("BEGIN ISOLATION LEVEL SERIALIZABLE").await?;
        let (forgotten, last) = self.bounds().await?;
        let next = signed(last.max(forgotten.place()) + 1);
        let sql = "UPDATE @.settled SET position = $1 WHERE position = 0";
        self.write(sql, &[(&next as _, Type::INT8)]).await?;
        self.run("COMMIT").await
    }

    /// [`Rows::forget_settled`] in statements that change one table each.
    async fn forget_placed(&self) -> Result<bool, Trouble> {
        self.run("BEGIN ISOLATION LEVEL SERIALIZABLE").await?;
        let oldest = self.read(OLDEST_PLACED, &[(&FORGET as _, Type::INT8)]).await?;
        let (mut gone, mut last) = (0, None);
        for row in &oldest {
            if row.try_get(2)? {
                break;
            }
            (gone, last) = (gone + 1, Some(place_of(row)?));
        }
        if let Some(last) = last {
            let (position, number) = (signed(last.place()), signed(last.number()));
            let place = [(&position as _, Type::INT8), (&number as _, Type::INT8)];
            let sql = "DELETE FROM @.settled WHERE position > 0 AND (position, number) <= ($1, $2)";
            self.write(sql, &place).await?;
            let value = text_of(&format!("{position}-{number}"));
            let sql = "INSERT INTO @.register (name, version, value) VALUES ($1, 1, $2)
                       ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value";
            self.write(sql, &[(&FORGOTTEN as _, Type::TEXT), (&value as _, Type::TEXT)]).await?;
        }
        self.run("COMMIT").await?;
        Ok(gone == FORGET)
    }

    /// What settled after a place.
    pub(super) async fn changes(
        &self,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Changes, Trouble> {
        let Some(after) = after else {
            let end = if self.schema.is_plain { LAST_PLACED } else { END };
            let found = self.read(end, &[]).await?;
            let last = found.first().map(place_of).transpose()?;
            let (forgotten, _) = self.bounds().await?;
            return Ok(Changes::none(last.unwrap_or_default().max(forgotten)));
        };
        let (mut events, mut cursor, mut read) = (Vec::new(), after, 0);
        // The last place whose event is forgotten before it.
        let mut gone = None;
        let changes = if self.schema.is_plain { PLACED } else { CHANGES };
        let wanted = limit.min(AT_ONCE);
        let many = i64::try_from(wanted).unwrap_or(i64::MAX);
        let (position, number) = (signed(after.place()), signed(after.number()));
        let values =
            [(&position as _, Type::INT8), (&number as _, Type::INT8), (&many as _, Type::INT8)];
        for row in self.read(changes, &values).await? {
            if read >= READ {
                break;
            }
            let place = place_of(&row)?;
            let Some(content) = row.try_get::<_, Option<&[u8]>>(2)? else {
                // What comes before it is told first.
                if !events.is_empty() && after != Cursor::default() {
                    break;
                }
                (cursor, gone) = (place, Some(place).filter(|_| after != Cursor::default()));
                continue;
            };
            if gone.is_some() {
                break;
            }
            // What only a newer program can read is not passed over.
            match read_row::<EventRow>(content, row.try_get(3)?) {
                Err(newer @ Trouble::Newer(_)) if cursor == after => return Err(newer),
                Err(Trouble::Newer(_)) => break,
                _ => cursor = place,
            }
            read += content.len();
            // One that is replayed has no last state.
            let event = shown(content).map(record::event);
            let event = event.filter(|event| event.settled_at.is_some());
            events.extend(event.map(|event| (cursor, event)));
        }
        // Looked at last: what is forgotten meanwhile is not passed over in silence.
        let (forgotten, end) = self.bounds().await?;
        let oldest = forgotten.max(gone.unwrap_or_default());
        let is_foreign = after.is_of_one_writer() || after.place() > end;
        if after != Cursor::default() && (after < oldest || is_foreign) {
            return Ok(Changes::Forgotten { oldest });
        }
        Ok(Changes::Told { events, cursor })
    }

    /// The last place that is forgotten, and a position that none can have passed.
    async fn bounds(&self) -> Result<(Cursor, u64), Trouble> {
        let sql = if self.schema.is_plain {
            "SELECT (SELECT coalesce(max(position), 0) FROM @.settled), (SELECT value FROM @.register WHERE name = $1)"
        } else {
            "SELECT txid_snapshot_xmax(txid_current_snapshot()), (SELECT value FROM @.register WHERE name = $1)"
        };
        let found = self.read(sql, &[(&FORGOTTEN as _, Type::TEXT)]).await?;
        let Some(row) = found.first() else { return Ok((Cursor::default(), u64::MAX)) };
        let value: Option<&str> = row.try_get(1)?;
        let value = value.map(|value| json(value.as_bytes())).transpose()?.unwrap_or_default();
        let forgotten = Cursor::of_register(&RegisterRow { version: 1, value });
        // Where all places are forgotten, the last of them is the end.
        let end = unsigned(row.try_get(0)?);
        let end = if self.schema.is_plain { end.max(forgotten.place()) } else { end };
        Ok((forgotten, end))
    }
}

fn place_of(row: &tokio_postgres::Row) -> Result<Cursor, Trouble> {
    Ok(Cursor::new(unsigned(row.try_get(0)?), unsigned(row.try_get(1)?)))
}
