//! Answers on the wire: headers like the real instance's, and bodies that can break off.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::Value;

use super::super::world::{Answer, sys_id_of};
use crate::http::Authentic;
use crate::routing::UnixMillis;

/// An answer before it is written.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// Breaks off in the middle of the body.
    pub(super) cut: bool,
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let json = ("content-type".to_owned(), "application/json;charset=UTF-8".to_owned());
        Self { status, headers: vec![json], body: body.to_string().into(), cut: false }
    }

    pub(super) fn answer(answer: &Answer) -> Self {
        let mut reply = Self::json(answer.status, &answer.body);
        if let Some(total) = answer.total {
            reply.headers.push(("x-total-count".to_owned(), total.to_string()));
        }
        if answer.status == 401 {
            let realm = "BASIC realm=\"Service-now\"";
            reply.headers.push(("www-authenticate".to_owned(), realm.to_owned()));
        }
        reply
    }

    pub(super) fn html(status: u16, title: &str) -> Self {
        let page = format!(
            "<!DOCTYPE html><html><head><title>{title}</title></head><body>{title}</body></html>"
        );
        let html = ("content-type".to_owned(), "text/html;charset=UTF-8".to_owned());
        Self { status, headers: vec![html], body: page.into(), cut: false }
    }

    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// The answer as hyper writes it; a header that cannot be written is left out.
    pub(super) fn into_response(self, number: u64, now: UnixMillis) -> Response<ReplyBody> {
        let mut response = Response::new(ReplyBody::new(self.body, self.cut));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let id = sys_id_of(&format!("transaction {number}")).to_string();
        let own = [
            ("date", http_date(now)),
            ("server", "ServiceNow".to_owned()),
            ("x-transaction-id", id[..12].to_owned()),
            ("server-timing", "wall;dur=3, sem_wait;dur=0, sesh_wait;dur=0".to_owned()),
            (
                "set-cookie",
                format!("JSESSIONID={}; Path=/; HttpOnly; SameSite=None; Secure", &id[12..]),
            ),
            ("set-cookie", "glide_user_route=glide.5b5a3d31; Path=/; HttpOnly; Secure".to_owned()),
            (
                "set-cookie",
                "BIGipServerpool_sandbox=167772161.20480.0000; Path=/; HttpOnly".to_owned(),
            ),
        ];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        for (name, value) in own.chain(self.headers) {
            let name = HeaderName::try_from(name);
            if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
                response.headers_mut().append(name, value);
            }
        }
        // A refusal keeps its connection open, as ServiceNow does.
        response.extensions_mut().insert(Authentic);
        response
    }
}

/// A body that is whole, or promises more than it brings.
#[derive(Debug)]
pub(super) struct ReplyBody {
    left: Option<Bytes>,
    promised: u64,
    cut: bool,
    flushed: bool,
}

impl ReplyBody {
    fn new(body: Bytes, cut: bool) -> Self {
        let promised = body.len() as u64;
        let left = if cut { body.slice(..body.len() / 2) } else { body };
        Self { left: Some(left).filter(|left| !left.is_empty()), promised, cut, flushed: false }
    }
}

impl From<Bytes> for ReplyBody {
    fn from(body: Bytes) -> Self {
        Self::new(body, false)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(bytes) = self.left.take() {
            if !self.cut {
                self.promised = 0;
            }
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if !self.cut {
            return Poll::Ready(None);
        }
        // One pause, in which hyper writes out what it has.
        if !self.flushed {
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::other("cut off on purpose"))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none() && !self.cut
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.promised)
    }
}

/// A time as HTTP's `Date` has it, to the second.
fn http_date(at: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map(|at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}
