//! Rules of what is asked for: names of signals, times.

use millwright_schemas::api::telemetry::{LATEST_MACHINES_MAX, SIGNALS_MAX};
use millwright_schemas::{MachineId, SignalName, Timestamp};

use crate::RegistryError;
use crate::limits::SHOWN_MAX;

/// Names of signals, each once.
///
/// # Errors
/// One can't be a signal's name, or they are too many.
pub fn signal_names(names: Vec<String>) -> Result<Vec<String>, RegistryError> {
    let mut signals: Vec<String> = Vec::new();
    for signal in names {
        SignalName::check(&signal)
            .map_err(|error| RegistryError::field("signal", error.to_string()))?;
        if !signals.contains(&signal) {
            signals.push(signal);
        }
    }
    if signals.len() > SIGNALS_MAX {
        let message = format!("{} signals, more than {SIGNALS_MAX}", signals.len());
        return Err(RegistryError::field("signal", message));
    }
    Ok(signals)
}

/// Ids of machines, each once.
pub(super) fn machine_ids(mut ids: Vec<MachineId>) -> Result<Vec<MachineId>, RegistryError> {
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > LATEST_MACHINES_MAX {
        let message = format!("{} machines, more than {LATEST_MACHINES_MAX}", ids.len());
        return Err(RegistryError::field("machine_id", message));
    }
    Ok(ids)
}

/// A time: RFC 3339 or Unix milliseconds.
pub(super) fn time(field: &str, text: &str) -> Result<Timestamp, RegistryError> {
    if let Ok(ms) = text.parse::<i64>() {
        return Ok(Timestamp::from_millis(ms));
    }
    // A plus that wasn't escaped has become a space.
    text.replace(' ', "+").parse().map_err(|_| {
        let message =
            format!("{:?} is neither an RFC 3339 time nor Unix milliseconds", shown(text));
        RegistryError::field(field, message)
    })
}

/// The start of what the caller sent, for an error.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_MAX).collect()
}

/// Whether a text can be a type of an event or an action, or the start of one.
pub(super) fn is_word(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._".contains(&b);
    !text.is_empty() && text.bytes().all(known)
}
