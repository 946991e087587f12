//! The files of the dashboard, as they were built into this program.

use std::borrow::Cow;

use actix_web::web::Bytes;
use rust_embed::RustEmbed;

/// Empty when the program was built without the dashboard.
#[derive(RustEmbed)]
#[folder = "../../dashboard/dist"]
#[allow_missing = true]
struct Files;

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asset {
    pub(super) data: Bytes,
    /// Its media type.
    pub(super) content_type: String,
    /// SHA-256, in hex digits.
    pub(super) hash: String,
}

/// The file at a path without a leading slash.
pub(super) fn find(path: &str) -> Option<Asset> {
    let file = Files::get(path)?;
    let data = match file.data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    };
    let hash = file.metadata.sha256_hash().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Asset { data, content_type: content_type(file.metadata.mimetype()), hash })
}

fn content_type(media: &str) -> String {
    if media.starts_with("text/") { format!("{media}; charset=utf-8") } else { media.to_owned() }
}
