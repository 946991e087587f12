//! Calls of the platform's REST interface.

use std::sync::Arc;

use chrono::DateTime;
use millwright_schemas::api::problem::Problem;
use reqwest::header::{CONTENT_TYPE, DATE, USER_AGENT};
use reqwest::{RequestBuilder, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::verifier::{Pins, Verifier};
use crate::limits::{HTTP_ANSWER_BYTES, HTTP_TIMEOUT};

/// Why a call had no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address isn't one.
    #[error("{url:?} is not a usable address: {rule}")]
    Url {
        /// As given.
        url: String,
        /// The rule that it breaks.
        rule: String,
    },
    /// The TLS client can't be made.
    #[error("TLS can't be set up: {0}")]
    Tls(String),
    /// No answer came.
    #[error("{url} can't be reached: {reason}")]
    Unreachable {
        /// What was called.
        url: String,
        /// What went wrong, down to the cause.
        reason: String,
    },
    /// The platform refuses.
    #[error("the platform refuses: {0}")]
    Refused(Box<Refusal>),
    /// The answer isn't what it should be.
    #[error("{url} answers something else than a Millwright platform does: {reason}")]
    Unexpected {
        /// What was called.
        url: String,
        /// What is wrong.
        reason: String,
    },
}

/// An error answer, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// What the platform says is wrong.
    pub problem: Option<Problem>,
    /// The server's time when it answered, Unix seconds.
    pub date: Option<i64>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(problem) = &self.problem else { return write!(f, "HTTP status {}", self.status) };
        write!(f, "{}", problem.title)?;
        if let Some(detail) = &problem.detail {
            write!(f, ": {detail}")?;
        }
        for error in &problem.errors {
            write!(f, "; {}: {}", error.field, error.message)?;
        }
        write!(f, " (HTTP status {})", self.status)
    }
}

/// A good answer.
#[derive(Debug)]
pub struct Reply<T> {
    /// Its body.
    pub body: T,
    /// The server's time when it answered, Unix seconds.
    pub date: Option<i64>,
}

/// A client for one platform.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
}

impl Client {
    /// Checks the address: HTTPS, or HTTP to this very machine, or `insecure_http`.
    ///
    /// # Errors
    /// The rule that the address breaks.
    pub fn new(server_url: &str, insecure_http: bool, pins: Pins) -> Result<Self, HttpError> {
        let base = check_url(server_url, insecure_http)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| HttpError::Tls(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier::new(pins, provider)))
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(HTTP_TIMEOUT)
            // A redirect could lead the code to another server.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| HttpError::Tls(chain(&error)))?;
        Ok(Self { http, base })
    }

    /// `GET /api/v1{path}`.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Reply<T>, HttpError> {
        let url = self.url(path);
        let request = self.http.get(url.clone());
        self.send(&url, request).await
    }

    /// `POST /api/v1{path}` with a JSON body.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<Reply<T>, HttpError> {
        let url = self.url(path);
        let request = self.http.post(url.clone()).json(body);
        self.send(&url, request).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.base.as_str().trim_end_matches('/'))
    }

    async fn send<T: DeserializeOwned>(
        &self,
        url: &str,
        request: RequestBuilder,
    ) -> Result<Reply<T>, HttpError> {
        let unreachable = |error: reqwest::Error| HttpError::Unreachable {
            url: url.to_owned(),
            reason: chain(&error),
        };
        let unexpected = |reason: String| HttpError::Unexpected { url: url.to_owned(), reason };
        let agent = concat!("millwright-agent/", env!("CARGO_PKG_VERSION"));
        let mut response = request.header(USER_AGENT, agent).send().await.map_err(unreachable)?;
        let status = response.status();
        let header = |name| response.headers().get(&name).and_then(|value| value.to_str().ok());
        let date = header(DATE)
            .and_then(|date| DateTime::parse_from_rfc2822(date).ok())
            .map(|date| date.timestamp());
        let kind = header(CONTENT_TYPE).unwrap_or("no content type").to_owned();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > HTTP_ANSWER_BYTES {
                return Err(unexpected(format!("more than {HTTP_ANSWER_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(HttpError::Refused(Box::new(refusal(status, &body, date))));
        }
        match serde_json::from_slice(&body) {
            Ok(body) => Ok(Reply { body, date }),
            Err(error) => Err(unexpected(format!("{error} ({kind})"))),
        }
    }
}

fn refusal(status: StatusCode, body: &[u8], date: Option<i64>) -> Refusal {
    Refusal { status: status.as_u16(), problem: serde_json::from_slice(body).ok(), date }
}

/// An error with its causes: reqwest's own text stops before the interesting part.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// The address, if it may be used: HTTPS, or HTTP to this very machine, or `insecure_http`.
pub(crate) fn check_url(server_url: &str, insecure_http: bool) -> Result<Url, HttpError> {
    let wrong = |rule: &str| HttpError::Url { url: server_url.to_owned(), rule: rule.to_owned() };
    let url = Url::parse(server_url)
        .map_err(|error| wrong(&format!("{error}; expected such as https://platform.example")))?;
    match url.scheme() {
        "https" => {}
        "http" if insecure_http || is_loopback(&url) => {}
        "http" => {
            return Err(wrong(
                "plain HTTP would show the enrolment code to everybody on the way; use https://, \
                 or --insecure-http if you accept that",
            ));
        }
        _ => return Err(wrong("the scheme must be https or http")),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("it names no host"));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(wrong("it must not have a query, a fragment or a user name"));
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_only_to_this_machine_or_when_asked_for() {
        for url in [
            "https://platform.example",
            "https://platform.example:8443/mill/",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost:8080/",
        ] {
            assert!(check_url(url, false).is_ok(), "{url}");
        }
        for url in [
            "http://platform.example",
            "http://127.0.0.1.platform.example",
            "http://localhost.example",
            "ftp://127.0.0.1",
            "platform.example",
            "https://user@platform.example",
            "https://platform.example/?a=1",
        ] {
            assert!(check_url(url, false).is_err(), "{url}");
        }
        assert!(check_url("http://platform.example", true).is_ok());
        let error = check_url("http://platform.example", false).unwrap_err().to_string();
        assert!(error.contains("http://platform.example") && error.contains("--insecure-http"));
    }

    #[test]
    fn a_problem_is_told_readably() {
        let body = br#"{"type":"urn:millwright:problem:invalid_code","title":"The code doesn't work","status":422,"detail":"it was used on 2026-11-22","errors":[{"field":"code","message":"used"}]}"#;
        let refusal = refusal(StatusCode::UNPROCESSABLE_ENTITY, body, None);
        assert_eq!(
            refusal.to_string(),
            "The code doesn't work: it was used on 2026-11-22; code: used (HTTP status 422)"
        );
    }
}
