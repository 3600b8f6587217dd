//! What the writer does before it serves: reads lanes, puts calls in doubt that were in flight, and buries what is damaged.

use std::sync::Arc;

use super::Writer;
use crate::routing::{Ended, Entry, Input, LaneKey, Outcome, Reason, Story};
use crate::store::lane::{Lane, Loaded};
use crate::store::layout::{self, Prefix};
use crate::store::pack;
use crate::store::request::Failed;
use crate::store::row::RowError;
use crate::store::rows::{EntryRow, Origin, StoryRow, decode};
use crate::store::shelf;

/// How many lanes or events are looked at between commits.
const AT_ONCE: usize = 256;

impl Writer {
    /// Takes up every lane that owes calls. Returns how many calls were in flight when the process stopped.
    pub(in crate::store) fn recover(&mut self, lanes: &[Arc<LaneKey>]) -> Result<usize, Failed> {
        let mut in_doubt = 0;
        for some in lanes.chunks(AT_ONCE) {
            for lane in some {
                self.group.touched(lane);
                let in_flight: Vec<_> = self
                    .load(lane)?
                    .conversation
                    .entries()
                    .filter(|entry| entry.stage.is_in_flight())
                    .map(|entry: &Entry| entry.id)
                    .collect();
                in_doubt += in_flight.len();
                for entry in in_flight {
                    let at = (self.terms.now)();
                    self.decide(lane, Input::Recovered { entry, at })?;
                }
            }
            self.commit()?;
        }
        Ok(in_doubt)
    }

    /// Makes dead letters of the events whose conversation cannot be read, and clears away what held it. Walks all events.
    pub(in crate::store) fn bury_orphans(&mut self) -> Result<(), Failed> {
        let rows = self.rows.clone();
        for found in rows.scan(Prefix::Event) {
            let seqs = match found.and_then(|(key, row)| pack::seqs(&key, &row.content)) {
                Ok(seqs) => seqs,
                Err(RowError::Read(why)) => return Err(Failed::Write(why)),
                Err(RowError::Corrupt(_) | RowError::Newer(_)) => continue,
            };
            for seq in seqs {
                if !self.shared.ledger().is_live(seq) && !rows.has(&layout::story(seq))? {
                    let damage = RowError::Corrupt("of its conversation".to_owned());
                    self.bury(seq, Story::default(), &damage);
                }
            }
            if self.group.records() >= AT_ONCE {
                self.commit()?;
            }
        }
        self.forget_entries_of_nobody()?;
        for key in rows.damaged(Prefix::Conversations)? {
            let chunks = rows.chunks(&key)?;
            self.group.changes.remove(&key, 0, chunks);
        }
        self.forget_lost_documents()?;
        self.commit()
    }

    /// Clears away the rows of entries that are in no conversation.
    fn forget_entries_of_nobody(&mut self) -> Result<(), Failed> {
        let rows = self.rows.clone();
        let keys = rows.scan(Prefix::Entry).filter_map(|found| found.ok().map(|(key, _)| key));
        for key in keys.chain(rows.damaged(Prefix::Entry)?) {
            let has_entry =
                layout::seq_in(&key).is_some_and(|seq| self.shared.ledger().has_entry(seq));
            if !has_entry {
                let chunks = rows.chunks(&key)?;
                self.group.changes.remove(&key, 0, chunks);
            }
        }
        Ok(())
    }

    /// Clears away what says of a document that its lane is one that is not there.
    fn forget_lost_documents(&mut self) -> Result<(), Failed> {
        let rows = self.rows.clone();
        for found in rows.scan(Prefix::Document) {
            let lane = found.and_then(|(key, row)| {
                let lane = decode::<LaneKey>(&key, &row.content)?;
                Ok((key, row.chunks, lane))
            });
            match lane {
                Ok((key, chunks, lane))
                    if self.shared.ledger().shelves.pack_of(&lane).is_none() =>
                {
                    self.group.changes.remove(&key, 0, chunks);
                }
                Ok(_) | Err(RowError::Corrupt(_) | RowError::Newer(_)) => {}
                Err(RowError::Read(why)) => return Err(Failed::Write(why)),
            }
            if self.group.records() >= AT_ONCE {
                self.commit()?;
            }
        }
        for key in rows.damaged(Prefix::Document)? {
            let chunks = rows.chunks(&key)?;
            self.group.changes.remove(&key, 0, chunks);
        }
        Ok(())
    }

    /// Forgets conversations that moved into a lane which is not there: they begin anew.
    pub(in crate::store) fn forget_strays(
        &mut self,
        strays: &[Arc<LaneKey>],
    ) -> Result<(), Failed> {
        strays.iter().for_each(|stray| self.group.forgets(stray));
        self.commit()
    }

    /// The lane, read if need be. Damage costs the events that it hits, which become dead letters, and no others.
    pub(super) fn load(&mut self, key: &Arc<LaneKey>) -> Result<&mut Lane, Failed> {
        if self.cache.get_mut(key).is_none() {
            let lane = match self.read(key) {
                Ok(Loaded { lane, lost }) => {
                    for (entry, damage) in lost {
                        self.forget_row_of(entry.id.0)?;
                        self.lose(entry, &damage)?;
                        self.group.changed(key);
                    }
                    lane
                }
                Err(RowError::Read(why)) => return Err(Failed::Write(why)),
                Err(damage @ (RowError::Corrupt(_) | RowError::Newer(_))) => {
                    let owed = self.shared.ledger().live_of(key);
                    for seq in owed {
                        self.forget_row_of(seq)?;
                        self.bury(seq, Story::default(), &damage);
                    }
                    self.group.changed(key);
                    Lane::default()
                }
            };
            self.cache.insert(Arc::clone(key), lane);
        }
        Ok(self.cache.get_mut(key).expect("it was held or has just been inserted"))
    }

    /// Removes an entry's own row, if it has one.
    fn forget_row_of(&mut self, seq: u64) -> Result<(), Failed> {
        let key = layout::entry(seq);
        let chunks = self.rows.chunks(&key)?;
        self.group.changes.remove(&key, 0, chunks);
        Ok(())
    }

    fn read(&self, key: &LaneKey) -> Result<Loaded, RowError> {
        let pack = self.shared.ledger().shelves.pack_of(key);
        let row = pack.map(|pack| shelf::read(&self.rows, pack, key)).transpose()?.flatten();
        Lane::load(&self.rows, key, row.unwrap_or_default())
    }

    /// An entry whose event cannot be read any more.
    fn lose(&mut self, entry: EntryRow, damage: &RowError) -> Result<(), Failed> {
        let seq = entry.id.0;
        let Some(Ended { outcome, reason, at }) = entry.ended else {
            self.bury(seq, entry.story, damage);
            return Ok(());
        };
        tracing::error!(entry = seq, error = %damage, "the store holds a damaged row; the card of its event is watched no more");
        let Origin { by, earlier, .. } = entry.origin;
        let story = entry.story;
        let row = StoryRow { outcome, reason, settled_at: at, story, by, earlier };
        self.amend_story(seq, &row)?;
        self.shared.ledger().note_damage();
        Ok(())
    }

    fn bury(&mut self, seq: u64, story: Story, damage: &RowError) {
        tracing::error!(entry = seq, error = %damage, "the store holds a damaged row; its event is now a dead letter");
        let row = StoryRow {
            outcome: Outcome::Dead,
            reason: Reason::with("damaged_row", damage),
            settled_at: (self.terms.now)(),
            story,
            by: None,
            earlier: Vec::new(),
        };
        self.put_story(seq, &row);
        let mut ledger = self.shared.ledger();
        ledger.drop_live(seq);
        ledger.note_damage();
    }
}
