//! How much room the disk has. Intake stops before it is full, because a write error costs a restart and a full disk
//! would keep what was accepted from being settled. It only looks; it never frees anything.

#![expect(clippy::disallowed_methods, reason = "the store's own threads, and what opens it")]

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::clock;

/// How old a look may be.
const AGE: Duration = Duration::from_secs(1);

/// What is free on the store's disk, and what has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Space {
    /// In bytes, for this user.
    pub(crate) free: u64,
    /// In bytes.
    pub(crate) floor: u64,
}

impl Default for Space {
    fn default() -> Self {
        Self { free: u64::MAX, floor: 0 }
    }
}

impl Space {
    /// Whether nothing new is taken.
    #[must_use]
    pub(crate) const fn is_short(&self) -> bool {
        self.free < self.floor
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { free, floor } = self;
        if self.is_short() {
            write!(
                f,
                "the disk of [store] path has {free} bytes free, less than free_space_floor ({floor}); nothing new is taken \
                 until it has more"
            )
        } else {
            write!(f, "the disk of [store] path has {free} bytes free")
        }
    }
}

/// Looks at the disk, now and then.
#[derive(Debug)]
pub(super) struct SpaceWatch {
    path: PathBuf,
    floor: u64,
    looked_at: Option<Instant>,
}

impl SpaceWatch {
    pub(super) fn new(path: &Path, floor: u64) -> Self {
        Self { path: path.to_owned(), floor, looked_at: None }
    }

    /// What is free, if it is time to look again. Where that cannot be read, there is room.
    pub(super) fn look(&mut self) -> Option<Space> {
        let now = clock::instant();
        if self.looked_at.is_some_and(|at| now.duration_since(at) < AGE) {
            return None;
        }
        self.looked_at = Some(now);
        let free = rustix::fs::statvfs(&self.path)
            .map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        Some(Space { free, floor: self.floor })
    }
}
