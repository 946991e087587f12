//! Errors over HTTP: the one place that maps an error to a status and a problem.

use std::io;

use actix_web::error::{PathError, PayloadError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use millwright_core::access::{Forbidden, Permission};
use millwright_schemas::api::problem::{FieldProblem, PROBLEM_JSON, Problem};
use millwright_schemas::api::rules::locate;
use millwright_store::StoreError;
use millwright_store::page::InvalidPage;

use crate::limits::{BODY_MAX_BYTES, QUOTED_MAX_CHARS};

/// How serde begins to tell of a field that isn't known.
const UNKNOWN_FIELD: &str = "unknown field `";

/// Any error with its chain of causes.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a request failed with. Texts go to the caller, except those of [`ApiError::Internal`]
/// and [`ApiError::Unavailable`], which are only logged.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 400: the request can't be read.
    #[error("{0}")]
    Malformed(String),
    /// 401: no caller.
    #[error("{0}")]
    Unauthenticated(String),
    /// 403: a permission is missing.
    #[error("this needs the permission {0}")]
    Forbidden(Permission),
    /// 403: refused for another reason than a missing permission.
    #[error("{0}")]
    Refused(String),
    /// 403: a machine's enrolment or renewal is refused.
    #[error("{0}")]
    EnrollmentRefused(String),
    /// 404: no such thing within the caller's scope.
    #[error("no such {0}")]
    NotFound(String),
    /// 405: the path has other methods.
    #[error("allowed here: {0}")]
    MethodNotAllowed(String),
    /// 409: not in this state, or there is such a thing already.
    #[error("{0}")]
    Conflict(String),
    /// 412: changed since it was read.
    #[error("changed meanwhile: it is now at version {current}")]
    VersionMismatch {
        /// The version that it has now.
        current: i64,
    },
    /// Any other refusal of the HTTP server itself.
    #[error("{}", .0.canonical_reason().unwrap_or("refused"))]
    Http(StatusCode),
    /// 408: the request's body didn't arrive in time.
    #[error("{0}")]
    TooSlow(String),
    /// 413: too large.
    #[error("{0}")]
    TooLarge(String),
    /// 415: not JSON.
    #[error("send application/json")]
    UnsupportedMediaType,
    /// 422: read, but it breaks rules.
    #[error("{detail}")]
    Invalid {
        /// What is wrong as a whole.
        detail: String,
        /// The fields at fault.
        errors: Vec<FieldProblem>,
    },
    /// 428: an update without `If-Match`.
    #[error("send If-Match with the ETag of what you have read")]
    VersionMissing,
    /// 429: too often.
    #[error("too many attempts; try again in {retry_after_s} s")]
    TooMany {
        /// Seconds.
        retry_after_s: u32,
    },
    /// 503: may work soon.
    #[error("not available now; try again")]
    Unavailable(#[source] BoxError),
    /// 500: our fault.
    #[error("internal error")]
    Internal(#[source] BoxError),
}

impl ApiError {
    /// Our fault, with its cause for the log.
    pub fn internal(error: impl Into<BoxError>) -> Self {
        Self::Internal(error.into())
    }

    /// Rules that fields break.
    #[must_use]
    pub fn invalid(errors: Vec<FieldProblem>) -> Self {
        Self::Invalid { detail: "some fields break their rules".to_owned(), errors }
    }

    /// One field that breaks its rule.
    pub fn invalid_field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldProblem { field: field.to_owned(), message: message.into() }])
    }

    /// The stable name of the kind of error, its title and its status.
    fn kind(&self) -> (&'static str, &'static str, StatusCode) {
        use StatusCode as S;
        match self {
            Self::Malformed(_) => ("malformed", "The request can't be read", S::BAD_REQUEST),
            Self::Unauthenticated(_) => ("unauthenticated", "Sign-in needed", S::UNAUTHORIZED),
            Self::Forbidden(_) | Self::Refused(_) => ("forbidden", "Not permitted", S::FORBIDDEN),
            Self::EnrollmentRefused(_) => ("enrollment-refused", "Enrolment refused", S::FORBIDDEN),
            Self::NotFound(_) => ("not-found", "Not found", S::NOT_FOUND),
            Self::MethodNotAllowed(_) => {
                ("method-not-allowed", "Method not allowed", S::METHOD_NOT_ALLOWED)
            }
            Self::Conflict(_) => ("conflict", "Conflict", S::CONFLICT),
            Self::VersionMismatch { .. } => {
                ("version-mismatch", "Changed meanwhile", S::PRECONDITION_FAILED)
            }
            Self::Http(status) => ("http", status.canonical_reason().unwrap_or("Refused"), *status),
            Self::TooSlow(_) => ("too-slow", "Too slow", S::REQUEST_TIMEOUT),
            Self::TooLarge(_) => ("too-large", "Too large", S::PAYLOAD_TOO_LARGE),
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", "Unsupported media type", S::UNSUPPORTED_MEDIA_TYPE)
            }
            Self::Invalid { .. } => ("invalid", "Invalid", S::UNPROCESSABLE_ENTITY),
            Self::VersionMissing => {
                ("version-missing", "Version missing", S::PRECONDITION_REQUIRED)
            }
            Self::TooMany { .. } => ("too-many", "Too many requests", S::TOO_MANY_REQUESTS),
            Self::Unavailable(_) => ("unavailable", "Not available", S::SERVICE_UNAVAILABLE),
            Self::Internal(_) => ("internal", "Internal error", S::INTERNAL_SERVER_ERROR),
        }
    }

    /// A refusal of the HTTP server itself, by its status.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound("page".to_owned()),
            StatusCode::PAYLOAD_TOO_LARGE => too_large(BODY_MAX_BYTES),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            status => Self::Http(status),
        }
    }

    fn problem(&self) -> Problem {
        let (name, title, status) = self.kind();
        let errors = match self {
            Self::Invalid { errors, .. } => errors.clone(),
            _ => Vec::new(),
        };
        Problem {
            problem_type: format!("urn:millwright:problem:{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: Some(self.to_string()),
            errors,
        }
    }

    /// The answer's header that goes with the error.
    fn header(&self) -> Option<(header::HeaderName, HeaderValue)> {
        match self {
            Self::Unauthenticated(_) => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            Self::TooMany { retry_after_s } => {
                Some((header::RETRY_AFTER, HeaderValue::from(*retry_after_s)))
            }
            Self::Unavailable(_) => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            Self::MethodNotAllowed(methods) => {
                HeaderValue::from_str(methods).ok().map(|value| (header::ALLOW, value))
            }
            Self::VersionMismatch { current } => {
                let tag = HeaderValue::from_str(&format!("\"{current}\""));
                tag.ok().map(|value| (header::ETAG, value))
            }
            _ => None,
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.kind().2
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(header) = self.header() {
            response.insert_header(header);
        }
        // Not `json()`, which keeps no other content type.
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        response.content_type(PROBLEM_JSON).body(body)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::NotFound(what.to_owned()),
            StoreError::Exists(_) => Self::Conflict(error.to_string()),
            StoreError::VersionMismatch { current } => Self::VersionMismatch { current },
            error if error.is_transient() => Self::Unavailable(error.into()),
            error => Self::internal(error),
        }
    }
}

impl From<Forbidden> for ApiError {
    fn from(error: Forbidden) -> Self {
        Self::Forbidden(error.0)
    }
}

impl From<InvalidPage> for ApiError {
    fn from(error: InvalidPage) -> Self {
        let field = match &error {
            InvalidPage::Limit(_) => "limit",
            InvalidPage::Cursor(_) => "cursor",
        };
        Self::invalid_field(field, error.to_string())
    }
}

impl ApiError {
    /// A body that didn't arrive whole, of at most so many bytes.
    pub(crate) fn unreadable(error: &actix_web::Error, max_bytes: usize) -> Self {
        match error.as_error::<PayloadError>() {
            Some(PayloadError::Overflow) => too_large(max_bytes),
            Some(PayloadError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
                Self::TooSlow(error.to_string())
            }
            _ => Self::Malformed(format!("body can't be read: {error}")),
        }
    }

    /// A body that is not JSON, or not of the form that is wanted; `path` is where, `.` for the whole.
    pub(crate) fn unusable_json(path: &str, error: &serde_json::Error) -> Self {
        // "… at line 1 column 5" is part of the text.
        let text = error.to_string();
        if error.classify() != serde_json::error::Category::Data {
            return Self::Malformed(quoted(&format!("not JSON: {text}")));
        }
        let (path, message) = locate(path, &text);
        let detail = quoted(message);
        let Some(field) = field_at(&path, message) else {
            return Self::Invalid { detail, errors: Vec::new() };
        };
        // Of a condition it is where that ends; the field says it better.
        let position = format!(" at line {} column {}", error.line(), error.column());
        let message = quoted(message.strip_suffix(position.as_str()).unwrap_or(message));
        Self::Invalid { detail, errors: vec![FieldProblem { field, message }] }
    }
}

impl From<QueryPayloadError> for ApiError {
    fn from(error: QueryPayloadError) -> Self {
        let text = cause(&error);
        if text.starts_with(UNKNOWN_FIELD) {
            return Self::Invalid { detail: quoted(&text), errors: field_of(&text) };
        }
        Self::Malformed(quoted(&format!("query: {text}")))
    }
}

impl From<PathError> for ApiError {
    fn from(error: PathError) -> Self {
        // A path that can't be an id names nothing.
        Self::NotFound(quoted(&format!("path: {}", cause(&error))))
    }
}

fn cause(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    text.split_once("error: ").map_or(text.clone(), |(_, cause)| cause.to_owned())
}

fn too_large(max_bytes: usize) -> ApiError {
    ApiError::TooLarge(format!("this request's body has at most {max_bytes} bytes"))
}

/// What the caller sent stands in the text: keep it short.
pub(crate) fn quoted(text: &str) -> String {
    text.chars().take(QUOTED_MAX_CHARS).collect()
}

/// The field at fault: where it was noticed, and for a missing or unknown one the name that serde puts
/// within back quotes.
fn field_at(path: &str, text: &str) -> Option<String> {
    let path = Some(path).filter(|path| *path != ".");
    let name = ["missing field `", UNKNOWN_FIELD]
        .iter()
        .find_map(|start| text.strip_prefix(start))
        .and_then(|rest| rest.split_once('`'))
        .map(|(name, _)| name);
    let field = match (path, name) {
        (Some(path), Some(name)) if path == name || path.ends_with(&format!(".{name}")) => {
            path.to_owned()
        }
        (Some(path), Some(name)) => format!("{path}.{name}"),
        (path, name) => path.or(name)?.to_owned(),
    };
    Some(quoted(&field))
}

fn field_of(text: &str) -> Vec<FieldProblem> {
    let field = field_at(".", text);
    field.map(|field| FieldProblem { field, message: quoted(text) }).into_iter().collect()
}

/// The error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
