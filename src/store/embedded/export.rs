//! Reads a whole store out, for another engine. A row that is damaged is left out, and logged.

use std::path::Path;
use std::sync::Arc;

use super::view::{read_events, restore_lane};
use super::{Embedded, RowError, Rows, open};
use crate::routing::LaneKey;
use crate::store::changes::Change;
use crate::store::engine::Engine as _;
use crate::store::group::Found;
use crate::store::lane::Lane;
use crate::store::records::Class;
use crate::store::request::Failed;
use crate::store::settings::Settings;

/// How many rows are given at a time.
const AT_ONCE: usize = 500;

/// Some rows: what is to be written, and lanes with their entries.
#[derive(Default)]
pub(in crate::store) struct Piece {
    pub(in crate::store) changes: Vec<Change>,
    pub(in crate::store) lanes: Vec<(Arc<LaneKey>, Arc<Lane>)>,
    /// The first number that is free.
    pub(in crate::store) next_number: u64,
}

/// Gives all rows of the store in that folder, until `give` wants no more; the store stays as it is.
///
/// # Errors
/// Why the store cannot be opened or read.
pub(in crate::store) fn export(path: &Path, give: impl FnMut(Piece) -> bool) -> Result<(), String> {
    if !path.join("db").exists() {
        return Err(format!("{} holds no store", path.display()));
    }
    let settings = Settings { path: path.to_owned(), ..Settings::default() };
    let opened = open::open(&settings, &Arc::default()).map_err(|error| error.to_string())?;
    let engine = opened.engine;
    let given = Export { engine: &engine, give }.all();
    Box::new(engine).close();
    given.map_err(|failed| failed.to_string())
}

struct Export<'a, G> {
    engine: &'a Embedded,
    give: G,
}

impl<G: FnMut(Piece) -> bool> Export<'_, G> {
    fn all(mut self) -> Result<(), Failed> {
        let rows = self.engine.database.rows.clone();
        let _ = self.events(&rows)? && self.bodies(&rows) && self.lanes(&rows)?;
        Ok(())
    }

    /// Whether more is wanted.
    fn give(&mut self, piece: Piece) -> bool {
        let next_number = self.engine.next_number;
        (self.give)(Piece { next_number, ..piece })
    }

    fn events(&mut self, rows: &Rows) -> Result<bool, Failed> {
        let mut piece = Piece::default();
        for found in rows.indexes(0..u64::MAX) {
            let Some((number, index)) = intact(found.map_err(|(_, error)| error))? else {
                continue;
            };
            if index.class != Class::Request {
                let Some(row) = intact(rows.event(number))?.flatten() else { continue };
                piece.changes.push(Change::Event(number, Box::new(row)));
            }
            piece.changes.push(Change::Index(number, index));
            if piece.changes.len() >= AT_ONCE && !self.give(std::mem::take(&mut piece)) {
                return Ok(false);
            }
        }
        Ok(self.give(piece))
    }

    fn bodies(&mut self, rows: &Rows) -> bool {
        let mut piece = Piece::default();
        for (number, body) in rows.bodies(0) {
            let Ok(body) = body else { continue };
            piece.changes.push(Change::Body(number, Some(body)));
            if piece.changes.len() >= AT_ONCE && !self.give(std::mem::take(&mut piece)) {
                return false;
            }
        }
        self.give(piece)
    }

    fn lanes(&mut self, rows: &Rows) -> Result<bool, Failed> {
        let mut piece = Piece::default();
        for row in rows.lanes() {
            let Some(row) = intact(row)? else { continue };
            let key = Arc::new(row.key.clone());
            for document in row.documents {
                let lane = Some(row.key.clone());
                piece.changes.push(Change::Document(
                    row.key.contact_center.clone(),
                    document,
                    lane,
                ));
            }
            let numbers = self.engine.kept.index().open_in(&key);
            let Found { lane, .. } = restore_lane(rows, &key, read_events(rows, &numbers)?)?;
            piece.lanes.push((key, lane));
            if piece.lanes.len() >= AT_ONCE && !self.give(std::mem::take(&mut piece)) {
                return Ok(false);
            }
        }
        Ok(self.give(piece))
    }
}

/// A row, none where it is damaged.
fn intact<T>(found: Result<T, RowError>) -> Result<Option<T>, Failed> {
    match found {
        Ok(row) => Ok(Some(row)),
        Err(RowError::Read(why)) => Err(Failed::Write(why)),
        Err(error @ (RowError::Corrupt(_) | RowError::Newer(_))) => {
            tracing::error!(%error, "a damaged row is left out");
            Ok(None)
        }
    }
}
