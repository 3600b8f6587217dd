//! What of a request its signature covers: an event's identity and time come from nothing else.
//!
//! Where a secret travels with the request there is nothing to be held apart: only who has it can have sent any part.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use hyper::header::HeaderName;
use jaq_json::Val;
use sha2::{Digest as _, Sha256};

use super::super::decode::{Decode, Malformed, string_of, string_val};
use super::super::filter::{Bindings, Output};
use super::super::request::Request;
use super::Source;

/// What of an event has to come from signed bytes.
const BOUND: [&str; 2] = ["id", "occurred_at"];

impl Source {
    /// The fingerprint of what was signed, where the request may be read as something else: as a form with other
    /// boundaries, or with other headers or another query. A request of the same fingerprint is the same request.
    #[must_use]
    pub(crate) fn fingerprint(&self, request: &Request) -> Option<[u8; 32]> {
        let reads = self.profile.filter.reads();
        let is_read = |name: &HeaderName| {
            let attribute = self.profile.request.decode == Decode::Cloudevents;
            reads.headers || attribute && name.as_str().starts_with("ce-")
        };
        let loose = reads.query
            || self.verifier.fits_other_bodies(request)
            || request.headers.keys().any(is_read);
        let signed = loose.then(|| self.verifier.signed(request)).flatten()?;
        Some(Sha256::digest(&signed).into())
    }

    /// Of what its filter reads, what its scheme does not sign: names of headers, or `$headers` and `$query` as a
    /// whole.
    #[must_use]
    pub(crate) fn reads_unsigned(&self) -> Vec<String> {
        let mut unsigned = Vec::new();
        let reads = self.profile.filter.reads();
        let nothing = Request::default();
        if reads.headers {
            match self.profile.filter.headers() {
                None if !self.verifier.covers_header(&nothing, "") => {
                    unsigned.push("$headers".to_owned());
                }
                None => {}
                Some(names) => unsigned.extend(
                    names
                        .iter()
                        .filter(|name| !self.verifier.covers_header(&nothing, name))
                        .cloned(),
                ),
            }
        }
        if reads.query && !self.verifier.covers_query() {
            unsigned.push("$query".to_owned());
        }
        unsigned
    }

    /// The request as its body is to be read: without `ce-*` headers that nobody signed, a form as it was signed.
    ///
    /// # Errors
    /// A form that fits the signature, but cannot be the one that was signed.
    pub(super) fn as_signed<'a>(
        &self,
        request: &'a Request,
    ) -> Result<Cow<'a, Request>, Malformed> {
        let mut read = Cow::Borrowed(request);
        if self.profile.request.decode == Decode::Cloudevents {
            for name in request.headers.keys().filter(|name| name.as_str().starts_with("ce-")) {
                if !self.verifier.covers_header(request, name.as_str()) {
                    read.to_mut().headers.remove(name);
                }
            }
        }
        if let Some(form) = self.verifier.form_as_signed(request) {
            let form = form.map_err(|what| Malformed::Syntax(format!("a form: {what}")))?;
            read.to_mut().body = form.into();
        }
        Ok(read)
    }

    /// Runs the filter, however long it takes.
    pub(super) fn run(&self, body: &Val, request: &Request) -> Vec<Output> {
        let filter = &self.profile.filter;
        self.run_by(|bindings| Some(filter.run(body, bindings)), body, request).unwrap_or_default()
    }

    /// The same; none if the filter takes longer than the calling thread may give.
    pub(super) fn run_quickly(&self, body: &Val, request: &Request) -> Option<Vec<Output>> {
        let filter = &self.profile.filter;
        self.run_by(|bindings| filter.run_quickly(body, bindings), body, request)
    }

    /// Where the filter reads headers or a query that nobody signed, ids and times are those that it gives without
    /// them: whoever has seen one request could else make new events of it.
    fn run_by(
        &self,
        run: impl Fn(&Bindings) -> Option<Vec<Output>>,
        body: &Val,
        request: &Request,
    ) -> Option<Vec<Output>> {
        let mut outputs = run(&self.bindings(request))?;
        let reads = self.profile.filter.reads();
        let covers = |name: &str| self.verifier.covers_header(request, name);
        let headers = reads.headers && !request.headers.keys().all(|name| covers(name.as_str()));
        let query = reads.query && !self.verifier.covers_query();
        if headers || query {
            let signed = run(&self.bindings(&self.covered(request)))?;
            bind(&mut outputs, &signed, body);
        }
        Some(outputs)
    }

    /// The request without headers and query that nobody signed.
    fn covered(&self, request: &Request) -> Request {
        let mut covered = request.clone();
        for name in request.headers.keys() {
            if !self.verifier.covers_header(request, name.as_str()) {
                covered.headers.remove(name);
            }
        }
        if !self.verifier.covers_query() {
            covered.path_and_query.truncate(request.path().len());
        }
        covered
    }
}

/// Puts ids and times of `signed` in place of those of `outputs`. Where they are not the same events, as of a filter
/// that looks up the event's type in a header, an id stays that stands in the body as it is.
fn bind(outputs: &mut [Output], signed: &[Output], body: &Val) {
    if outputs.len() == signed.len() && kinds(outputs).eq(kinds(signed)) {
        for (output, signed) in outputs.iter_mut().zip(signed) {
            for key in BOUND {
                put(output, key, field_of(signed, key));
            }
        }
        return;
    }
    let mut texts = HashSet::new();
    collect(body, &mut texts);
    for output in outputs {
        let id = field_of(output, "id");
        if id.as_ref().and_then(string_of).is_some_and(|id| !texts.contains(&id)) {
            put(output, "id", None);
        }
    }
}

fn put(output: &mut Output, key: &str, value: Option<Val>) {
    if let Ok(Val::Obj(fields)) = output {
        Arc::make_mut(fields).insert(string_val(key), value.unwrap_or_default());
    }
}

fn kinds(outputs: &[Output]) -> impl Iterator<Item = Option<String>> {
    outputs.iter().map(|output| field_of(output, "kind").as_ref().and_then(string_of))
}

/// Every text and number of a body; its depth is limited.
fn collect(value: &Val, texts: &mut HashSet<String>) {
    match value {
        Val::Arr(items) => items.iter().for_each(|item| collect(item, texts)),
        Val::Obj(fields) => fields.values().for_each(|field| collect(field, texts)),
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) => {
            texts.extend(string_of(value));
        }
    }
}

fn field_of(output: &Output, key: &str) -> Option<Val> {
    let Ok(Val::Obj(fields)) = output else { return None };
    fields.get(&string_val(key)).filter(|value| !matches!(value, Val::Null)).cloned()
}
