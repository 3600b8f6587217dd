//! The lines on their way to stdout: a bounded queue and the one thread that writes. Whoever logs never waits for
//! whoever reads: a line that does not fit, or that cannot be written, is dropped and counted.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use metrics::counter;
use tracing_subscriber::fmt::MakeWriter;

use crate::clock;
use crate::metrics::LOG_LINES_DROPPED;
use crate::routing::visible;

/// How many bytes may wait for the reader.
pub(super) const MOST: usize = 1024 * 1024;
/// How long the thread waits before it tries again where stdout is set not to block and is full.
const FULL: Duration = Duration::from_millis(20);

/// The queue; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Bytes that may wait.
    most: usize,
    waiting: Mutex<Waiting>,
    /// There is something to write, or nothing is left.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    /// Those of the lines and of the one that is being written.
    bytes: usize,
    /// Lines that nobody will read, since that was last said.
    dropped: u64,
}

impl Lines {
    /// A queue for `most` bytes and the thread that writes them to `out`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn to(out: impl Write + Send + 'static, most: usize) -> io::Result<Self> {
        let waiting = Mutex::default();
        let lines = Self { shared: Arc::new(Shared { most, waiting, changed: Condvar::new() }) };
        let theirs = lines.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            let mut out = out;
            // Without this thread every line would be lost.
            while catch_unwind(AssertUnwindSafe(|| theirs.write_all(&mut out))).is_err() {}
        })?;
        Ok(lines)
    }

    /// Waits until all that waits is written, at most so long.
    #[expect(clippy::disallowed_methods, reason = "at the end of the process")]
    pub(super) fn flush(&self, patience: Duration) {
        let began = clock::instant();
        let mut waiting = self.waiting();
        while waiting.bytes > 0 {
            let left = patience.saturating_sub(began.elapsed());
            if left.is_zero() {
                return;
            }
            let woken = self.shared.changed.wait_timeout(waiting, left);
            (waiting, _) = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn push(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        if waiting.bytes.saturating_add(line.len()) > self.shared.most {
            return drop_line(&mut waiting);
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line.to_vec());
        let first = waiting.lines.len() == 1;
        drop(waiting);
        // Whoever writes waits only while there is no line.
        if first {
            self.shared.changed.notify_all();
        }
    }

    fn write_all(&self, out: &mut impl Write) {
        loop {
            let line = self.next();
            let written = write_line(out, &line);
            let mut waiting = self.waiting();
            waiting.bytes -= line.len();
            let last = waiting.bytes == 0;
            if written.is_err() {
                drop_line(&mut waiting);
                drop(waiting);
            } else {
                // With room left, so that this line is not dropped itself.
                let room = waiting.bytes <= self.shared.most / 2;
                let dropped = if room { std::mem::take(&mut waiting.dropped) } else { 0 };
                drop(waiting);
                if dropped > 0 {
                    tracing::warn!(
                        dropped,
                        "Log lines were dropped: whoever reads the log was too slow or away"
                    );
                }
            }
            // Whoever flushes waits until all is written.
            if last {
                self.shared.changed.notify_all();
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "on the log's own thread")]
    fn next(&self) -> Vec<u8> {
        let mut waiting = self.waiting();
        loop {
            if let Some(line) = waiting.lines.pop_front() {
                return line;
            }
            let woken = self.shared.changed.wait(waiting);
            waiting = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn drop_line(waiting: &mut Waiting) {
    waiting.dropped = waiting.dropped.saturating_add(1);
    counter!(LOG_LINES_DROPPED).increment(1);
}

#[expect(clippy::disallowed_methods, reason = "on the log's own thread")]
fn write_line(out: &mut impl Write, mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        match out.write(line) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => line = &line[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(FULL),
            Err(error) => return Err(error),
        }
    }
    out.flush()
}

/// Takes one event's line, which the formatter hands over whole.
#[derive(Debug)]
pub(super) struct Line<'a>(&'a Lines);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // One byte of them may change all that a terminal shows. Escape sequences are the log's own: fields have none.
        match std::str::from_utf8(line).map(visible) {
            Ok(Cow::Owned(shown)) if !line.contains(&0x1b) => self.0.push(shown.as_bytes()),
            Ok(_) | Err(_) => self.0.push(line),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

#[cfg(test)]
mod tests;
