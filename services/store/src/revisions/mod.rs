//! Revisions: late samples that are to be looked at, and what they have shown of alarms.

mod found;
mod spans;

pub use found::{NewRevision, list, of_alarm, record};
pub use spans::{Due, LateRun, extend, passed, settle, take};
