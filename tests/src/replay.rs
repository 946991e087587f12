//! Recordings for the agent's replay driver, and what of them should arrive.

use std::path::Path;

use chrono::{DateTime, Utc};

/// Configuration of a replay of one file with a `timestamp` column in RFC 3339.
#[must_use]
pub fn config(file: &Path, speed: f64) -> String {
    format!("[[drivers]]\nkind = \"replay\"\npath = {file:?}\nspeed = {speed:?}\n")
}

/// A made recording: `rows` rows a second apart, in two columns whose values follow from the
/// row's number, so that a wrong or mixed-up one is seen.
#[must_use]
pub fn made(start: DateTime<Utc>, rows: usize) -> String {
    let mut text = String::from("timestamp,rising,waving\n");
    for row in 0..rows {
        let (at, rising, waving) = row_of(start, row);
        let at = DateTime::from_timestamp_micros(at).expect("a time").to_rfc3339();
        text.push_str(&format!("{at},{rising},{waving}\n"));
    }
    text
}

/// Microseconds and both values of a row of the made recording.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "row numbers are small")]
pub fn row_of(start: DateTime<Utc>, row: usize) -> (i64, f64, f64) {
    let at = start.timestamp_micros() + i64::try_from(row).expect("few rows") * 1_000_000;
    (at, row as f64, (row as f64 * 0.1).sin())
}
