//! The end of a history: all that disturbs is over, and everything has to end.

use super::engine::Way;
use super::node::Node;
use super::steps::AnswerKind;
use super::world::Play;

/// So often the nodes get their turn when all goes well, at least so many milliseconds after each other.
const PATIENCE: (usize, u64) = (2_000, 301);
/// The same over a server, whom each turn takes its time.
const OVER_SERVER: (usize, u64) = (60, 2_000);

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
        let over_server = self.0.borrow().server.is_some();
        let (turns, apart) = if over_server { OVER_SERVER } else { PATIENCE };
        for _ in 0..turns {
            if self.breach().is_some() {
                return;
            }
            let (owed, next_at, now) =
                self.database(|database| (database.owed(), database.next_at(), database.now));
            let flies = !self.0.borrow().flying.is_empty();
            if owed == 0 && !flies {
                return self.concludes();
            }
            self.passes(u64::try_from(next_at - now).unwrap_or_default().clamp(apart, 5_000));
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
