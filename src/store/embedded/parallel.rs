//! Work over many pieces, on as many threads as the machine has processors; what comes of them is taken in their order.

#![expect(clippy::disallowed_methods, reason = "the store is opened beside the runtime")]

use std::sync::mpsc::sync_channel;
use std::thread;

/// More threads than these wait for the one that takes.
const MOST_THREADS: usize = 4;

/// Does `work` for each piece, on several threads, and hands what comes of it to `take`, in the order of the pieces.
/// Little more than a piece for each thread is held at a time.
pub(super) fn each<P: Sync, R: Send, E>(
    pieces: &[P],
    work: impl Fn(&P) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..threads)
            .map(|first| {
                let (done, results) = sync_channel(1);
                scope.spawn(move || {
                    let own = pieces.iter().skip(first).step_by(threads);
                    // Where nothing more is taken, nothing more is done.
                    own.map(work).find_map(|result| done.send(result).err());
                });
                results
            })
            .collect();
        let mut turns = workers.iter().cycle();
        while let Some(result) = turns.next().and_then(|results| results.recv().ok()) {
            take(result)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_taken_in_the_order_of_the_pieces() {
        let pieces: Vec<u64> = (0..1_000).collect();
        let mut taken = Vec::new();
        let done: Result<(), ()> = each(
            &pieces,
            |piece| piece * 2,
            |doubled| {
                taken.push(doubled);
                Ok(())
            },
        );
        assert_eq!(done, Ok(()));
        assert_eq!(taken, pieces.iter().map(|piece| piece * 2).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_error_ends_it() {
        let pieces: Vec<u64> = (0..1_000).collect();
        let mut taken = 0;
        let done = each(
            &pieces,
            |piece| *piece,
            |piece| {
                taken += 1;
                if piece == 7 { Err(piece) } else { Ok(()) }
            },
        );
        assert_eq!((done, taken), (Err(7), 8));
    }
}
