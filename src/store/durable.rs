//! Makes sled sync for real: overrides `sync_file_range` for the whole process, and proves that the override holds.
//!
//! sled 0.34.7 ends a flush in `sync_file_range`, which starts the write-out and waits for no disk: acknowledged
//! events would be lost in a power cut. Where the call answers ENOSYS, sled calls `File::sync_all` in its place, at the right
//! moment. This is the only file of the program that holds `unsafe`.
#![allow(unsafe_code, reason = "a C symbol is defined, called, and errno is written")]

use libc::{c_int, c_uint, off64_t};

/// Answers every call with ENOSYS, as a kernel without `sync_file_range` does.
///
/// The symbol stands before libc's for everything in the binary; sled is the only caller.
// SAFETY: the signature is libc's, and nothing else in the program defines the symbol.
#[unsafe(no_mangle)]
pub(super) extern "C" fn sync_file_range(_: c_int, _: off64_t, _: off64_t, _: c_uint) -> c_int {
    // SAFETY: `__errno_location` gives the calling thread's own errno, valid while the thread lives.
    unsafe { *libc::__errno_location() = libc::ENOSYS };
    -1
}

/// Whether `sync_file_range`, called as sled calls it, is answered with ENOSYS: by the override above, or by a
/// system call filter. The real one would say EBADF to this descriptor.
pub(super) fn syncs_for_real() -> bool {
    // SAFETY: no memory is passed, and -1 is no file.
    let answer = unsafe { libc::sync_file_range(-1, 0, 0, 0) };
    answer == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS)
}
