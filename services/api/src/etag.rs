//! Versions as ETags: what was read is changed only if nobody was quicker.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ETAG, HeaderName, HeaderValue, IF_MATCH};
use actix_web::{FromRequest, HttpRequest};

use crate::error::ApiError;

/// The header `ETag: "<version>"`.
#[must_use]
pub fn etag(version: i64) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(&format!("\"{version}\""));
    (ETAG, value.unwrap_or(HeaderValue::from_static("\"0\"")))
}

/// The version that the caller has read, from `If-Match`. Missing: 428.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub i64);

impl FromRequest for IfMatch {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.headers().get(IF_MATCH) {
            None => Err(ApiError::VersionMissing),
            Some(value) => {
                value.to_str().ok().and_then(version).map(Self).ok_or_else(|| {
                    ApiError::Malformed("If-Match is not an ETag of ours".to_owned())
                })
            }
        })
    }
}

fn version(tag: &str) -> Option<i64> {
    tag.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_back() {
        assert_eq!(etag(7).1.to_str().ok().and_then(version), Some(7));
        for wrong in ["", "7", "\"x\"", "*", "W/\"7\"", "\"7\", \"8\""] {
            assert_eq!(version(wrong), None, "{wrong}");
        }
    }
}
