//! The operators' page: four files in the program. They hold no data and are served without the token, which the page
//! asks for. What it shows and does goes through `/v1/`, like the commands.

use hyper::Response;
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue};

use super::answer::{self, Body};

/// Nothing from elsewhere, nothing inline, and no markup out of texts.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// Whether this is a file of the page.
pub(super) fn is_of(path: &[&str]) -> bool {
    matches!(path, ["" | "page.css" | "page.js" | "icon.svg"])
}

/// The file of that name; the page itself where it has none.
pub(super) fn file(name: &str) -> Response<Body> {
    let (kind, text) = match name {
        "page.css" => ("text/css; charset=utf-8", include_str!("page/page.css")),
        "page.js" => ("text/javascript; charset=utf-8", include_str!("page/page.js")),
        "icon.svg" => ("image/svg+xml", include_str!("page/icon.svg")),
        _ => ("text/html; charset=utf-8", include_str!("page/index.html")),
    };
    let mut response = answer::fixed(kind, text);
    let headers = response.headers_mut();
    // Of another version after an upgrade.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
