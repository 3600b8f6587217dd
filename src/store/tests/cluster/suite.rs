//! The engine of the model as one store's: its database's clock is the store's, and what is over is forgotten.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use super::super::*;
use super::database::Database;
use super::engine::Memory;
use super::reader::MemoryReader;
use crate::store::engine::{Decide, Engine, Reader, Upkeep};
use crate::store::group::{Outcomes, Terms};

/// How often it forgets, in milliseconds.
const FORGET_MS: u64 = 5_000;

/// A database of the model that may be opened again and again.
#[derive(Clone)]
pub(in crate::store::tests) struct Memories(Arc<Mutex<Database>>);

impl Default for Memories {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Database::new(NOON, true, None))))
    }
}

impl Memories {
    /// Takes over what another holds.
    pub(in crate::store::tests) fn take_from(&self, other: &Self) {
        let copy = other.0.lock().unwrap().clone();
        *self.0.lock().unwrap() = copy;
    }
}

/// An engine over a database, as of a node that has just started, and what reads beside it. Events and bodies are kept
/// for so long.
pub(in crate::store::tests) fn over_memory(
    Memories(database): &Memories,
    kept_ms: [u64; 2],
) -> (Box<dyn Engine>, Arc<dyn Reader>) {
    static RUNS: AtomicU32 = AtomicU32::new(1);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    database.lock().unwrap().read_anew();
    let memory = Memory::new(Arc::clone(database), Arc::default(), 0, run);
    let (database, closed) = (Arc::clone(database), Arc::<AtomicBool>::default());
    let reader = MemoryReader { database: Arc::clone(&database), closed: Arc::clone(&closed) };
    (Box::new(Kept { memory, forgot: None, database, closed, kept_ms }), Arc::new(reader))
}

struct Kept {
    memory: Memory,
    forgot: Option<UnixMillis>,
    database: Arc<Mutex<Database>>,
    closed: Arc<AtomicBool>,
    kept_ms: [u64; 2],
}

impl Engine for Kept {
    fn group(&mut self, terms: &Terms, decide: &mut Decide<'_>) -> Result<Outcomes, Failed> {
        self.database.lock().unwrap().now = terms.now.0;
        self.memory.group(terms, decide)
    }

    fn parked_lanes(&mut self) -> Result<Vec<Arc<LaneKey>>, Failed> {
        self.memory.parked_lanes()
    }

    fn upkeep(&mut self, now: UnixMillis) -> Result<Upkeep, Failed> {
        self.database.lock().unwrap().now = now.0;
        let upkeep = self.memory.upkeep(now)?;
        if !self.forgot.is_some_and(|last| now >= last && now.since(last) < FORGET_MS) {
            self.forgot = Some(now);
            let [events, bodies] = self.kept_ms.map(|kept| now.minus(kept));
            self.database.lock().unwrap().forget(events, bodies);
        }
        Ok(upkeep)
    }

    fn close(self: Box<Self>) {
        self.closed.store(true, Ordering::Relaxed);
    }
}
