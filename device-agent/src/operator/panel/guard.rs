//! Who may use the panel: a browser on this machine, on the panel's own page.

use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::Panel;
use super::problem::PanelError;
use crate::limits::PANEL_REQUEST;

/// The header that carries the page's token.
pub(super) const TOKEN_HEADER: &str = "x-panel-token";
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Goes with every answer: the page runs its own script and nothing else, nobody frames it, and
/// nothing of it is kept.
const HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// Lets a request in, or says why not.
pub(super) async fn admit(State(panel): State<Panel>, request: Request, next: Next) -> Response {
    if let Err(error) = check(request.method(), request.headers(), &panel.0.token) {
        return error.into_response();
    }
    let late = || {
        let detail = format!("not answered within {} s", PANEL_REQUEST.as_secs());
        PanelError::new("timeout", StatusCode::REQUEST_TIMEOUT, detail).into_response()
    };
    timeout(PANEL_REQUEST, next.run(request)).await.unwrap_or_else(|_| late())
}

/// Adds the headers that every answer has.
pub(super) async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        let header = HeaderName::from_static(name);
        response.headers_mut().insert(header, HeaderValue::from_static(value));
    }
    response
}

fn check(method: &Method, headers: &HeaderMap, token: &str) -> Result<(), PanelError> {
    let host = text(headers, HOST.as_str());
    if !is_loopback(host) {
        // Another site's name that was made to lead here: its pages would be of our origin.
        return Err(PanelError::forbidden(format!(
            "Host {host:?} is not this machine: use localhost or 127.0.0.1"
        )));
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let site = text(headers, SEC_FETCH_SITE);
    if !matches!(site, "" | "same-origin" | "none") {
        return Err(PanelError::forbidden(format!("Sec-Fetch-Site is {site:?}: another page's")));
    }
    let origin = text(headers, ORIGIN.as_str());
    if headers.contains_key(ORIGIN) && origin.strip_prefix("http://") != Some(host) {
        return Err(PanelError::forbidden(format!("Origin {origin:?} is not the panel's")));
    }
    let media_type = text(headers, CONTENT_TYPE.as_str()).split(';').next().unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        let detail = format!("Content-Type is {media_type:?}, not application/json");
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(PanelError::new("unsupported_media_type", status, detail));
    }
    let given = text(headers, TOKEN_HEADER);
    if verify_slices_are_equal(given.as_bytes(), token.as_bytes()).is_err() {
        let detail = format!("{TOKEN_HEADER} is missing or of an earlier page: load it again");
        return Err(PanelError::forbidden(detail));
    }
    Ok(())
}

/// A header given once as text, else "".
fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().unwrap_or_default(),
        _ => "",
    }
}

/// Whether it is a name or address of this machine itself, with any port: behind a tunnel it may
/// be another than ours.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for (host, expected) in [
            ("127.0.0.1:8087", true),
            ("127.1.2.3", true),
            ("localhost", true),
            ("LocalHost:1", true),
            ("[::1]:8087", true),
            ("[::1]", true),
            ("", false),
            ("192.168.1.5:8087", false),
            ("0.0.0.0:8087", false),
            ("evil.example:8087", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("localhost:x", false),
            ("evil.example@localhost", false),
            ("[::2]:8087", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host:?}");
        }
    }
}
