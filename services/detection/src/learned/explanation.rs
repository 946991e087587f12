//! Why a detector spoke, in words and numbers.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// What a detector looked at, and what it found. The most telling comes first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// What was found.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at, such as `level`, or a signal's name.
    pub aspect: String,
    /// Its share of the evidence, 0 to 1.
    pub share: f64,
    /// What was seen.
    pub observed: f64,
    /// What is usual.
    pub expected: f64,
    /// By how much it usually varies (standard deviation).
    pub spread: f64,
    /// In one sentence.
    pub text: String,
}

impl Explanation {
    /// All of it in words, such as `level: the mean of the last 24 samples is 81.2, usual is 61 ± 4.2 (4.8 σ above)`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let between = if text.is_empty() { "" } else { "; " };
            // Writing to a text can't fail.
            let _ = write!(text, "{between}{}", finding.text);
        }
        text
    }
}

/// `81.2, usual is 61 ± 4.2 (4.8 σ above)`.
pub(super) fn compared(observed: f64, expected: f64, spread: f64) -> String {
    format!(
        "{}, usual is {} ± {} ({})",
        short(observed),
        short(expected),
        short(spread),
        deviation(observed, expected, spread)
    )
}

/// `4.8 σ above`.
pub(super) fn deviation(observed: f64, expected: f64, spread: f64) -> String {
    let side = if observed >= expected { "above" } else { "below" };
    let sigmas = (observed - expected).abs() / spread;
    if sigmas.is_finite() && sigmas < 1000.0 {
        format!("{sigmas:.1} σ {side}")
    } else {
        format!("far {side}")
    }
}

/// A number with four digits that count.
pub(super) fn short(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return format!("{number}");
    }
    let magnitude = number.abs().log10().floor();
    if !(-4.0..7.0).contains(&magnitude) {
        return format!("{number:.3e}");
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 7")]
    let decimals = (3.0 - magnitude).max(0.0) as usize;
    let text = format!("{number:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
