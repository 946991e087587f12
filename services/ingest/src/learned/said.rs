//! Stored samples as rules hear them.

use millwright_detection::conditions::value::Reading;
use millwright_schemas::{Quality, SignalKind};
use millwright_store::telemetry::detector_states::StoredSample;

/// A signal of a rule, as it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    /// Its place in the rule.
    pub(super) place: usize,
    pub(super) series: i64,
    pub(super) kind: Option<SignalKind>,
    /// What is later is ahead of its time, or not stored yet.
    pub(super) latest: i64,
}

/// What a stored sample says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    Nothing,
    Number(f64),
    Boolean(bool),
    Text(String),
}

impl Said {
    pub(super) fn reading(&self) -> Reading<'_> {
        match self {
            Self::Nothing => Reading::Unusable,
            Self::Number(number) => Reading::Number(*number),
            Self::Boolean(value) => Reading::Boolean(*value),
            Self::Text(text) => Reading::Text(text),
        }
    }

    /// Of a text with the code of its quality.
    pub(super) fn of_text(text: Option<String>, quality: i64) -> Self {
        text.filter(|_| usable(quality)).map_or(Self::Nothing, Self::Text)
    }

    /// Of any other sample.
    pub(super) fn of_sample(sample: &StoredSample, kind: Option<SignalKind>) -> Self {
        let says = |value: f64| match kind {
            Some(SignalKind::Boolean) => Self::Boolean(value != 0.0),
            _ => Self::Number(value),
        };
        sample.value.filter(|_| usable(sample.quality)).map_or(Self::Nothing, says)
    }
}

fn usable(quality: i64) -> bool {
    Quality::from_code(quality) != Quality::Bad
}
