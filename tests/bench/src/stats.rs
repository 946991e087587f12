//! Percentiles and shares.

use std::time::Duration;

/// Times of one kind, to be summed up.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The median and the 99th percentile, in milliseconds.
    pub(crate) fn p50_p99_ms(&mut self) -> (f64, f64) {
        self.0.sort_unstable();
        (percentile_ms(&self.0, 0.5), percentile_ms(&self.0, 0.99))
    }

    /// The longest, in milliseconds.
    pub(crate) fn longest_ms(&self) -> f64 {
        self.0.iter().max().map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }
}

/// The smallest time that at least this share of all is not above (nearest rank).
fn percentile_ms(sorted: &[Duration], share: f64) -> f64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.max(1) - 1).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

/// Counts as numbers with a fraction.
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

/// Whole numbers with commas, small ones with as many digits as say something.
pub(crate) fn readable(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let places = match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => 0,
        size if size >= 1.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.places$}");
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), ""), |parts| parts);
    let mut out = String::new();
    for (index, digit) in whole.char_indices() {
        let left = whole.len() - index;
        if index > 0 && left % 3 == 0 && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out = format!("{out}.{fraction}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(millis: impl Iterator<Item = u64>) -> Times {
        Times(millis.map(Duration::from_millis).collect())
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        assert_eq!(times((1..=100).rev()).p50_p99_ms(), (50.0, 99.0));
        assert_eq!(times([7].into_iter()).p50_p99_ms(), (7.0, 7.0));
        assert_eq!(times((1..=10).chain([900])).p50_p99_ms(), (6.0, 900.0));
        assert_eq!(times((1..=10).chain([900])).longest_ms(), 900.0);
        assert!(Times::new().p50_p99_ms().1.is_nan());
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(readable(1_234_567.4), "1,234,567");
        assert_eq!(readable(999.5), "1,000");
        assert_eq!(readable(12.34), "12.3");
        assert_eq!(readable(20.0), "20");
        assert_eq!(readable(0.126), "0.13");
        assert_eq!(readable(-1_234.0), "-1,234");
        assert_eq!(readable(-123.0), "-123");
        assert_eq!(readable(f64::NAN), "–");
    }
}
