//! Bodies: a request's, which marks its connection when it has come whole, and what an answer's has to be.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::connection::Connection;

/// A body as it goes out.
pub(crate) trait AnswerBody:
    Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + From<Bytes> + Send + 'static
{
}

impl<B> AnswerBody for B where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + From<Bytes> + Send + 'static
{
}

/// A body as it comes in.
#[derive(Debug)]
pub(crate) struct TrackedBody {
    body: Incoming,
    connection: Arc<Connection>,
}

/// Why a body does not come whole.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// Its sender broke off, or does not keep to HTTP.
    Broken(hyper::Error),
    /// The connection has lost its place to another.
    Evicted,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => error.fmt(f),
            Self::Evicted => f.write_str("the connection was given up for another one"),
        }
    }
}

impl Error for BodyError {}

impl TrackedBody {
    pub(super) fn new(body: Incoming, connection: Arc<Connection>) -> Self {
        Self { body, connection }
    }
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let ends = frame.is_none() || self.body.is_end_stream();
        if ends && !self.connection.request_is_whole() {
            return Poll::Ready(Some(Err(BodyError::Evicted)));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
