//! How long a connection may say nothing: one limit for the head of a request, another while no request is begun.
//!
//! Load balancers keep idle connections for a minute and send their next request over one of them; a client that sends
//! its head byte by byte is to be cut off long before.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A head is on its way; also a fresh connection.
const HEAD: u8 = 0;
/// A request is being taken in or answered: others watch over that.
const BUSY: u8 = 1;
/// The last request is answered, the next one not begun.
const IDLE: u8 = 2;

/// Both limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) head: Duration,
    pub(super) idle: Duration,
}

/// What a connection is at; told by whoever serves its requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Phase(Arc<AtomicU8>);

impl Phase {
    pub(super) fn request_begins(&self) {
        self.0.store(BUSY, Ordering::SeqCst);
    }

    pub(super) fn request_is_answered(&self) {
        self.0.store(IDLE, Ordering::SeqCst);
    }
}

/// A stream whose reads fail once its peer has been silent, or slow with a head, for too long.
pub(super) struct Patient<S> {
    stream: S,
    patience: Patience,
    phase: Phase,
    /// What is waited out, and until when.
    waiting: Option<(u8, Pin<Box<Sleep>>)>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S, patience: Patience, phase: Phase) -> Self {
        Self { stream, patience, phase, waiting: None }
    }

    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = self.phase.0.load(Ordering::SeqCst);
        let limit = match phase {
            HEAD => self.patience.head,
            IDLE => self.patience.idle,
            _ => {
                self.waiting = None;
                return Poll::Pending;
            }
        };
        let (_, sleep) = match self.waiting.take() {
            Some((same, sleep)) if same == phase => self.waiting.insert((phase, sleep)),
            Some(_) | None => self.waiting.insert((phase, Box::pin(tokio::time::sleep(limit)))),
        };
        let what = if phase == HEAD { "no whole head came in time" } else { "idle for too long" };
        sleep.as_mut().poll(context).map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, what)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            let begun =
                self.phase.0.compare_exchange(IDLE, HEAD, Ordering::SeqCst, Ordering::SeqCst);
            if begun.is_ok() {
                self.waiting = None;
            }
            return Poll::Ready(read);
        }
        self.poll_patience(context)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
