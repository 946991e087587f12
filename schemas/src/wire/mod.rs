//! MQTT payloads, in JSON.
//!
//! Decoding has two levels. What isn't a message at all is a [`WireError`] and goes to
//! quarantine as a whole. A message with single values at fault is decoded, and those values
//! come back as [`telemetry::RejectedValue`], so that the good ones beside them are stored.

pub mod command;
pub mod connect;
pub mod events;
mod fault;
pub mod report;
pub mod rules;
pub mod telemetry;
pub mod trust;
mod value;

use crate::limits::PAYLOAD_MAX_BYTES;

/// Why a payload as a whole isn't a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// More than [`PAYLOAD_MAX_BYTES`].
    #[error("payload has {0} bytes, more than {PAYLOAD_MAX_BYTES}")]
    TooLarge(usize),
    /// Not JSON, or a number beyond what JSON numbers may be here.
    #[error("payload is not valid JSON: {0}")]
    Json(String),
    /// JSON, but not of the message's form.
    #[error("payload is not of the expected form: {0}")]
    Form(String),
    /// A field breaks a rule.
    #[error("{field}: {rule}")]
    Field {
        /// Path of the field, such as `samples[3].ts`.
        field: String,
        /// The rule that it breaks, with the value.
        rule: String,
    },
}

impl WireError {
    /// A short stable code for lists and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "too_large",
            Self::Json(_) => "broken_json",
            Self::Form(_) => "unknown_form",
            Self::Field { .. } => "invalid_field",
        }
    }

    fn field(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Field { field: field.into(), rule: rule.into() }
    }
}

fn check_size(payload: &[u8]) -> Result<(), WireError> {
    if payload.len() > PAYLOAD_MAX_BYTES { Err(WireError::TooLarge(payload.len())) } else { Ok(()) }
}
