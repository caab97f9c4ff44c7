//! The `Location` header of a connector that was created.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Rest;

/// What may stand in a path segment unescaped (RFC 3986, `pchar`).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// Absolute, under the name by which the client called us.
pub fn location(headers: &HeaderMap, rest: &Rest, connector: &str) -> [(HeaderName, HeaderValue); 1] {
    let base = match headers.get(header::HOST).and_then(|host| host.to_str().ok()) {
        Some(host) => format!("{}://{host}", rest.scheme),
        None => rest.advertised_url.trim_end_matches('/').to_owned(),
    };
    let url = format!("{base}/connectors/{}", utf8_percent_encode(connector, SEGMENT));
    let value = HeaderValue::from_str(&url).unwrap_or_else(|_| HeaderValue::from_static("/connectors"));
    [(header::LOCATION, value)]
}
