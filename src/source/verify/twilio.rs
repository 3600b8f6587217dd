//! `twilio`: HMAC-SHA1 over the public URL and the sorted form, or over the URL alone with the body's hash in it.
//!
//! Senders differ in how they write the URL, so the same spellings are tried as in Twilio's own libraries: with and
//! without the port, each also with its query encoded anew. Each is a hash for each token, whatever is in the request.

pub(super) mod form;

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Digest as _;

use super::super::request::Request;
use super::mac::{self, Algorithm, Key, same, which};
use super::{Unsignable, Unverified, set_header};

const HEADER: &str = "x-twilio-signature";
const BODY_HASH: &str = "bodySHA256";

/// How many parameters the query and the form may have; Twilio sends less than ten and some forty.
const MAX_QUERY: usize = 100;
const MAX_FORM: usize = 1_000;

/// What Node's `querystring.stringify` leaves as it is, beside letters and digits.
const LEGACY_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*');

/// The scheme with the address that Twilio calls and the auth tokens.
pub(in super::super) struct Twilio {
    base: Base,
    keys: Vec<Key>,
}

/// The public URL in the parts that are put together anew.
struct Base {
    scheme: String,
    host: String,
    port: Option<String>,
    path: String,
}

impl Twilio {
    pub(super) fn build(
        public_url: Option<&str>,
        secrets: &[SecretString],
    ) -> Result<Self, Vec<String>> {
        let base = match public_url.map(Base::parse) {
            None => Err("needs `intake.public_url`: the signature covers the URL".to_owned()),
            Some(None) => Err("`intake.public_url` is not http(s)://host[:port][/path]".to_owned()),
            Some(Some(base)) => Ok(base),
        };
        let base = base.map_err(|problem| vec![problem])?;
        let key = |secret: &SecretString| secret.expose_secret().as_bytes().to_vec().into();
        Ok(Self { base, keys: secrets.iter().map(key).collect() })
    }

    pub(super) fn verify(&self, request: &Request) -> Result<usize, Unverified> {
        let header =
            request.header(HEADER).ok_or_else(|| Unverified::Missing(HEADER.to_owned()))?;
        let found = STANDARD
            .decode(header.trim())
            .map_err(|_| Unverified::Unreadable(HEADER.to_owned()))?;
        if found.len() != Algorithm::Sha1.length() {
            return Err(Unverified::Wrong);
        }
        if request.query().nth(MAX_QUERY).is_some() {
            return Err(Unverified::Unreadable("query".to_owned()));
        }
        let parameters = signed_parameters(request)?;
        let urls = self.base.spellings(&request.path_and_query);
        let fits =
            |key: &Key| urls.iter().any(|url| same(&signature(key, url, &parameters), &found));
        which(&self.keys, fits).ok_or(Unverified::Wrong)
    }

    /// Signs a form as it is; to any other body adds the hash to the URL first.
    pub(super) fn sign(&self, request: &mut Request) -> Result<(), Unsignable> {
        if !is_form(request) && request.query_parameter(BODY_HASH).is_none() {
            let joint = if request.path_and_query.contains('?') { '&' } else { '?' };
            let hash = hex::encode(sha2::Sha256::digest(&request.body));
            request.path_and_query.push_str(&format!("{joint}{BODY_HASH}={hash}"));
        }
        let parameters = signed_parameters(request).map_err(|_| Unsignable)?;
        let key = self.keys.first().ok_or(Unsignable)?;
        let url = self.base.without_port(&request.path_and_query);
        let value = STANDARD.encode(signature(key, &url, &parameters));
        set_header(request, HEADER, &value)
    }
}

fn signature(key: &Key, url: &str, parameters: &str) -> Vec<u8> {
    mac::hmac(Algorithm::Sha1, key, &[url.as_bytes(), parameters.as_bytes()])
}

/// The request's form where it is what the signature is over.
pub(super) fn signed_form(request: &Request) -> Option<&[u8]> {
    let signed = is_form(request) && request.query_parameter(BODY_HASH).is_none();
    signed.then_some(&request.body[..])
}

fn is_form(request: &Request) -> bool {
    request.media_type().as_deref() == Some("application/x-www-form-urlencoded")
}

/// The form as Twilio strings it together; empty where the URL carries the body's hash, which is then checked.
fn signed_parameters(request: &Request) -> Result<String, Unverified> {
    if let Some(wanted) = request.query_parameter(BODY_HASH) {
        let wanted =
            hex::decode(wanted).map_err(|_| Unverified::Unreadable(BODY_HASH.to_owned()))?;
        let found = sha2::Sha256::digest(&request.body);
        return if same(&found, &wanted) { Ok(String::new()) } else { Err(Unverified::Wrong) };
    }
    if !is_form(request) && !request.body.is_empty() {
        return Err(Unverified::Missing(BODY_HASH.to_owned()));
    }
    if form_urlencoded::parse(&request.body).nth(MAX_FORM).is_some() {
        return Err(Unverified::Unreadable("form".to_owned()));
    }
    Ok(form::parameters(&request.body))
}

impl Base {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
                (host, Some(port.to_owned()))
            }
            Some(_) | None => (authority, None),
        };
        let clean = !host.is_empty() && !url.contains(['?', '#', ' ']);
        (clean && matches!(scheme, "http" | "https")).then(|| Self {
            scheme: scheme.to_owned(),
            host: host.to_ascii_lowercase(),
            port,
            path: path.trim_end_matches('/').to_owned(),
        })
    }

    fn without_port(&self, path_and_query: &str) -> String {
        format!("{}://{}{}{path_and_query}", self.scheme, self.host, self.path)
    }

    fn with_port(&self, path_and_query: &str) -> String {
        let standard = if self.scheme == "https" { "443" } else { "80" };
        let port = self.port.as_deref().unwrap_or(standard);
        format!("{}://{}:{port}{}{path_and_query}", self.scheme, self.host, self.path)
    }

    fn spellings(&self, path_and_query: &str) -> Vec<String> {
        let mut queries = vec![path_and_query.to_owned(), url_standard(path_and_query)];
        queries.extend(legacy(path_and_query));
        queries.sort_unstable();
        queries.dedup();
        queries.iter().flat_map(|query| [self.without_port(query), self.with_port(query)]).collect()
    }
}

/// As a browser's URL writes it: these four characters of a query are percent-encoded.
fn url_standard(path_and_query: &str) -> String {
    let Some((path, query)) = path_and_query.split_once('?') else {
        return path_and_query.to_owned();
    };
    let query =
        query.replace('"', "%22").replace('\'', "%27").replace('<', "%3C").replace('>', "%3E");
    format!("{path}?{query}")
}

/// The query parsed and written anew as old versions of Node do, equal names together.
fn legacy(path_and_query: &str) -> Option<String> {
    let (path, query) = path_and_query.split_once('?')?;
    let mut grouped: Vec<(String, Vec<String>)> = Vec::new();
    let mut places = HashMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = *places.entry(name.clone()).or_insert(grouped.len());
        match grouped.get_mut(place) {
            Some((_, values)) => values.push(value.into_owned()),
            None => grouped.push((name.into_owned(), vec![value.into_owned()])),
        }
    }
    let encoded = |text: &str| utf8_percent_encode(text, LEGACY_QUERY).to_string();
    let pairs: Vec<String> = grouped
        .iter()
        .flat_map(|(name, values)| {
            values.iter().map(|value| format!("{}={}", encoded(name), encoded(value)))
        })
        .collect();
    Some(format!("{path}?{}", pairs.join("&")))
}
