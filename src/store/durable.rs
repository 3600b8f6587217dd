//! Makes sled sync for real: overrides `sync_file_range` for the whole process, and proves that the override holds.
//!
//! sled 0.34.7 ends a write to its log in `sync_file_range`, which starts the write-out and waits for no disk: acknowledged
//! events would be lost in a power cut. The override does what is needed in its place, at the same moment: `fsync`.
//!
//! sled writes a batch as two buffers side by side: a manifest of 24 bytes, and the records. Two `fsync`s of one file wait
//! for each other, so the manifest waits for the sync of the records: one that begins after the manifest is written holds it
//! too. No call comes back before an `fsync` that began after it.
//!
//! This is the only file of the program that holds `unsafe`.
#![allow(unsafe_code, reason = "a C symbol is defined and called, and errno is written")]

use std::collections::BTreeMap;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use libc::{c_int, c_uint, off64_t};

use crate::clock;

/// A buffer with nothing but a batch's manifest, in bytes.
const MANIFEST: off64_t = 24;

/// How long a manifest waits for the sync of its records. It mostly follows within some ten microseconds.
const PATIENCE: Duration = Duration::from_micros(300);

/// The syncs of each file, by descriptor.
static ROUNDS: Mutex<BTreeMap<c_int, Rounds>> = Mutex::new(BTreeMap::new());
static ENDED: Condvar = Condvar::new();

/// Syncs are numbered in the order in which they begin.
#[derive(Debug, Clone, Copy, Default)]
struct Rounds {
    begun: u64,
    /// How many are going on.
    active: u32,
    /// The latest that ended well.
    done: u64,
    /// The latest that failed.
    failed: u64,
}

/// Syncs the whole file, whatever the range.
///
/// The symbol stands before libc's for everything in the binary; sled is the only caller. A descriptor that is none is
/// answered with ENOSYS: that is how the override is known.
// SAFETY: the signature is libc's, and nothing else in the program defines the symbol.
#[unsafe(no_mangle)]
pub(super) extern "C" fn sync_file_range(
    file: c_int,
    _: off64_t,
    bytes: off64_t,
    _: c_uint,
) -> c_int {
    if file < 0 {
        return fails_with(libc::ENOSYS);
    }
    let synced = if bytes == MANIFEST { with_the_records(file, PATIENCE) } else { sync(file) };
    match synced {
        Ok(()) => 0,
        Err(error) => fails_with(error.raw_os_error().unwrap_or(libc::EIO)),
    }
}

/// Whether `sync_file_range`, called as sled calls it, is answered by the override above. The real one would say EBADF to
/// this descriptor.
pub(super) fn syncs_for_real() -> bool {
    // SAFETY: no memory is passed, and -1 is no file.
    let answer = unsafe { libc::sync_file_range(-1, 0, 0, 0) };
    answer == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS)
}

/// Waits for a sync that begins from now on; makes one if none comes, or if the records have overtaken the manifest.
fn with_the_records(file: c_int, patience: Duration) -> io::Result<()> {
    let until = clock::instant() + patience;
    let mut rounds = rounds();
    let found = *rounds.entry(file).or_default();
    if found.active > 0 {
        drop(rounds);
        return sync(file);
    }
    let next = found.begun + 1;
    loop {
        let Rounds { begun, active: _, done, failed } =
            rounds.get(&file).copied().unwrap_or_default();
        if done >= next {
            return Ok(());
        }
        if failed >= next {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        let left = until.saturating_duration_since(clock::instant());
        if left.is_zero() && begun < next {
            drop(rounds);
            return sync(file);
        }
        // One that has begun is waited for as long as it takes.
        let left = if begun < next { left } else { Duration::from_secs(1) };
        rounds = ENDED.wait_timeout(rounds, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn sync(file: c_int) -> io::Result<()> {
    let round = {
        let mut rounds = rounds();
        let rounds = rounds.entry(file).or_default();
        rounds.begun += 1;
        rounds.active += 1;
        rounds.begun
    };
    // SAFETY: no memory is passed; the caller holds the file open.
    let answer = unsafe { libc::fsync(file) };
    let synced = if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    let mut rounds = rounds();
    let rounds = rounds.entry(file).or_default();
    rounds.active = rounds.active.saturating_sub(1);
    let latest = if synced.is_ok() { &mut rounds.done } else { &mut rounds.failed };
    *latest = round.max(*latest);
    ENDED.notify_all();
    synced
}

fn rounds() -> MutexGuard<'static, BTreeMap<c_int, Rounds>> {
    ROUNDS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fails_with(errno: c_int) -> c_int {
    // SAFETY: `__errno_location` gives the calling thread's own errno, valid while the thread lives.
    unsafe { *libc::__errno_location() = errno };
    -1
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn begun(file: c_int) -> u64 {
        rounds().get(&file).copied().unwrap_or_default().begun
    }

    /// A manifest that waits already; the descriptor may have been another file's before.
    fn waiting_manifest(file: c_int) -> std::thread::JoinHandle<io::Result<()>> {
        rounds().remove(&file);
        let manifest = std::thread::spawn(move || with_the_records(file, LONG));
        while !rounds().contains_key(&file) {
            std::thread::yield_now();
        }
        manifest
    }

    #[test]
    fn the_override_is_in_place() {
        assert!(syncs_for_real());
    }

    #[test]
    fn a_manifest_and_its_records_are_one_sync() {
        let file = tempfile::tempfile().unwrap();
        let manifest = waiting_manifest(file.as_raw_fd());
        assert_eq!(sync_file_range(file.as_raw_fd(), 24, 2_605, 0), 0);
        manifest.join().unwrap().unwrap();
        assert_eq!(begun(file.as_raw_fd()), 1);
    }

    #[test]
    fn a_sync_that_began_before_a_manifest_does_not_count_for_it() {
        let file = tempfile::tempfile().unwrap();
        let number = file.as_raw_fd();
        rounds().insert(number, Rounds { begun: 1, active: 1, ..Rounds::default() });
        with_the_records(number, LONG).unwrap();
        assert_eq!(begun(number), 2, "the records have overtaken it");
        rounds().insert(number, Rounds { begun: 2, done: 2, ..Rounds::default() });
        with_the_records(number, Duration::ZERO).unwrap();
        assert_eq!(begun(number), 3, "they were synced before it");
    }

    #[test]
    fn a_manifest_without_records_is_synced_by_itself() {
        let file = tempfile::tempfile().unwrap();
        rounds().remove(&file.as_raw_fd());
        assert_eq!(sync_file_range(file.as_raw_fd(), 0, MANIFEST, 0), 0);
        assert_eq!(begun(file.as_raw_fd()), 1);
    }

    #[test]
    fn a_sync_that_fails_fails_whoever_waits_for_it() {
        let pipe = io::pipe().unwrap();
        let manifest = waiting_manifest(pipe.1.as_raw_fd());
        assert_eq!(sync_file_range(pipe.1.as_raw_fd(), 24, 2_605, 0), -1, "no pipe can be synced");
        assert!(manifest.join().unwrap().is_err());
    }
}
