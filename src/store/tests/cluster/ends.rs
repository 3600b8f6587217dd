//! The end of a history: all that disturbs is over, and everything has to end.

use super::engine::Way;
use super::node::Node;
use super::steps::AnswerKind;
use super::world::Play;

/// So often the nodes get their turn when all goes well.
const PATIENCE: usize = 2_000;

impl Play {
    /// From now on all goes well: then everything ends.
    pub(super) fn calms_down(&self) {
        self.tell(|| "from now on all goes well".to_owned());
        let nodes = self.0.borrow().machines.len();
        for node in 0..nodes {
            self.goes_on(node);
            self.machine(node, |machine| {
                *machine.way.lock().unwrap() = Way::default();
                machine.cut = false;
            });
            self.starts(node);
        }
        self.database(|database| database.held = false);
        for _ in 0..PATIENCE {
            if self.breach().is_some() {
                return;
            }
            let (owed, next_at, now) =
                self.database(|database| (database.owed(), database.next_at(), database.now));
            let flies = !self.0.borrow().flying.is_empty();
            if owed == 0 && !flies {
                return self.concludes();
            }
            self.passes(u64::try_from(next_at - now).unwrap_or_default().clamp(301, 5_000));
            for node in 0..nodes {
                self.with(node, Node::keeps_up);
                self.with(node, Node::records);
                self.claims(node);
                let calls = self.machine(node, |machine| {
                    machine.node.as_ref().map_or(0, |node| node.calls.len())
                });
                for _ in 0..calls {
                    self.leaves(node, 0, Some(0));
                    self.answers(node, 0, AnswerKind::Well);
                }
            }
        }
        self.must(false, || "it never comes to rest".to_owned());
    }

    fn concludes(&self) {
        let taken: Vec<usize> = self.0.borrow().taken.iter().copied().collect();
        for number in taken {
            let id = format!("e{number}");
            let (rows, ended) = self.database(|database| {
                let rows = database.events.iter().filter(|(_, row)| row.content.id() == id);
                let rows: Vec<_> = rows.collect();
                let ended = rows.iter().all(|(_, row)| row.origin.end.is_some());
                (rows.len(), ended)
            });
            self.must(rows == 1, || format!("e{number} was taken, and is there {rows} times"));
            self.must(ended, || format!("e{number} was taken, and has not ended"));
        }
    }
}
