//! What an alarm tells of its cause, in words and numbers.

use serde_json::{Map, Value, json};

use super::compile::Anomaly;
use super::state::Cause;

/// Longest message, in characters; what is beyond is cut.
const MESSAGE_MAX: usize = 500;
/// Findings that an alarm tells.
const FINDINGS_MAX: usize = 8;

/// The explanation as a message, such as `vibration is 4.1 σ above what the machine's signals
/// normally give (7.1, expected 5); 84 % of the evidence`. `None`: there is none.
pub(crate) fn message(anomaly: &Anomaly, cause: &Cause) -> Option<String> {
    let text = text(anomaly, cause);
    if cause.explanation.findings.is_empty() {
        return None;
    }
    Some(match text.char_indices().nth(MESSAGE_MAX) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text,
    })
}

fn text(anomaly: &Anomaly, cause: &Cause) -> String {
    let text = cause.explanation.text();
    match anomaly.signals.get(cause.of).filter(|_| is_alone(anomaly)) {
        Some(signal) => format!("{signal}: {text}"),
        None => text,
    }
}

fn is_alone(anomaly: &Anomaly) -> bool {
    anomaly.untaught.verdicts() == anomaly.signals.len()
}

/// The explanation in numbers.
pub(crate) fn context(anomaly: &Anomaly, cause: &Cause) -> Map<String, Value> {
    let alone = is_alone(anomaly);
    let findings = &cause.explanation.findings;
    let signal = if alone {
        anomaly.signals.get(cause.of)
    } else {
        findings.first().map(|found| &found.aspect).or(anomaly.signals.first())
    };
    let aspect = if alone { "aspect" } else { "signal" };
    let told = findings.iter().take(FINDINGS_MAX).map(|found| {
        json!({
            aspect: found.aspect,
            "share": found.share,
            "observed": found.observed,
            "expected": found.expected,
            "spread": found.spread,
            "text": found.text,
        })
    });
    Map::from_iter([
        ("kind".to_owned(), "anomaly".into()),
        ("signal".to_owned(), signal.map_or("", String::as_str).into()),
        ("together".to_owned(), (!alone).into()),
        ("score".to_owned(), cause.score.into()),
        ("explanation".to_owned(), text(anomaly, cause).into()),
        ("findings".to_owned(), told.collect()),
    ])
}
