//! Makes sled sync for real: overrides `sync_file_range` for the whole process, and proves that the override holds.
//!
//! sled 0.34.7 ends a write to its log in `sync_file_range`, which starts the write-out and waits for no disk:
//! acknowledged events would be lost in a power cut. The override does what is needed in its place, at the same moment:
//! `fsync`.
//!
//! This is the only file of the program that holds `unsafe`.
#![allow(unsafe_code, reason = "a C symbol is defined and called, and errno is written")]

use std::io;

use libc::{c_int, c_uint, off64_t};

/// Syncs the whole file, whatever the range.
///
/// The symbol stands before libc's for everything in the binary; sled is the only caller. A descriptor that is none is
/// answered with ENOSYS: that is how the override is known.
// SAFETY: the signature is libc's, and nothing else in the program defines the symbol.
#[unsafe(no_mangle)]
pub(super) extern "C" fn sync_file_range(file: c_int, _: off64_t, _: off64_t, _: c_uint) -> c_int {
    if file < 0 {
        return fails_with(libc::ENOSYS);
    }
    // SAFETY: no memory is passed; the caller holds the file open. It leaves errno as the caller is to find it.
    unsafe { libc::fsync(file) }
}

/// Whether `sync_file_range`, called as sled calls it, is answered by the override above. The real one would say EBADF
/// to this descriptor.
pub(super) fn syncs_for_real() -> bool {
    // SAFETY: no memory is passed, and -1 is no file.
    let answer = unsafe { libc::sync_file_range(-1, 0, 0, 0) };
    answer == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS)
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

    #[test]
    fn the_override_is_in_place() {
        assert!(syncs_for_real());
    }

    #[test]
    fn a_file_is_synced_and_what_cannot_be_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(sync_file_range(file.as_raw_fd(), 24, 2_605, 0), 0);
        let pipe = io::pipe().unwrap();
        assert_eq!(sync_file_range(pipe.1.as_raw_fd(), 24, 2_605, 0), -1, "no pipe can be synced");
        assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EINVAL));
    }
}
