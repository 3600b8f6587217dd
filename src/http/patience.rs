//! How long a connection may say nothing, or take nothing: one limit for the head of a request and for the reading of
//! an answer, another while no request is begun.
//!
//! Load balancers keep idle connections for a minute and send their next request over one of them; a client that sends
//! its head byte by byte is to be cut off long before.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use super::connection::{Connection, Phase};
use super::limits::LimitsInForce;

/// How long the rest of a refused request is read and thrown away, so that its sender sees the answer: a socket that is
/// closed over unread bytes is reset.
const LINGER: Duration = Duration::from_secs(1);
/// And how many bytes at most.
const LINGER_BYTES: usize = 1024 * 1024;

/// A stream that fails once its peer has been silent, or slow with a head, or reads no answer, for too long.
pub(super) struct Patient {
    stream: TcpStream,
    limits: LimitsInForce,
    connection: Arc<Connection>,
    /// What is waited out, and until when.
    waiting: Option<(Phase, Pin<Box<Sleep>>)>,
    /// Since when nothing can be written.
    unread: Option<Pin<Box<Sleep>>>,
    /// While the rest is thrown away: until when, and how many bytes more.
    lingering: Option<(Pin<Box<Sleep>>, usize)>,
}

impl Patient {
    pub(super) fn new(
        stream: TcpStream,
        limits: LimitsInForce,
        connection: Arc<Connection>,
    ) -> Self {
        Self { stream, limits, connection, waiting: None, unread: None, lingering: None }
    }

    /// Gives the head its whole time again: the handshake of TLS has had its own.
    pub(super) fn restart(&mut self) {
        self.waiting = None;
    }

    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = match self.connection.phase() {
            Phase::Fresh => Phase::Head,
            other => other,
        };
        let what = match phase {
            Phase::Idle => "idle for too long",
            Phase::Fresh | Phase::Head => "no whole head came in time",
            Phase::Body | Phase::Working | Phase::Closing | Phase::Evicted => {
                self.waiting = None;
                return Poll::Pending;
            }
        };
        let (_, sleep) = match self.waiting.take() {
            Some((same, sleep)) if same == phase => self.waiting.insert((phase, sleep)),
            Some(_) | None => {
                let limits = self.limits.now();
                let idle = phase == Phase::Idle;
                let limit = if idle { limits.idle_timeout } else { limits.header_timeout };
                self.waiting.insert((phase, Box::pin(tokio::time::sleep(limit))))
            }
        };
        sleep.as_mut().poll(context).map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, what)))
    }

    /// The outcome of a write, or the end of the patience with a peer that takes nothing.
    fn written<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.unread = None;
            return written;
        }
        let limits = &self.limits;
        let sleep = self
            .unread
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limits.now().header_timeout)));
        let over = |()| Err(io::Error::new(io::ErrorKind::TimedOut, "the answer is not read"));
        sleep.as_mut().poll(context).map(over)
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let was_idle = self.connection.phase() == Phase::Idle;
        self.connection.was_read(buffer.filled().len() - before);
        if read.is_ready() {
            if was_idle {
                self.waiting = None;
            }
            return read;
        }
        self.poll_patience(context)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            if self.connection.phase() != Phase::Closing {
                return Poll::Ready(Ok(()));
            }
        }
        let this = &mut *self;
        let (until, left) = this
            .lingering
            .get_or_insert_with(|| (Box::pin(tokio::time::sleep(LINGER)), LINGER_BYTES));
        let mut bytes = [0; 4096];
        while *left > 0 {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut this.stream).poll_read(context, &mut buffer) {
                Poll::Pending => return until.as_mut().poll(context).map(Ok),
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    *left = left.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl Drop for Patient {
    fn drop(&mut self) {
        if self.connection.ends_with_reset()
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(%error, "A connection cannot be reset");
        }
    }
}
